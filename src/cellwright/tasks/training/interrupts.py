"""Ctrl-C, politely: the first one asks the work to stop after this step, the second one insists. Floor 6."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Interrupts:
    """A context whose first SIGINT sets `asked`; a second one, or one while `at_once`, interrupts as usual.

    It changes nothing when not `wanted`, outside the main thread (Python delivers no signals there), and
    where SIGINT is ignored (a job in the background).
    """

    def __init__(self, wanted: bool) -> None:
        self.asked = False
        self.at_once = False
        main = threading.current_thread() is threading.main_thread()
        self._before: signal._HANDLER = signal.getsignal(signal.SIGINT) or signal.SIG_DFL
        self._wanted = wanted and main and self._before is not signal.SIG_IGN

    def __enter__(self) -> Interrupts:
        if self._wanted:
            signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._wanted:
            signal.signal(signal.SIGINT, self._before)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        insist = self.asked or self.at_once
        self.asked = True
        if insist:
            raise KeyboardInterrupt
