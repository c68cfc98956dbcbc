"""THE table of refusals: every mistake of the user's gets exit code 2, one line, and changes no file.

A row is: its name; what is done to the folder (which holds small data, and `runs/TASK` where a trained run is
needed); what is typed; the parts that the line must hold.
"""

from __future__ import annotations

import errno
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cellwright import checkpoint

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
Change = Callable[[Path], object]


@dataclass(frozen=True)
class Refusal:
    """One row of the table."""

    name: str
    typed: str
    parts: tuple[str, ...]
    change: Change = field(default=lambda folder: None)
    run: str = ""


def file(name: str, content: str | bytes) -> Change:
    """Write a file."""
    data = content.encode() if isinstance(content, str) else content

    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    return change


def edited(name: str, edit: Callable[[dict], object]) -> Change:
    """Change one JSON file of the run."""

    def change(folder: Path) -> None:
        path = next((folder / "runs").glob(f"*/{name}"))
        content = json.loads(path.read_text())
        edit(content)
        path.write_text(json.dumps(content))

    return change


def cut(name: str, keep: float) -> Change:
    """Cut a file of the run short."""

    def change(folder: Path) -> None:
        path = next((folder / "runs").glob(f"*/{name}"))
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])

    return change


def flipped(name: str) -> Change:
    """Change one bit of the last byte of a file of the run."""

    def change(folder: Path) -> None:
        path = next((folder / "runs").glob(f"*/{name}"))
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(bytes(data))

    return change


def removed(name: str) -> Change:
    """Delete a file of the run."""
    return lambda folder: next((folder / "runs").glob(f"*/{name}")).unlink()


def lines(head: str, rows: list[str]) -> str:
    return "\n".join([head, *rows]) + "\n"


MONTHS = [f"{1990 + k // 12}-{k % 12 + 1:02}-01,{k}.5" for k in range(48)]
GAP = lines("month,sales", MONTHS[:20] + MONTHS[21:])
EMPTY_CELL = lines("month,sales", [*MONTHS[:20], "1991-09-01,", *MONTHS[21:]])
NAN = lines("month,sales", [*MONTHS[:20], "1991-09-01,NaN", *MONTHS[21:]])
INFINITE = lines("month,sales", [*MONTHS[:20], "1991-09-01,inf", *MONTHS[21:]])
WORD = lines("month,sales", [*MONTHS[:20], "1991-09-01,twelve", *MONTHS[21:]])
TWICE = lines("month,sales", [*MONTHS[:20], MONTHS[19], *MONTHS[20:]])
NO_NUMBERS = lines("month,weather", [f"{row.split(',')[0]},sunny" for row in MONTHS])
ONE_CLASS = lines("text,label", [f"film number {k},good" for k in range(20)])
UNSEEN = lines("text,label", ["a good film,good", "a middling film,middling"])
MIXED = "text,label\n好,1\n".encode() + "坏,0\n".encode("gb18030")
CELLS = "from cellwright import cell, tanh\n@cell\ndef fast(x, h, *, W, U):\n    h = tanh(W @ x + V @ h)\n    return h\n"
HEADS = (
    CELLS.replace("U):", 'R: "[2, H/2, H/2]"):')
    .replace("V @ h", "blocks(R, h)")
    .replace("tanh\n", "blocks, tanh\n")
    .replace("fast", "heads")
)

