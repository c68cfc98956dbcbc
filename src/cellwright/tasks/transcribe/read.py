"""From files to utterances: WAVs in a folder or a zip, and a table of what is said in them. Floor 6.

What is odd but usable is said in the note. Refuses a folder without WAVs, several tables where none is named,
a transcript without its audio, a file named twice, and what `recordings` and the readers of tables refuse.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import BadZipFile, ZipFile

import polars as pl

from cellwright.errors import DataError
from cellwright.tasks.data import names as usual
from cellwright.tasks.data import read_table, resolve, strings
from cellwright.tasks.data.roles import find_column
from cellwright.tasks.data.source import shown
from cellwright.tasks.data.table import lines
from cellwright.tasks.transcribe.recordings import Recording, of_file
from cellwright.tasks.transcribe.utterances import Utterances, plain

TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet")
TEXTS = (
    *("text", "transcript", "transcription", "sentence", "normalized_text", "words", "utterance", "said"),
    *("文本", "转写", "句子", "内容", *usual.LABEL),
)
OTHERS = (".flac", ".mp3", ".ogg", ".m4a", ".opus", ".aac", ".wma", ".aiff")


@dataclass(frozen=True)
class Columns:
    """What was asked for: the table, its columns of files, of texts and of groups; "" where nothing was."""

    table: str = ""
    file: str = ""
    text: str = ""
    group: str = ""


@dataclass(frozen=True)
class _Audio:
    """Sound by its name: a path below the folder, or inside an archive that lies there."""

    where: Path
    names: Sequence[str]
    archive: ZipFile | None = None

    @property
    def place(self) -> str:
        return str(self.where if self.archive is None else self.archive.filename)

    def recording(self, name: str) -> Recording:
        return of_file(self.where / name if self.archive is None else name, name, self.archive)


def read(data: Any, asked: Columns, known: Mapping[str, str] | None = None) -> Utterances:
    """Read a folder of WAVs, a zip of them, a table beside them, or one WAV.

    Args:
        data: a path. A table names files below its folder, or in the zip that lies there.
        asked: the table and the columns.
        known: the columns a trained model was trained on, tried before guessing; transcripts may lack
        then. None
            before training.

    Raises:
        DataError: see above.
    """
    source = resolve(data)
    path = source.path
    if path is None:
        raise DataError(
            "this sample has no sound", got=source.name, expected="a folder of WAV files, or a zip"
        )
    if path.suffix.lower() == ".wav" and path.is_file():
        return _noted([of_file(path, shown(source))], Utterances([], place=shown(source)))
    audio = _audio(path, shown(source))
    with TemporaryDirectory() as folder:
        table = _table(path, audio, asked.table, Path(folder), strict=known is None)
        if table is None:
            found = [audio.recording(name) for name in audio.names]
            return _noted(found, Utterances([], place=shown(source)))
        return _listed(table, audio, asked, known, shown(source))


def _audio(path: Path, where: str) -> _Audio:
    """The sound that is there: of the folder, else of the one zip in it."""
    folder = path if path.is_dir() else path.parent
    if path.suffix.lower() == ".zip" and path.is_file():
        return _packed(path)
    names = sorted(str(PurePosixPath(p.relative_to(folder))) for p in folder.rglob("*") if _is_wav(p.name))
    if names:
        return _Audio(folder, names)
    archives = sorted(p for p in folder.iterdir() if p.suffix.lower() == ".zip")
    if len(archives) == 1:
        return _packed(archives[0])
    others = sorted(p.name for p in folder.rglob("*") if p.suffix.lower() in OTHERS)
    got = f"{others[0]} and the like" if others else f"{len(archives)} zip files" if archives else "none"
    fix = "convert them, say by: ffmpeg -i FILE FILE.wav" if others else "name the folder that has them"
    raise DataError("no WAV files", where=where, got=got, expected="*.wav, or one zip of them", fix=fix)


def _packed(path: Path) -> _Audio:
    try:
        archive = ZipFile(path)  # stays open: recordings are read again when they are needed
    except (BadZipFile, OSError) as error:
        raise DataError("not a zip archive", where=path, got=error, fix="pack it again") from None
    names = sorted(name for name in _members(archive) if _is_wav(PurePosixPath(name).name))
    if not names:
        got = f"{len(_members(archive))} other files"
        raise DataError("no WAV files in the archive", where=path, got=got, expected="*.wav")
    return _Audio(path.parent, names, archive)


def _members(archive: ZipFile) -> list[str]:
    return [name for name in archive.namelist() if not name.startswith("__MACOSX/")]


def _is_wav(name: str) -> bool:
    return name.lower().endswith((".wav", ".wave")) and not name.startswith("._")


def _table(path: Path, audio: _Audio, asked: str, scratch: Path, *, strict: bool) -> Path | None:
    """The table of transcripts: that which is named, else the only one of the folder or the archive."""
    if asked:
        beside = audio.where / asked
        return beside if beside.is_file() and not Path(asked).expanduser().is_file() else resolve(asked).path
    if path.is_file() and path.suffix.lower() != ".zip":
        return path
    inside = [] if audio.archive is None else _members(audio.archive)
    found = [p for p in sorted(audio.where.iterdir()) if p.is_file() and _is_table(p.name)]
    packed = [name for name in inside if _is_table(PurePosixPath(name).name)]
    if len(found) + len(packed) == 1 and packed and audio.archive is not None:
        return Path(audio.archive.extract(packed[0], scratch))
    if len(found) + len(packed) == 1:
        return found[0]
    if not strict:
        return None
    names = [p.name for p in found] + packed
    raise DataError(
        f"{'several tables' if names else 'no table'} of transcripts",
        where=audio.place,
        got=", ".join(names[:5]) or "none",
        expected="one CSV, TSV, JSON Lines or Parquet file: a file and a text in every row",
        fix="name it: --transcripts FILE",
    )


def _is_table(name: str) -> bool:
    return name.lower().removesuffix(".gz").endswith(TABLES) and not name.startswith(".")


def _listed(
    table: Path, audio: _Audio, asked: Columns, known: Mapping[str, str] | None, where: str
) -> Utterances:
    """The rows of a table with their sound; the sound without a row too, where a model is trained already."""
    frame, index = read_table(table), _index(audio.names)
    roles = _roles(frame, table, asked, known or {}, index)
    if "file" not in roles or "text" not in roles:
        if known is None:
            raise _no_columns(frame, table, roles)
        found = [audio.recording(name) for name in audio.names]
        return _noted(found, Utterances([], place=where))
    cells = [cell or "" for cell in strings(frame, roles["file"])]
    names = _matched(cells, index, table, audio)
    texts = [plain(cell or "") for cell in strings(frame, roles["text"])]
    groups = [cell or "" for cell in strings(frame, roles["group"])] if "group" in roles else []
    left = sorted(set(audio.names) - set(names))
    kept = names if known is None or table == Path(where) else [*names, *left]
    more = [""] * (len(kept) - len(names))
    found = [audio.recording(name) for name in kept]
    part = Utterances([], [*texts, *more], [*groups, *more] if groups else (), columns=roles, place=where)
    return _noted(found, part, texts, _said(roles, asked, known), len(left))


def _index(names: Sequence[str]) -> dict[str, str]:
    """By what a table may call it: the whole path, or its end where only one has it, with or without .wav."""
    found = {name: name for name in names}
    ends = Counter(PurePosixPath(name).name for name in names)
    found |= {end: name for name in names if ends[end := PurePosixPath(name).name] == 1}
    return {key.rpartition(".")[0]: name for key, name in found.items()} | found


def _roles(
    frame: pl.DataFrame, table: Path, asked: Columns, known: Mapping[str, str], index: Mapping[str, str]
) -> dict[str, str]:
    """The columns asked for, else those of an earlier reading, else by their contents and their names."""
    columns = frame.columns
    named = {
        role: find_column(columns, getattr(asked, role), f"--{role}", table)
        for role in ("file", "text", "group")
        if getattr(asked, role)
    }
    named |= {r: c for r, c in known.items() if r not in named and c in columns and c not in named.values()}
    if "file" not in named:
        left = [name for name in columns if name not in named.values()]
        hits = {name: sum(_key(cell) in index for cell in strings(frame, name)) for name in left}
        if (best := max(left, key=lambda name: hits[name], default=None)) and hits[best]:
            named["file"] = best
    if "text" not in named and "file" in named:
        left = [name for name in columns if name not in named.values()]
        lowered = {name.lower(): name for name in left}
        if left:
            named["text"] = next((lowered[name] for name in TEXTS if name in lowered), left[0])
    return named


def _matched(cells: Sequence[str], index: Mapping[str, str], table: Path, audio: _Audio) -> list[str]:
    """The sound of every row."""
    missing = [k for k, cell in enumerate(cells) if _key(cell) not in index]
    if missing:
        others = "" if len(missing) == 1 else f" and {len(missing) - 1} others"
        raise DataError(
            "a transcript with no audio",
            where=f"{table.name}, {lines(table, missing[:1])[0]}",
            got=(cells[missing[0]] or "an empty cell") + others,
            expected=f"one of {len(audio.names)} files in {audio.place}, such as {audio.names[0]}",
            fix="add the file, or take out the row",
        )
    names = [index[_key(cell)] for cell in cells]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        rows = [k for k, name in enumerate(names) if name == twice]
        at = ", ".join(lines(table, rows[:4]))
        raise DataError(
            "one file has several transcripts", where=f"{table.name}, {at}", got=twice, fix="keep one"
        )
    return names


def _key(cell: str | None) -> str:
    text = (cell or "").strip().replace("\\", "/")
    return text.removeprefix("./")


def _no_columns(frame: pl.DataFrame, table: Path, roles: Mapping[str, str]) -> DataError:
    lacks = "names of the audio files" if "file" not in roles else "texts beside the files"
    fix = "set --file and --text, or name another table: --transcripts FILE"
    return DataError(f"a table without {lacks}", where=table, got=", ".join(frame.columns[:10]), fix=fix)


def _said(roles: Mapping[str, str], asked: Columns, known: Mapping[str, str] | None) -> str:
    guessed = [role for role in ("file", "text") if not getattr(asked, role) and known is None]
    how = f" (guessed; set {', '.join(f'--{role}' for role in guessed)})" if guessed else ""
    return ", ".join(f"{role} = {column}" for role, column in roles.items()) + how


def _noted(
    found: list[Recording], part: Utterances, texts: Sequence[str] = (), said: str = "", without: int = 0
) -> Utterances:
    """The part with its recordings, and all that is to be said of them in one line."""
    rates = sorted({one.rate for one in found})
    minutes = sum(one.length / one.rate for one in found) / 60
    long = f"{minutes:.1f} minutes" if minutes >= 1 else f"{60 * minutes:.1f} seconds"
    notes = [
        f"{len(found):,} recordings, {long}, {' and '.join(f'{rate:,}' for rate in rates)} Hz",
        *([said] if said else []),
    ]
    flaws = {
        "silent": [one.name for one in found if one.silent],
        "clipped": [one.name for one in found if one.clipped],
        "of several channels, averaged": [one.name for one in found if one.channels > 1],
        "with an empty transcript, left out of training and scores": [
            one.name for one, text in zip(found, texts, strict=False) if not text
        ],
    }
    notes += [f"{len(named)} {what} (the first: {named[0]})" for what, named in flaws.items() if named]
    if without:
        notes.append(f"{without} audio files have no transcript")
    return Utterances(found, part.texts, part.groups, "; ".join(notes), part.columns, part.place)
