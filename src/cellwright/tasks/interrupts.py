"""Ctrl-C, politely: the first one asks the work to stop after this step, the second one insists. Floor 6."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Interrupts:
    """A context whose first SIGINT sets `asked`; a second one, or one while `at_once`, interrupts as usual.

    Outside the main thread, where Python delivers no signals, or when not `wanted`, it changes nothing.
    """

    def __init__(self, wanted: bool) -> None:
        self.asked = False
        self.at_once = False
        self._wanted = wanted and threading.current_thread() is threading.main_thread()
        self._before: signal._HANDLER = signal.SIG_DFL

    def __enter__(self) -> Interrupts:
        if self._wanted:
            self._before = signal.signal(signal.SIGINT, self._on_signal) or signal.SIG_DFL
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