# One row a line: the table is to be read down its columns.
# fmt: off
DATA = (
    Refusal("missing file", "train classify text.csv", ("no such file", "text.csv", "did you mean texts.csv?")),
    Refusal("missing folder", "train classify nowhere/a.csv", ("no such folder", "nowhere")),
    Refusal("empty file", "train classify a.csv", ("the file is empty", "a.csv", "at least one row"), file("a.csv", "")),
    Refusal("only a header", "train classify a.csv", ("a.csv",), file("a.csv", "text,label\n")),
    Refusal("a directory", "train classify box", ("a folder where a file is expected", "box", "a.csv"), file("box/a.csv", "x")),
    Refusal("binary called csv", "train classify a.csv", ("a binary file", "a.csv", "a PNG image", "UTF-8 text"), file("a.csv", PNG)),
    Refusal("binary called txt", "train generate a.txt", ("a binary file", "a.txt", "a PNG image"), file("a.txt", PNG)),
    Refusal("mixed encodings", "train classify a.csv", ("not UTF-8", "a.csv, line 3", "byte 0xbb", "save the whole file"), file("a.csv", MIXED)),
    Refusal("mixed encodings in a text", "train generate a.txt", ("not UTF-8", "a.txt, line 3"), file("a.txt", MIXED)),
    Refusal("damaged gzip", "train classify a.csv.gz", ("gzip", "a.csv.gz"), file("a.csv.gz", gzip.compress(b"text,label\n" * 99)[:-9])),
    Refusal("no such column", "train classify texts.csv --label lable", ("no such column", "texts.csv", "lable", "text, label", "did you mean label?")),
    Refusal("no such target", "train forecast sales.csv --target sale", ("no such column", "month, sales", "did you mean sales?")),
    Refusal("no such time", "train forecast sales.csv --time when", ("no such column", "--time when", "month, sales")),
    Refusal("one column twice", "train forecast sales.csv --target sales --covariates sales", ("one column in two roles", "sales")),
    Refusal("no numeric target", "train forecast a.csv", ("no numeric column", "a.csv", "month, weather"), file("a.csv", NO_NUMBERS)),
    Refusal("text in a numeric column", "train forecast a.csv --target sales", ("text in a numeric column", "line 22", "sales", "twelve", "a finite number"), file("a.csv", WORD)),
    Refusal("an empty cell", "train forecast a.csv", ("an empty cell", "line 22", "column sales", "--gaps fill"), file("a.csv", EMPTY_CELL)),
    Refusal("NaN", "train forecast a.csv", ("line 22", "sales"), file("a.csv", NAN)),
    Refusal("infinity", "train forecast a.csv --target sales", ("line 22", "sales", "inf"), file("a.csv", INFINITE)),
    Refusal("a gap in the times", "train forecast a.csv", ("a gap in the times", "a.csv", "1991-08-01", "1991-10-01", "--gaps fill"), file("a.csv", GAP)),
    Refusal("a time twice", "train forecast a.csv", ("a.csv", "1991-08-01", "--duplicates mean"), file("a.csv", TWICE)),
    Refusal("one class only", "train classify a.csv", ("one class", "a.csv", "good"), file("a.csv", ONE_CLASS)),
    Refusal("fewer rows than a window", "train forecast sales.csv --window 100", ("sales.csv", "60 rows", "window")),
    Refusal("fewer rows than a horizon", "train forecast a.csv --horizon 24", ("a.csv", "24"), file("a.csv", lines("month,sales", MONTHS[:20]))),
    Refusal("a text too short to split", "train generate a.txt", ("too short", "a.txt"), file("a.txt", "to be or not to be")),
    Refusal("a text shorter than a chunk", "train generate a.txt --test none --valid 0", ("too short", "a.txt", "chunk"), file("a.txt", "to be or not to be")),
    Refusal("a table for a text sample", "train classify pydoc", ("this sample is a text, not a table", "pydoc", "generate")),
    Refusal("a test file that is not there", "train classify texts.csv --test test.csv", ("no such file", "test.csv")),
    Refusal("other labels in the test file", "train classify texts.csv --test a.csv", ("a.csv", "middling"), file("a.csv", UNSEEN)),
    Refusal("unknown sample", "data sunspot", ("no such sample", "sunspot", "did you mean sunspots?")),
)

