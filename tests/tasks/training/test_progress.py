"""What a person sees: plain lines without a terminal, a bar on one, nothing when quiet."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from cellwright.tasks.training.progress import Ending, Lines, Live, Observer, Quiet, Start, opening, watcher

ROW = {
    "epoch": 2,
    "loss": 0.5,
    "valid_accuracy": 0.75,
    "valid_macro_f1": 0.5,
    "best": True,
    "learning_rate": 0.002,
    "seconds": 1.25,
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def play(observer: Observer, ending: Ending) -> None:
    observer.started(Start(3, 10, 1, 0, "valid_accuracy", 12_345))
    for batch in range(1, 11):
        observer.batch(2, batch, 0.5)
    observer.epoch(ROW)
    observer.finished(ending)


def test_without_a_terminal_there_is_one_line_per_epoch() -> None:
    stream = io.StringIO()
    observer = watcher(stream=stream)
    assert isinstance(observer, Lines)
    play(observer, Ending("patience", 2, 2, 0.75))
    first, epoch, last = stream.getvalue().splitlines()
    assert first == "training 12,345 parameters, 10 batches an epoch, at most 3 epochs, going on in epoch 2"
    scores = "valid accuracy 0.7500  valid macro f1 0.5000"
    assert re.fullmatch(rf"epoch 2/3  loss 0.5000  {scores}  best  rate 0.002  1.2 s  eta \d+:\d\d", epoch)
    assert last == "stopped early after epoch 2; the best is epoch 2 (0.7500)"


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    stream = Terminal()
    observer = watcher(quiet=True, stream=stream)
    assert isinstance(observer, Quiet)
    play(observer, Ending("epochs", 3, 0, None))
    assert stream.getvalue() == ""
    assert capsys.readouterr() == ("", "")


def test_stderr_is_for_progress_and_stdout_for_results(capsys: pytest.CaptureFixture[str]) -> None:
    play(watcher(), Ending("epochs", 3, 2, 0.75))
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch 2/3" in err


def test_a_terminal_shows_rate_eta_and_score_and_keeps_the_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    observer = watcher(stream=stream)
    assert isinstance(observer, Live)
    wide = Live(Console(file=stream, force_terminal=True, width=160))
    play(wide, Ending("interrupted", 2, 2, 0.75))
    text = stream.getvalue()
    assert re.search(r"\d batches/s  eta \d+:\d\d", text)
    assert "loss 0.5000  valid accuracy 0.7500" in text
    assert "interrupted after epoch 2; the best is epoch 2 (0.7500)" in text
    assert "\x1b[?25h" in text


def test_a_narrow_terminal_does_not_break_the_lines() -> None:
    stream = Terminal()
    play(Live(Console(file=stream, force_terminal=True, width=30)), Ending("epochs", 3, 2, 0.75))
    assert "epoch 2/3  loss 0.5000  valid accuracy 0.7500  valid macro f1 0.5000  best" in stream.getvalue()


def test_a_resumed_training_that_is_done_says_so() -> None:
    assert opening(Start(3, 10, 3, 0, "loss", 5)) == "all 3 epochs are done already"


@pytest.mark.parametrize(
    "ending, text",
    [
        (Ending("epochs", 5, 0, None), "finished after epoch 5"),
        (Ending("failed", 1, 1, 12345.0), "failed after epoch 1; the best is epoch 1 (1.234e+04)"),
    ],
)
def test_the_end_is_told_as_it_was(ending: Ending, text: str) -> None:
    stream = io.StringIO()
    Lines(stream).finished(ending)
    assert stream.getvalue() == text + "\n"
