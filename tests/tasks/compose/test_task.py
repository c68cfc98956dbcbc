"""The compose task: what it learns, its score by hand, music in files, and every way in which pieces are none."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cellwright as cw
from cellwright.cli import main
from cellwright.errors import DataError, SettingError
from cellwright.tasks.compose.network import after_silence, transposed
from cellwright.tasks.compose.rolls import normal, read
from cellwright.tasks.compose.simple import frequency, repeat
from cellwright.tasks.report.page import page

TURNS = [[40, 44], [42, 46], [40, 47]]  # three chords, one after the other


def pieces() -> list[list[list[int]]]:
    return [[[key + move for key in TURNS[k % 3]] for k in range(9)] for move in (0, 5, 10)] * 3


def small(**settings: Any) -> cw.Composer:
    usual = {"units": 16, "epochs": 25, "batch_size": 3, "valid": 0, "dropout": 0.0, "key_dropout": 0.0}
    return cw.Composer(**{**usual, "learning_rate": 0.03, "patience": 0, "seed": 1, **settings})


@pytest.fixture(scope="module")
def model() -> cw.Composer:
    return small().fit(pieces(), test=(pieces()[:3], None))


def test_it_goes_on_as_it_began(model: cw.Composer) -> None:
    piece = pieces()[1]
    assert model.generate(piece[:3], 6, temperature=0) == piece[3:]
    scores = model.metrics_["test"]
    assert scores["nll"] < 0.5 * model.metrics_["baselines"]["repeat"]["nll"]
    assert scores["key_accuracy"] > 0.9


def test_the_score_is_nats_of_all_keys_for_every_step_but_the_first(model: cw.Composer) -> None:
    """Step by step and key by key, on pieces of unequal length."""
    asked = [pieces()[0], pieces()[1][:4]]
    network, total, steps = model.network_.eval(), 0.0, 0
    for piece in normal(asked).pieces:
        state = None
        before = torch.zeros(1, 1, 88)
        for t, step in enumerate(torch.from_numpy(piece)):
            with torch.no_grad():
                logits, state = network(before, state)
            share = logits[0, 0].double().sigmoid()
            if t:
                total -= float(torch.where(step > 0, share, 1 - share).log().sum())
                steps += 1
            before = step.view(1, 1, 88)
    assert model.measure(asked)["nll"] == pytest.approx(total / steps, rel=1e-4)


def test_baselines_by_hand() -> None:
    """One key in two pieces: 1 0 1 1 and 0 1; add-a-half shares; the 87 silent keys are sure but for that half."""
    known = normal([[[3], [], [3], [3]], [[], [3]]]).pieces
    silent = 87 * -math.log(6.5 / 7)
    share = 4.5 / 7
    assert frequency(known, known) == pytest.approx(
        silent - (3 * math.log(share) + math.log(1 - share)) / 4, rel=1e-5
    )
    # After a 1 came 0, 1; after a 0 came 1, 1.
    on, off = 1.5 / 3, 2.5 / 3
    stays_silent = 87 * -math.log(4.5 / 5)
    by_hand = -(math.log(1 - on) + math.log(on) + 2 * math.log(off)) / 4
    assert repeat(known, known) == pytest.approx(stays_silent + by_hand, rel=1e-5)


def test_pieces_are_moved_whole() -> None:
    torch.manual_seed(0)
    x = torch.zeros(3, 50, 88)
    x[0, :, 1], x[1, :, 40], x[2, :, 87] = 1, 1, 1
    moved = transposed(x, 3)
    by = moved[1].argmax(1) - 40
    assert set(by.tolist()) == set(range(-3, 4))
    for k, move in enumerate(by.tolist()):
        for t, key in enumerate((1, 40, 87)):
            inside = 0 <= key + move < 88
            assert moved[t, k].nonzero().flatten().tolist() == ([key + move] if inside else [])
    assert transposed(x, 0) is x
    assert (after_silence(x)[1:] == x[:-1]).all() and not after_silence(x)[0].any()


def test_the_same_seed_writes_the_same_and_saved_too(model: cw.Composer, tmp_path: Path) -> None:
    written = model.generate([], 12, seed=3)
    assert written == model.generate([], 12, seed=3) != model.generate([], 12, seed=4)
    model.save(tmp_path / "run")
    assert cw.Composer.load(tmp_path / "run").generate([], 12, seed=3) == written


def test_the_page_draws_the_music(model: cw.Composer) -> None:
    shown = page(model)
    assert "what it writes" in shown and "nats per step" in shown


def test_parts_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.json.gz").write_bytes(
        gzip.compress(json.dumps({"train": pieces(), "test": pieces()[:2]}).encode())
    )
    assert len(read("a.json.gz:test")) == 2
    both = read("a.json.gz")
    assert len(both) == 11
    assert "the parts train, test together" in both.note
    assert read("a.json.gz:test").pieces[0].shape == (9, 88)


def test_from_a_file_to_a_midi_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.json").write_text(json.dumps({"train": pieces(), "valid": pieces()[:3], "test": pieces()[3:6]}))
    train = "train compose a.json:train --validation a.json:valid --test a.json:test --units 8 --epochs 1 --out run"
    assert main([*train.split(), "--quiet"]) == 0
    assert "repeat" in capsys.readouterr().out
    typed = "generate run --prompt a.json:test --heard 4 --length 8 --tempo 120"
    assert main([*typed.split(), "--out", "new.mid"]) == 0
    assert "12 steps, 6 s" in capsys.readouterr().out
    assert Path("new.mid").read_bytes()[:4] == b"MThd"
    assert main(["evaluate", "run", "a.json:test", "--json", "--quiet"]) == 0
    assert "nll" in json.loads(capsys.readouterr().out)
    for typed, says in (
        ("generate run", "music is written to a file"),
        ("generate run --out new.wav", "music does not go to such a file"),
        ("generate run --out new.mid --tempo 1", "tempo must be from 4 to 1000"),
        ("generate run --out new.mid --length 0", "length must be at least 1"),
        ("generate run --out new.mid --prompt a.json:none", "no such part"),
        ("predict run a.json", "predicts no rows"),
    ):
        assert main(typed.split()) == 2
        assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("not json", ("no JSON", "a.json")),
        ("7", ("no pieces", "a.json", "got int")),
        ("[]", ("there are no pieces",)),
        ("[[]]", ("an empty piece", "a.json, piece 1", "take it out")),
        ("[[[1], [2]], [[1]]]", ("a piece of one step", "a.json, piece 2")),
        ("[[[1], [88]]]", ("a key out of range", "piece 1, step 2", "got 88", "0 to 87")),
        ("[[[1], [-1]]]", ("a key out of range", "got -1")),
        ("[[[1], [1.5]]]", ("a key that is no whole number", "piece 1, step 2", "1.5")),
        ('[[[1], ["C4"]]]', ("a key that is no whole number", "C4")),
        ("[[1, 2]]", ("a step that is no list of keys", "piece 1, step 1")),
        ("[3]", ("a piece that is no list of steps", "piece 1")),
        ('{"train": 3}', ("a part that is no list of pieces", "train")),
        ("\x00", ("a binary file",)),
    ],
)
def test_what_is_no_music_is_one_line_and_leaves_nothing(
    content: str, parts: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.json").write_text(content)
    assert main(["train", "compose", "a.json", "--out", "run"]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    for part in parts:
        assert part in said[0]
    assert not Path("run").exists()


def test_arrays_and_settings_that_do_not_go() -> None:
    with pytest.raises(DataError, match="no piano roll"):
        normal([np.ones((4, 12))])
    with pytest.raises(DataError, match="no piano roll"):
        normal([np.full((4, 88), 0.5)])
    with pytest.raises(SettingError, match="bidirectional must be false"):
        small(bidirectional=True).check()