SETTINGS = (
    Refusal("units 0", "train classify texts.csv --units 0", ("units must be at least 1, got 0",)),
    Refusal("units that are no number", "train classify texts.csv --units many", ("--units", "got many", "expected a whole number")),
    Refusal("units with a fraction", "train classify texts.csv --units 1.5", ("--units", "got 1.5", "expected a whole number")),
    Refusal("a rate that is no number", "train classify texts.csv --learning-rate fast", ("--learning-rate", "got fast", "expected a number")),
    Refusal("a rate of nan", "train classify texts.csv --learning-rate nan", ("learning_rate must be finite, got nan",)),
    Refusal("dropout 1", "train classify texts.csv --dropout 1", ("dropout must be less than 1, got 1",)),
    Refusal("unknown choice", "train classify texts.csv --schedule cosin", ("schedule", "got cosin", "did you mean cosine?")),
    Refusal("several at once", "train classify texts.csv --units 0 --epochs 0", ("units must be at least 1", "epochs must be at least 1")),
    Refusal("settings that conflict", "train generate play.txt --bidirectional", ("bidirectional must be false",)),
    Refusal("unknown cell", "train classify texts.csv --cell lsmt", ("unknown cell", "lsmt", "did you mean lstm?")),
    Refusal("unknown file of cells", "train classify texts.csv --cell mine.py:fast", ("no such file of cells", "mine.py")),
    Refusal("a cell with a mistake", "train classify texts.csv --cell mine.py:fast", ("unknown word `V`", "mine.py:4"), file("mine.py", CELLS)),
    Refusal("a file without that cell", "train classify texts.csv --cell mine.py:slow", ("no such cell", "slow", "fast"), file("mine.py", CELLS.replace("V", "U"))),
    Refusal("a network that the task has not", "train forecast sales.csv --cell bow", ("unknown cell", "bow")),
    Refusal("no such device", "train classify texts.csv --device gpu", ("device must be auto, cpu", "got gpu")),
    Refusal("a share above 1", "train classify texts.csv --test 1.5", ("--test", "got 1.5", "between 0 and 1")),
    Refusal("a negative share", "train classify texts.csv --test=-0.5", ("--test", "got -0.5", "between 0 and 1")),
    Refusal("describe without units", "describe lstm --units 0", ("units must be at least 1, got 0",)),
    Refusal("describe no number", "describe lstm --inputs x", ("--inputs", "got x", "expected a whole number")),
    Refusal("unknown view", "show lstm --as picture", ("no such view", "picture", "latex")),
    Refusal("unknown cell to time", "bench --cells lsmt", ("unknown cell", "lsmt", "did you mean lstm?")),
    Refusal("no cell to time", "bench --cells ,", ("no cell to time", "--cells")),
    Refusal("a shape of three numbers", "bench --shape 100,32,64", ("a shape is four whole numbers", "got 100,32,64", "T,B,I,H such as")),
    Refusal("a shape with a 0", "bench --shape 100,0,64,128", ("at least 1", "got 100,0,64,128")),
    Refusal("a shape of words", "bench --shape T,B,I,H", ("a shape is four whole numbers", "got T,B,I,H")),
    Refusal("a cell that does not fit the shape", "bench --cells mine.py:heads --shape 2,1,2,3", ("is not a whole number", "H = 3", "H/2"), file("mine.py", HEADS)),
    Refusal("timed not once", "bench --repetitions 0", ("repetitions must be at least 1, got 0",)),
    Refusal("timed in bfloat8", "bench --dtype bfloat8", ("no such dtype", "bfloat8", "float32 or float64")),
    Refusal("timed on no thread", "bench --threads 0", ("threads must be at least 1, got 0",)),
    Refusal("unknown cell to show", "show grru", ("unknown cell", "grru", "did you mean gru?")),
)

WORDS = (
    Refusal("unknown verb", "trian classify texts.csv", ("no such verb", "trian", "did you mean train?")),
    Refusal("unknown task", "train clasify texts.csv", ("no such task", "clasify", "did you mean classify?")),
    Refusal("no task", "train", ("the task is missing", "forecast, classify, tag, generate")),
    Refusal("options before the task", "train --units 4 classify texts.csv", ("the task comes before the options", "--units")),
    Refusal("no data", "train classify", ("missing argument 'DATA'",)),
    Refusal("unknown option", "train classify texts.csv --epoch 3", ("no such option", "--epoch", "did you mean --epochs?")),
    Refusal("an option of another task", "train classify texts.csv --horizon 3", ("no such option", "--horizon")),
    Refusal("an option without its value", "train classify texts.csv --units", ("--units", "requires an argument")),
    Refusal("one word too many", "train classify texts.csv more.csv", ("unexpected extra argument", "more.csv")),
    Refusal("unknown option before a verb", "--units 3", ("no such option", "--units")),
    Refusal("no run", "evaluate", ("missing argument 'RUN'",)),
    Refusal("options before the run", "evaluate --json runs/classify texts.csv", ("the run comes before the options", "--json")),
)

