"""WAV files of every kind, folders, archives and tables; every refusal with its place."""

from __future__ import annotations

import gzip
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from cellwright.errors import DataError
from cellwright.tasks.transcribe.read import Columns, read
from cellwright.tasks.transcribe.recordings import decoded, of_file, of_values
from cellwright.tasks.transcribe.utterances import Utterances, normal

from . import sounds
from .sounds import folder, sound, wav

NONE = Columns()
KNOWN = {"file": "file", "text": "text"}


@pytest.mark.parametrize(
    ("kind", "near"), [("u1", 1 / 128), ("i2", 4e-5), ("i3", 2e-7), ("i4", 1e-7), ("f4", 0), ("f8", 0)]
)
def test_every_kind_of_sample_is_read(kind: str, near: float) -> None:
    x = np.array([0.0, 0.5, -0.25, 0.999, -1.0, 0.1])
    rate, samples, channels = decoded(wav(x, 11025, kind), "x")
    assert (rate, channels) == (11025, 1)
    assert np.abs(samples - x).max() <= near + 1e-7


def test_channels_are_averaged_and_other_chunks_do_not_disturb() -> None:
    x = np.stack([np.full(9, 0.5), np.zeros(9)], axis=1)
    data = wav(x)
    odd = data[:36] + b"LIST\x03\0\0\0abc\0" + data[36:]
    assert decoded(odd, "x")[1].tolist() == decoded(data, "x")[1].tolist() == [0.25] * 9
    assert decoded(odd, "x")[2] == 2


def test_a_wav_from_a_program_that_did_not_know_its_end_is_read() -> None:
    data = wav(np.linspace(-0.5, 0.5, 100))
    assert len(decoded(data[:40] + b"\xff\xff\xff\xff" + data[44:], "x")[1]) == 100


def test_silence_clipping_and_shortness_survive_and_are_said(tmp_path: Path) -> None:
    where = folder(tmp_path / "d", ["abc", "bca", "cab", "a", "b"])
    (where / "00.wav").write_bytes(wav(np.zeros(800)))
    (where / "01.wav").write_bytes(wav(np.clip(9 * sound("bca"), -1, 1)))
    (where / "02.wav").write_bytes(wav(np.stack([sound("cab")] * 2, axis=1)))
    (where / "03.wav").write_bytes(wav(sound("a", 16000), 16000))
    (where / "04.wav").write_bytes(wav(np.zeros(0)))
    (where / "more.wav").write_bytes(wav(sound("c")))
    part = read(where, NONE)
    assert "5 recordings, 0.8 seconds, 8,000 and 16,000 Hz; file = file, text = text (guessed" in part.note
    assert "2 silent (the first: 00.wav); 1 clipped (the first: 01.wav)" in part.note
    assert (
        "1 of several channels, averaged (the first: 02.wav); 1 audio files have no transcript" in part.note
    )
    assert [len(one.samples()) for one in part.recordings] == [800, 2400, 2400, 1600, 0]
    model = sounds.model()
    assert len(model.predict(part)) == 5
    assert set(model.measure(part)) == {"word_error_rate", "character_error_rate", "exact", "loss"}


def test_a_folder_an_archive_and_a_table_are_read_alike(tmp_path: Path) -> None:
    said = ["ab", "b c", "c"]
    where = folder(tmp_path / "d", said)
    plain = read(where, NONE)
    assert plain.known() == said
    packed = tmp_path / "p"
    packed.mkdir()
    with ZipFile(packed / "all.zip", "w") as archive:
        for file in sorted(where.glob("*.wav")):
            archive.write(file, f"wavs/{file.name}")
        archive.write(where / "labels.csv", "labels.csv")
    assert read(packed / "all.zip", NONE).known() == said
    rows = [f'{{"text": "{text}", "path": "wavs/{k:02}"}}' for k, text in enumerate(said)]
    (packed / "names.jsonl.gz").write_bytes(gzip.compress("\n".join(rows[:2]).encode()))
    lines = read(packed / "names.jsonl.gz", NONE)
    assert (lines.known(), lines.columns) == (said[:2], {"file": "path", "text": "text"})
    named = read(packed, Columns("names.jsonl.gz"))
    for one in (lines, named):
        for a, b in zip(plain.recordings, one.recordings, strict=False):
            assert np.array_equal(a.samples(), b.samples())


def test_groups_are_kept_and_no_group_lies_in_two_parts(tmp_path: Path) -> None:
    part = read(folder(tmp_path / "d", ["ab", "ba"] * 6), Columns(group="speaker"))
    rest, held = part.split(0.3, seed=1)
    assert not set(rest.groups) & set(held.groups)
    assert len(rest) + len(held) == 12
    few, other = read(tmp_path / "d", NONE).split(0.25, seed=0)
    assert set(few.known()) == set(other.known()) == {"ab", "ba"}


