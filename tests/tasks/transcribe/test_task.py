"""The transcribe task: it learns tones, scores and baselines, saved and streamed, from the command line."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cellwright as cw
from cellwright.cli import main
from cellwright.errors import DataError, SettingError
from cellwright.tasks.inside import inside
from cellwright.tasks.report.page import page
from cellwright.tasks.transcribe.code import steps_of
from cellwright.tasks.transcribe.decode import Prefixes
from cellwright.tasks.transcribe.utterances import normal

from .sounds import RATE, folder, model, small, sound, texts, wav

SAID = ["abc", "cab", "bac"]


@pytest.mark.parametrize("bidirectional", [False, True])
def test_it_learns_to_hear_tones(bidirectional: bool) -> None:
    assert model(bidirectional).predict([sound(text) for text in SAID]) == SAID
    assert model(bidirectional).measure([sound(text) for text in SAID], SAID)["word_error_rate"] == 0


def test_another_rate_and_two_channels_are_heard_alike() -> None:
    both = np.stack([sound("cab", 22050), np.zeros(3 * 2205)], axis=1) * 2
    part = normal([both], rate=22050)
    assert model().predict(part) == ["cab"]


@pytest.mark.parametrize(
    ("settings", "alike"),
    [
        ({"group": "speaker", "bidirectional": True}, True),
        ({"centre": "recording", "bidirectional": True}, True),
        ({"bidirectional": True}, False),
        ({"group": "speaker"}, False),
    ],
)
def test_by_its_own_mean_a_recording_is_heard_alike_however_loud(
    settings: dict[str, Any], alike: bool
) -> None:
    said = sound("cab") + np.random.default_rng(0).normal(0, 0.05, 2400)
    facts = small(**settings).learn(normal([said, said], texts(2), rate=RATE))
    loud, quiet = steps_of(normal([said, said / 4], rate=RATE), facts)
    assert np.allclose(loud, quiet, atol=1e-4) == alike
    bands = facts["frames"]["bands"]
    assert (abs(quiet.reshape(-1, bands).mean(0)).max() < 1e-5) == alike


def test_saved_it_says_the_same_and_keeps_its_frames(tmp_path: Path) -> None:
    model().save(tmp_path / "run")
    loaded = cw.Transcriber.load(tmp_path / "run")
    x = [sound(text) + np.random.default_rng(0).normal(0, 0.05, 2400) for text in SAID]
    assert loaded.predict(x) == model().predict(x)
    kept = json.loads((tmp_path / "run" / "model.json").read_text())["facts"]
    assert kept["frames"]["rate"] == RATE
    assert kept["frames"]["bands"] == len(kept["mean"]) == len(kept["spread"]) == 16
    assert kept["alphabet"]["tokens"] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "settings", [{"features": "mfcc", "bands": 20}, {"alphabet": "words", "masks": 1, "stack": 3}]
)
def test_it_trains_on_cepstra_and_on_words(settings: dict[str, Any]) -> None:
    y = [" ".join(text) for text in texts(12)] if "alphabet" in settings else texts(12)
    trained = small(epochs=2, **settings).fit([sound(text.replace(" ", "")) for text in y], y, test=0.25)
    assert np.isfinite(trained.metrics_["test"]["loss"])
    assert set(trained.metrics_["baselines"]) == {"most_frequent", "nearest"}


def test_few_texts_get_a_linear_machine_beside_them() -> None:
    y = ["a", "b", "c"] * 8
    trained = small(epochs=1).fit([sound(text) for text in y], y, test=0.25)
    assert trained.metrics_["baselines"]["linear"]["word_error_rate"] == 0
    assert 0.3 < trained.metrics_["baselines"]["most_frequent"]["word_error_rate"] < 0.9
    shown = page(trained)
    assert "What it hears" in shown
    assert "data:image/png;base64," in shown
    assert "Where it mishears most" in shown or trained.metrics_["test"]["exact"] == 1


def test_letters_never_seen_and_texts_too_long_count_as_errors_and_are_said() -> None:
    x = [sound("abc"), sound("cab"), np.zeros(100)]
    with pytest.warns(UserWarning) as said:
        found = model().measure(x, ["abc", "cazb", "abc"])
    assert len(said) == 2
    assert "1 texts have what training never saw ('z'; the first: recording 2)" in str(said[0].message)
    assert (
        "1 texts are longer than the steps of their recordings allow (the first: recording 3, 1 steps, 3 needed)"
        in str(said[1].message)
    )
    assert found["exact"] == pytest.approx(1 / 3)
    assert np.isfinite(found["loss"])
    with pytest.warns(UserWarning, match="training never saw"):
        assert np.isnan(model().measure([sound("a")], ["z"])["loss"])


def test_nothing_is_learnt_from_texts_too_long_and_none_left_is_refused() -> None:
    y = [*texts(8), "abcabcabcabcabcabcabcabcabcabcabcabc"]
    x = [*(sound(text) for text in y[:8]), sound("abc")]
    with pytest.warns(UserWarning, match="1 texts are longer"):
        trained = small(epochs=1).fit(x, y)
    assert trained.history_[0]["loss"] > 0
    with (
        pytest.warns(UserWarning, match="2 texts"),
        pytest.raises(DataError, match="no text fits into the steps"),
    ):
        small(epochs=1).fit([np.zeros(10)] * 2, ["abc", "cba"])


def test_settings_that_do_not_go_together_are_refused() -> None:
    for settings, message in [
        ({"hop": 0.05}, "hop must be at most window"),
        ({"features": "mfcc"}, ""),
        ({"features": "mfcc", "coefficients": 20}, "coefficients must be at most bands"),
        ({"features": "mel"}, "features must be one of logmel, mfcc"),
        ({"file": "a", "text": "a"}, "file and text must be two columns"),
        ({"centre": "recording"}, "centre recording needs both directions"),
        ({"centre": "recording", "bidirectional": True}, ""),
        ({"alphabet": "letter"}, "did you mean letters"),
    ]:
        if message:
            with pytest.raises(SettingError, match=message):
                small(**settings).check()
        else:
            small(**settings).check()


def test_the_inside_of_a_recording_is_followed_to_the_probability_of_its_text(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(sound("cab")))
    found = inside(model(), str(tmp_path / "a.wav"))
    assert found.title[0].endswith("a.wav")
    assert "says “cab”" in found.said[0]
    assert [step.split()[1] for step in found.steps if " " in step] == ["c", "a", "b"]
    assert found.signal is not None
    assert found.signal.shape == (len(found.steps), 3)
    with torch.no_grad():
        y, _, _ = found.layer.run(torch.cat([found.x] * 2, 1))
        said = found.read(y)
        search = Prefixes(0, unlikely=-np.inf)
        for row in model().network_(found.x, torch.tensor([len(found.x)]))[:4, 0].numpy():
            search.push(row)
    assert said.shape == (2,)
    short = found.read(y[:4])
    assert short[0].item() == pytest.approx(search.log_probability([3, 1, 2]), rel=1e-4)


def run(capsys: pytest.CaptureFixture[str], *typed: object, code: int = 0) -> tuple[str, str]:
    assert main([str(word) for word in typed]) == code
    said = capsys.readouterr()
    return said.out, said.err


def test_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    where, out = folder(tmp_path / "tones", texts(20)), tmp_path / "run"
    sizes = ("--units", 8, "--layers", 1, "--bands", 16, "--epochs", 2, "--no-bidirectional", "--beam", 2)
    said, notes = run(capsys, "train", "transcribe", where, "--out", out, *sizes, "--group", "speaker")
    assert "20 recordings, 6.0 seconds, 8,000 Hz; group = speaker, file = file, text = text (guessed" in notes
    assert "word error rate" in said
    assert "most-frequent" in said
    assert "cellwright predict" in said
    assert (out / "report.html").is_file()
    table, _ = run(capsys, "predict", out, where / "03.wav", "--quiet")
    assert table.splitlines()[0] == "file,text"
    assert table.splitlines()[1].startswith(f"{where / '03.wav'},")
    run(capsys, "predict", out, where, "--out", tmp_path / "said.txt")
    assert len((tmp_path / "said.txt").read_text().splitlines()) == 20
    scored, _ = run(capsys, "evaluate", out, where, "--json")
    assert json.loads(scored)["word_error_rate"] >= 0
    pcm = np.round(sound("abc") * 32767).astype("<i2").tobytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(pcm)))
    said, notes = run(capsys, "stream", out, "--format", "pcm")
    last = json.loads(said.splitlines()[-1])
    assert last["final"] is True
    assert last["seconds"] == 0.3
    assert last["text"] == cw.Transcriber.load(out).predict([np.frombuffer(pcm, "<i2")])[0]
    assert "0.3 s of sound" in notes
    for words, parts in [
        (("train", "transcribe", tmp_path / "none"), "no such file"),
        (("train", "transcribe", where, "--text", "said"), "no such column"),
        (("stream", out, "--format", "pcm", "--rate", 0), "no sampling rate"),
        (("stream", out, "--rate", 8000), "--rate goes with --format pcm"),
    ]:
        _, error = run(capsys, *words, code=2)
        assert parts in error
        assert error.count("\n") == 1


def test_a_wav_into_a_stream_of_raw_sound_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model().save(tmp_path / "run")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(wav(sound("ab")))))
    _, error = run(capsys, "stream", tmp_path / "run", "--format", "pcm", code=2)
    assert "the sound begins as a WAV file does" in error