RUNS = (
    Refusal("no such run", "evaluate runs/nothing texts.csv", ("no such run folder", "runs/nothing", "`train`")),
    Refusal("a file as a run", "predict texts.csv texts.csv", ("no such run folder", "texts.csv", "a file")),
    Refusal("a folder that is no run", "describe box", ("not a run folder", "box", "a.csv"), file("box/a.csv", "x")),
    Refusal("a run not finished", "evaluate runs/classify texts.csv", ("not finished", "--resume"), removed("model.json"), "classify"),
    Refusal("another version", "evaluate runs/classify texts.csv", ("another format version", "model.json", "got 99", "expected 1"), edited("model.json", lambda c: c.update(version=99)), "classify"),
    Refusal("truncated weights", "evaluate runs/classify texts.csv", ("not those that were saved", "model.safetensors", "restore"), cut("model.safetensors", 0.5), "classify"),
    Refusal("changed weights", "predict runs/classify texts.csv", ("not those that were saved", "model.safetensors"), flipped("model.safetensors"), "classify"),
    Refusal("missing weights", "predict runs/classify texts.csv", ("incomplete", "no model.safetensors"), removed("model.safetensors"), "classify"),
    Refusal("truncated model.json", "describe runs/classify", ("damaged", "model.json"), cut("model.json", 0.5), "classify"),
    Refusal("a setting changed", "evaluate runs/classify texts.csv", ("runs/classify",), edited("model.json", lambda c: c["settings"].update(units=8)), "classify"),
    Refusal("a setting out of range", "evaluate runs/classify texts.csv", ("the run cannot be used", "units must be at least 1"), edited("model.json", lambda c: c["settings"].update(units=0)), "classify"),
    Refusal("an unknown setting", "evaluate runs/classify texts.csv", ("unknown settings", "spin"), edited("model.json", lambda c: c["settings"].update(spin=1)), "classify"),
    Refusal("an unknown task", "evaluate runs/classify texts.csv", ("unknown task", "dance"), edited("model.json", lambda c: c.update(task="dance")), "classify"),
    Refusal("facts missing", "evaluate runs/classify texts.csv", ("model.json", "no facts"), edited("model.json", lambda c: c.pop("facts")), "classify"),
    Refusal("facts changed", "evaluate runs/classify texts.csv", ("runs/classify",), edited("model.json", lambda c: c["facts"].pop("labels")), "classify"),
    Refusal("an unknown operation in the graph", "evaluate runs/forecast sales.csv", ("the run cannot be used", "boom"), edited("model.json", lambda c: c["cell"]["nodes"][-1].__setitem__(0, "boom")), "forecast"),
    Refusal("a graph that is not one", "evaluate runs/forecast sales.csv", ("the run cannot be used",), edited("model.json", lambda c: c["cell"].update(nodes=7)), "forecast"),
    Refusal("other operands in the graph", "evaluate runs/forecast sales.csv", ("the run cannot be used",), edited("model.json", lambda c: c["cell"]["nodes"][-1].__setitem__(1, [99, 0])), "forecast"),
    Refusal("a version of the graph", "evaluate runs/forecast sales.csv", ("another version",), edited("model.json", lambda c: c["cell"].update(version=7)), "forecast"),
    Refusal("labels unseen in training", "evaluate runs/classify a.csv", ("a.csv", "middling"), file("a.csv", UNSEEN), "classify"),
    Refusal("no labels to score", "evaluate runs/classify a.csv", ("label", "a.csv"), file("a.csv", "text\nfine\ngood\n"), "classify"),
    Refusal("no such column for a run", "evaluate runs/classify texts.csv --label lable", ("no such column", "did you mean label?"), run="classify"),
    Refusal("other targets", "evaluate runs/forecast sunspots", ("sunspots", "SUNACTIVITY", "sales"), run="forecast"),
    Refusal("too short for a run", "evaluate runs/forecast a.csv", ("a.csv",), file("a.csv", lines("month,sales", MONTHS[:5])), "forecast"),
    Refusal("data of another kind", "predict runs/classify a.csv", ("a binary file", "a.csv"), file("a.csv", PNG), "classify"),
    Refusal("units for a run", "describe runs/classify --units 4", ("a run has its own sizes", "--units"), run="classify"),
    Refusal("rows of a text model", "predict runs/generate play.txt", ("generate", "cellwright generate"), run="generate"),
    Refusal("a classifier that should write", "generate runs/classify --prompt a", ("classify", "cellwright predict"), run="classify"),
    Refusal("an unknown letter", "generate runs/generate --prompt 中", ("prompt", "'中'"), run="generate"),
    Refusal("a temperature below 0", "generate runs/generate --temperature=-1", ("temperature", "at least 0", "got -1"), run="generate"),
    Refusal("no choice left", "generate runs/generate --top-k 0", ("top_k", "at least 1", "got 0"), run="generate"),
    Refusal("a beam that draws", "generate runs/generate --beam 2 --top-k 3", ("a beam searches", "leave it out"), run="generate"),
    Refusal("a beam of none", "generate runs/generate --beam 0", ("beam", "at least 1", "got 0"), run="generate"),
    Refusal("no column with a value", "generate runs/generate --given title", ("--given", "COLUMN=VALUE"), run="generate"),
    Refusal("a column before a plain text", "generate runs/generate --given title=a", ("plain text", "title"), run="generate"),
    Refusal("a prefix of a plain text", "train generate play.txt --prefix title", ("plain text", "play.txt", "--prefix title")),
    Refusal("a prefix that is not there", "train generate texts.csv --prefix labl", ("no such column", "texts.csv", "did you mean label")),
    Refusal("nothing to write", "generate runs/generate --length 0", ("length", "at least 1", "got 0"), run="generate"),
    Refusal("an unknown format", "predict runs/classify texts.csv --out a.xlsx", ("--out", "a.xlsx", ".csv, .jsonl"), run="classify"),
    Refusal("predictions into no folder", "predict runs/classify texts.csv --out no/a.csv", ("cannot write", "no/a.csv"), run="classify"),
)