def test_for_a_trained_model_transcripts_may_lack(tmp_path: Path) -> None:
    where = folder(tmp_path / "d", ["ab", "ba"])
    (where / "new.wav").write_bytes(wav(sound("c")))
    part = read(where, NONE, KNOWN)
    assert list(part.texts or []) == ["ab", "ba", ""]
    assert [one.name for one in part.recordings] == ["00.wav", "01.wav", "new.wav"]
    assert len(part.whole()) == 2
    (where / "second.csv").write_text("a,b\n1,2\n")
    assert read(where, NONE, KNOWN).texts is None
    assert len(read(where / "new.wav", NONE, KNOWN)) == 1
    with pytest.raises(DataError, match=r"there are no transcripts \(.*new.wav\)"):
        read(where / "new.wav", NONE).known()


def refused(where: Path, asked: Columns = NONE) -> str:
    with pytest.raises(DataError) as caught:
        read(where, asked)
    return str(caught.value)


def test_what_is_no_wav_or_cut_short_is_refused_by_name(tmp_path: Path) -> None:
    where = folder(tmp_path / "d", ["ab", "ba"])
    whole = (where / "01.wav").read_bytes()
    for data, parts in {
        b"not sound at all": ("not a WAV file (01.wav)", "expected RIFF....WAVE; convert it"),
        b"ID3\x03": ("not a WAV file (01.wav)",),
        whole[: len(whole) // 2]: (
            "the WAV file is cut short (01.wav): got 1,578 bytes of sound, expected 3,200",
        ),
        whole[:40]: ("the WAV file is cut short (01.wav): got no sound",),
        whole[:20] + b"\x06\0" + whole[22:]: (
            "the WAV file cannot be read (01.wav): got Unknown wave file format",
        ),
        wav(np.array([0.0, np.nan]), kind="f4"): (
            "samples that are no finite numbers (01.wav): got sample 2",
        ),
    }.items():
        (where / "01.wav").write_bytes(data)
        message = refused(where)
        assert all(part in message for part in parts), message
        assert "\n" not in message
    (where / "01.wav").write_bytes(b"")
    assert "the file is empty" in refused(where)


def test_tables_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    where = folder(tmp_path / "d", ["ab", "ba"])
    table = where / "labels.csv"
    table.write_text("file,text\n00.wav,ab\n02.wav,ba\n05.wav,c\n")
    assert (
        "a transcript with no audio (labels.csv, line 3): got 02.wav and 1 others, expected one of 2"
        in refused(where)
    )
    table.write_text("file,text\n00.wav,ab\n00,ba\n")
    assert "one file has several transcripts (labels.csv, line 2, line 3): got 00.wav; keep one" in refused(
        where
    )
    table.write_text("file,text\n")
    assert "a header and no rows" in refused(where)
    table.write_text("")
    assert "the file is empty" in refused(where)
    table.write_text("sound,text\nx.wav,ab\ny.wav,ba\n")
    assert "a table without names of the audio files" in refused(where)
    table.write_text("file\n00.wav\n01.wav\n")
    assert "a table without texts beside the files" in refused(where)
    table.write_text("file,text\n00.wav,ab\n01.wav,ba\n")
    assert "no such column" in refused(where, Columns(text="said"))
    (where / "other.tsv").write_text("a\tb\n")
    assert "several tables of transcripts" in refused(where)
    assert "labels.csv, other.tsv" in refused(where)
    assert read(where, Columns(table="labels.csv")).known() == ["ab", "ba"]
    table.unlink()
    (where / "other.tsv").unlink()
    assert "no table of transcripts" in refused(where)


def test_folders_without_sound_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"ID3")
    assert "no WAV files" in refused(tmp_path)
    assert "got a.mp3 and the like" in refused(tmp_path)
    (tmp_path / "bad.zip").write_bytes(b"PK nothing")
    assert "not a zip archive" in refused(tmp_path / "bad.zip")
    with ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("a.txt", "x")
    assert "no WAV files in the archive" in refused(tmp_path / "empty.zip")
    assert "no such file" in refused(tmp_path / "nothing")
    assert "this sample has no sound" in refused(Path("pydoc"))


def test_samples_in_memory(tmp_path: Path) -> None:
    whole = of_values(np.array([16384, -32768], dtype=np.int16), 8000, "x")
    assert whole.samples().tolist() == [0.5, -1.0]
    assert of_values([0.1, 0.2], 8000, "x").length == 2
    (tmp_path / "a.wav").write_bytes(wav(sound("a")))
    part = normal([sound("b"), tmp_path / "a.wav"], ["b ", "a"], rate=8000)
    assert part.known() == ["b", "a"]
    assert of_file(tmp_path / "a.wav", "a").rate == 8000
    for X, y, message in [
        ("a.wav", None, "one recording instead of a list"),
        ([], None, "there are no recordings"),
        ([sound("a")], ["a", "b"], "X and y differ in number: got 1 recordings, 2 texts"),
        ([sound("a")], [3], r"no text \(y, text 1\): got int"),
        ([["a"]], ["a"], r"no sound \(recording 1\)"),
        ([np.zeros((2, 2, 2))], ["a"], r"no sound \(recording 1\)"),
    ]:
        with pytest.raises(DataError, match=message):
            normal(X, y)
    with pytest.raises(DataError, match="no recording has a transcript"):
        Utterances(part.recordings, ["", ""]).whole()
