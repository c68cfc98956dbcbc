"""Poems for the tunes of Song ci: how many keep the tune's line lengths.

python benchmarks/tasks/songci.py RUN ../shared/data/songci_zh [--part valid] [--temperature 0.8] [--out FILE]

RUN was trained by `cellwright train generate train.tsv.gz --prefix column_1 --text column_3`. For each poem
of the part whose tune the training part has, one poem is written from the name of the tune alone. Its lines
are what stands between punctuation. `whole` is the share of poems whose line lengths are those of a poem of
that tune in the training part; `lines` the share of lines as long as they should be, at their place, in the
nearest of those patterns. Beside it: the true poems of the part (the ceiling), a bigram model of the same
characters (the floor), and how many of the written lines of at least
five characters stand in the training part as they are.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import torch

from cellwright.tasks.generate.task import Generator

MARKS = re.compile("[，。！？；：、,.!?;:\\s]+")
LONGEST, SHOWN, COPIED = 400, 6, 5
Pattern = tuple[int, ...]
Poem = tuple[str, str]


def read(file: Path) -> list[Poem]:
    """(tune, poem) of each line."""
    raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    rows = [line.split("\t") for line in raw.decode().strip("\n").split("\n")]
    return [(row[0], row[2]) for row in rows]


def lines_of(poem: str) -> list[str]:
    """What stands between punctuation."""
    return [line for line in MARKS.split(poem) if line]


def pattern(poem: str) -> Pattern:
    """The lengths of a poem's lines."""
    return tuple(map(len, lines_of(poem)))


def right_lines(found: Pattern, known: Iterable[Pattern]) -> tuple[int, int]:
    """(right, all) lines beside the nearest pattern; lines that are missing or too many are wrong."""
    pairs = [
        (sum(a == b for a, b in zip(found, one, strict=False)), max(len(found), len(one))) for one in known
    ]
    return max(pairs, key=lambda pair: pair[0] / pair[1])


def bigram(poems: Sequence[Poem], seed: int) -> Callable[[str], str]:
    """A writer that knows, of each character, those that come after it."""
    after: dict[str, Counter[str]] = defaultdict(Counter)
    for tune, poem in poems:
        text = f"{tune}\t{poem}\n"
        for one, other in pairwise(text):
            after[one][other] += 1
    drawn = random.Random(seed)

    def write(tune: str) -> str:
        said = "\t"
        while said[-1] != "\n" and len(said) < LONGEST:
            choices = after[said[-1]]
            said += drawn.choices(list(choices), list(choices.values()))[0]
        return said.strip()

    return write


def measure(
    name: str, pairs: Sequence[Poem], known: dict[str, set[Pattern]], lines: set[str]
) -> dict[str, object]:
    """The shares of poems, and of lines."""
    whole = right = count = 0
    copied = [line in lines for _, poem in pairs for line in lines_of(poem) if len(line) >= COPIED]
    for tune, poem in pairs:
        found = pattern(poem)
        whole += found in known[tune]
        good, of = right_lines(found, known[tune])
        right, count = right + good, count + of
    return {
        "who": name,
        "poems": len(pairs),
        "whole": round(whole / len(pairs), 4),
        "lines": round(right / count, 4),
        "copied_lines": round(sum(copied) / max(1, len(copied)), 4),
    }


def main() -> None:
    """Write, count, print a line of JSON for each writer, and some poems."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path, help="the folder of songci_zh")
    parser.add_argument("--part", choices=("valid", "test"), default="test")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--poems", type=int, default=10_000, help="at most so many are written")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="append the lines to this file too")
    given = parser.parse_args()
    torch.set_num_threads(1)
    train = read(given.data / "train.tsv.gz")
    known: dict[str, set[Pattern]] = defaultdict(set)
    often = Counter(tune for tune, _ in train)
    for tune, poem in train:
        known[tune].add(pattern(poem))
    every = {line for _, poem in train for line in lines_of(poem)}
    held = read(given.data / f"{given.part}.tsv")
    asked = [(tune, poem) for tune, poem in held if tune in known][: given.poems]
    model, begun = Generator.load(given.run), time.process_time()
    written = [
        (
            tune,
            model.generate(given={"column_1": tune}, length=LONGEST, temperature=given.temperature, seed=k),
        )
        for k, (tune, _) in enumerate(asked, start=given.seed)
    ]
    seconds = time.process_time() - begun
    plain = bigram(train, given.seed)
    common = [pair for pair in written if often[pair[0]] >= 100]
    shared = {"part": given.part, "temperature": given.temperature, "seed": given.seed}
    shared["tunes_unseen"] = sum(tune not in known for tune, _ in held)
    rows = [
        measure("ours", written, known, every) | {"cpu_seconds": round(seconds, 1)},
        measure("ours, tunes with 100 poems or more", common, known, every),
        measure("bigram", [(tune, plain(tune)) for tune, _ in asked], known, every),
        measure("the true poems", asked, known, every),
    ]
    for row in rows:
        print(json.dumps(row | shared, ensure_ascii=False), flush=True)
        if given.out:
            with given.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row | shared, ensure_ascii=False) + "\n")
    for tune, poem in written[:SHOWN]:
        print(f"{tune}  {pattern(poem) in known[tune]}  {poem}")


if __name__ == "__main__":
    main()