OUTPUTS = (
    Refusal("the folder exists", "train classify texts.csv --out runs/classify", ("exists", "runs/classify", "--resume", "--force"), run="classify"),
    Refusal("the folder is not ours", "train classify texts.csv --out box --force", ("left alone", "box", "choose another --out"), file("box/a.csv", "x")),
    Refusal("the output is a file", "train classify texts.csv --out texts.csv", ("the output is a file", "texts.csv")),
    Refusal("the output is below a file", "train classify texts.csv --out texts.csv/run", ("texts.csv", "a file")),
    Refusal("resume and force", "train classify texts.csv --out runs/classify --resume --force", ("force and resume",), run="classify"),
    Refusal("resumed with other units", "train classify texts.csv --out runs/classify --resume --units 8", ("started with another units", "got 8", "expected 4"), run="classify"),
    Refusal("resumed with another test part", "train classify texts.csv --out runs/classify --resume --test 0.4", ("another --test", "got 0.4", "expected 0.2"), run="classify"),
    Refusal("resumed with a validation file", "train classify texts.csv --out runs/classify --resume --validation texts.csv", ("another --validation", "expected none"), run="classify"),
    Refusal("resumed with other data", "train classify a.csv --out runs/classify --resume", ("not those the run was started with", "the same data"), file("a.csv", lines("text,label", [f"one more {w} {k},{w}" for k in range(30) for w in ("yes", "no")])), "classify"),
    Refusal("resumed as another task", "train forecast sales.csv --out runs/classify --resume", ("another task", "classify"), run="classify"),
    Refusal("times into no folder", "bench --out no/b.json", ("cannot write the results", "no/b.json", "no folder no")),
    Refusal("times into a folder", "bench --out box", ("cannot write the results", "box", "a folder"), file("box/a.csv", "x")),
    Refusal("one cell to compare", "compare classify texts.csv --cells lstm", ("nothing to compare", "lstm")),
    Refusal("a cell twice", "compare classify texts.csv --cells lstm,gru,lstm", ("a cell is named twice", "lstm")),
    Refusal("an unknown cell to compare", "compare classify texts.csv --cells lstm,gro", ("unknown cell", "gro", "did you mean gru?")),
    Refusal("no test part to compare on", "compare classify texts.csv --test none", ("--test", "none")),
    Refusal("bad data to compare on", "compare classify text.csv", ("no such file", "did you mean texts.csv?")),
    Refusal("compared into a run", "compare classify texts.csv --cells elman,gru --out runs --epochs 1", ("exists", "runs/gru"), file("runs/gru/a.txt", "x")),
)
# fmt: on
TABLE = (*DATA, *SETTINGS, *WORDS, *RUNS, *OUTPUTS)


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder below, with what the files hold; Python's own caches are not ours."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if "__pycache__" not in path.parts
    }


