"""A stream of sound says what the whole says, however it is cut; snapshots; refusals that change nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import cellwright as cw
from cellwright.errors import DataError
from cellwright.tasks.lines import Lines

from .sounds import model, small, sound, texts, wav

NOISY = sound("abcacb") + np.random.default_rng(1).normal(0, 0.05, 4800)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("beam", [1, 4])
@pytest.mark.parametrize("piece", [61, 400, 100_000])
def test_streamed_is_batch(bidirectional: bool, beam: int, piece: int) -> None:
    trained = model(bidirectional)
    before = trained.beam
    trained.beam = beam
    try:
        stream = cw.Stream(trained)
        for x in (NOISY, sound("ba")):  # the second after the end of the first
            for k in range(0, len(x), piece):
                said = stream.push(x[k : k + piece])
                assert set(said) == {"text", "seconds"}
            last = stream.push({"end": True})
            assert last == {"text": trained.predict([x])[0], "seconds": len(x) / 8000, "final": True}
    finally:
        trained.beam = before


def test_partial_results_grow_with_the_sound() -> None:
    stream = cw.Stream(model())
    said = [stream.push(sound("c"))["text"], stream.push(sound("a"))["text"], stream.push(sound("b"))["text"]]
    assert said[0] in ("", "c")
    assert said[1].startswith("c")
    assert stream.push({"end": True})["text"] == "cab"


def test_probabilities_streamed_are_those_of_the_batch() -> None:
    """Not only the texts: each step's numbers."""
    from cellwright.tasks.training.batches import Ragged
    from cellwright.tasks.transcribe import code
    from cellwright.tasks.transcribe.task import _logs

    trained = model()
    part = trained._utterances([NOISY])
    with torch.no_grad():
        wanted = _logs(trained.network_, Ragged(code.steps_of(part, trained.facts_)))[0]
        way = trained.way()
        rows = [way._further(way._ear.push(NOISY[k : k + 333])) for k in range(0, len(NOISY), 333)]
        got = np.concatenate([*rows, way._further(way._ear.end())])
    assert np.allclose(got, wanted, atol=1e-4)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_snapshot_goes_on_at_another_rate_in_the_middle_of_a_frame(bidirectional: bool) -> None:
    x = sound("bca", 11025)
    first, second = cw.Stream(model(bidirectional)), cw.Stream(model(bidirectional))
    first.push({"samples": x[:1501], "rate": 11025})
    second.restore(first.snapshot())
    for stream in (first, second):
        stream.push({"samples": x[1501:]})
    assert second.push({"end": True}) == first.push({"end": True})
    assert first.push({"samples": list(x), "rate": 11025, "end": True})["text"] == "bca"


def test_lines_of_samples_and_of_paths(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(sound("cab", 16000), 16000))
    lines = Lines(cw.Stream(model()))
    half = json.dumps([round(float(v), 4) for v in sound("ab")])
    asked = [half, '{"end": true}', json.dumps({"path": str(tmp_path / "a.wav")}), '{"reset": true}']
    said = [json.loads(lines.answer(line.encode())) for line in asked]
    assert said[1] == {"text": "ab", "seconds": 0.2, "final": True}
    assert said[2] == {"text": "cab", "seconds": 0.3, "final": True}
    assert said[3] == {"reset": True}
    plain = Lines(cw.Stream(model()))
    assert plain.answer(str(tmp_path / "a.wav").encode()) == "cab,0.3,"
    assert "no such file" in plain.answer(b"none.wav")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("sound", "no samples"),
        (3.0, "no samples: got 3.0, expected a list of numbers"),
        ([0.1, "x"], "no samples"),
        ([0.1, None], "finite"),
        ([20000.0], "no samples: got 20000, expected numbers between -1 and 1; divide whole numbers"),
        ({"sample": [0.1]}, "no such part of an item: got sample"),
        ({"samples": [0.1], "rate": 16000}, "the rate changes inside an utterance: got 16000, expected 8000"),
        ({"samples": [0.1], "rate": 0}, "no sampling rate"),
        ({"samples": [0.1], "rate": True}, "no sampling rate"),
        ({"samples": [0.1], "end": 1}, "the end is true or false"),
        ({"path": "a.wav", "end": True}, "a path stands alone"),
        ({"path": 3}, "a path stands alone"),
    ],
)
def test_what_is_no_sound_is_refused_and_leaves_the_stream_as_it_was(item: object, message: str) -> None:
    stream = cw.Stream(model())
    stream.push(NOISY[:1000])
    before = stream.snapshot()
    with pytest.raises(DataError, match=message):
        stream.push(item)  # type: ignore[arg-type]
    assert stream.snapshot() == before


def test_an_utterance_too_long_to_be_heard_again_is_refused() -> None:
    stream = cw.Stream(model(True))
    with pytest.raises(
        DataError, match="too long to be heard again with every piece: got 1000 s, expected 120 s"
    ):
        stream.push(np.zeros(8_000_000, dtype=np.float32))
    assert stream.push({"end": True})["seconds"] == 0


def test_any_cell_streams() -> None:
    said = texts(6)
    trained = small(cell="gru", epochs=1, units=8).fit([sound(text) for text in said], said)
    stream = cw.Stream(trained)
    stream.push(NOISY)
    assert stream.push({"end": True})["text"] == trained.predict([NOISY])[0]