def check_refused(code: int, out: str, err: str, parts: tuple[str, ...]) -> None:
    assert code == 2, err
    assert out == ""
    assert err.endswith("\n") and err.count("\n") == 1, err
    assert err.startswith("error: ") and "Traceback" not in err and "fault" not in err
    for part in parts:
        assert part in err


def test_the_names_are_distinct() -> None:
    names = [row.name for row in TABLE]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name.replace(" ", "-"))
def test_refusal(row: Refusal, call, run, tmp_path: Path) -> None:
    if row.run:
        run(row.run)
    row.change(tmp_path)
    before = tree(tmp_path)
    said = call(*row.typed.split())
    check_refused(said.code, said.out, said.err, row.parts)
    assert tree(tmp_path) == before


FULL = (
    ("a new run", "train classify texts.csv --units 4 --epochs 1", ""),
    ("a new run elsewhere", "train classify texts.csv --units 4 --epochs 1 --out a/b/c", ""),
    (
        "a run that is replaced",
        "train classify texts.csv --units 4 --epochs 1 --out runs/classify --force",
        "classify",
    ),
    ("predictions", "predict runs/classify texts.csv --out said.csv --quiet", "classify"),
)


@pytest.mark.parametrize(("name", "typed", "trained_run"), FULL, ids=[row[0] for row in FULL])
def test_a_full_disk_changes_nothing(
    name: str, typed: str, trained_run: str, call, run, tmp_path, monkeypatch
) -> None:
    if trained_run:
        run(trained_run)
    before = tree(tmp_path)

    def full(path: Path, data: bytes) -> None:
        path.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(checkpoint, "_write_through", full)
    said = call(*typed.split())
    check_refused(
        said.code, said.out, said.err, ("cannot write", "No space left on device", "free some space")
    )
    assert tree(tmp_path) == before


def test_a_disk_that_fills_up_in_the_middle_leaves_a_run_to_resume(call, tmp_path, monkeypatch) -> None:
    typed = [
        "train",
        "classify",
        "texts.csv",
        "--units",
        "4",
        "--embedding",
        "4",
        "--epochs",
        "3",
        "--out",
        "runs/a",
    ]
    real, count = checkpoint._write_through, [0]

    def filling(path: Path, data: bytes) -> None:
        count[0] += 1
        if count[0] > 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        real(path, data)

    monkeypatch.setattr(checkpoint, "_write_through", filling)
    said = call(*typed)
    assert said.code == 2
    assert said.err.splitlines()[-1].startswith("error: cannot write")
    assert not (tmp_path / "runs" / "a" / "model.json").exists()
    monkeypatch.setattr(checkpoint, "_write_through", real)
    again = call(*typed, "--resume")
    assert again.code == 0 and (tmp_path / "runs" / "a" / "model.json").exists()


REAL = ("missing file", "unknown verb")


@pytest.mark.parametrize("name", REAL)
def test_the_same_in_a_process_of_its_own(name: str, call, tmp_path: Path) -> None:
    row = next(row for row in TABLE if row.name == name)
    row.change(tmp_path)
    before = tree(tmp_path)
    command = [sys.executable, "-m", "cellwright", *row.typed.split()]
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", cwd=tmp_path, check=False
    )
    check_refused(done.returncode, done.stdout, done.stderr, row.parts)
    assert tree(tmp_path) == before
