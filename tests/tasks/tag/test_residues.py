"""Sequences to tag letter by letter, from tables and FASTA; what is refused, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import cellwright as cw
from cellwright.errors import DataError
from cellwright.tasks.tag import code
from cellwright.tasks.tag.code import Sides
from cellwright.tasks.tag.read import Wanted, read

TABLE = "id,sequence,structure,near\n1,MKVLAAGIVGLCA,CCHHHHHHHHCCC,0000000000001\n2,MKXLA,CCCCC,00000\n"


def put(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_a_table(tmp_path: Path) -> None:
    found = read(put(tmp_path, "a.csv", TABLE), Wanted(features=("near",)))
    assert ["".join(row) for row in found.tokens] == ["MKVLAAGIVGLCA", "MKXLA"]
    assert found.tags is not None and ["".join(row) for row in found.tags] == ["CCHHHHHHHHCCC", "CCCCC"]
    assert found.features["near"][0][-1] == "1"
    assert found.where(1, 3).endswith("a.csv, line 3")
    assert "text = sequence, label = structure, features = near (guessed; set --text, --label)" in found.note


def test_cells_with_blanks_are_cut_at_them(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "text,tags\nwe fly to Rome,O O O B-CITY\nBern,B-CITY\n")
    found = cw.Tagger().read(path)
    assert found.tokens == (("we", "fly", "to", "Rome"), ("Bern",))
    assert found.tags == (("O", "O", "O", "B-CITY"), ("B-CITY",)) and found.scheme == "iob2"


def test_fasta_with_and_without_tags(tmp_path: Path) -> None:
    put(tmp_path, "a.fa", ">one\nMKVLA\nAGIVG\n>two\nMKVXA\n")
    put(tmp_path, "s.fa", ">one\nCCHHHHHHCC\n>two\nCCCCC\n")
    alone = read(tmp_path / "a.fa", Wanted())
    both = read(f"{tmp_path}/a.fa,{tmp_path}/s.fa", Wanted())
    assert alone.tokens == both.tokens == (tuple("MKVLAAGIVG"), tuple("MKVXA"))
    assert alone.tags is None and both.tags == (tuple("CCHHHHHHCC"), tuple("CCCCC"))


def test_learnt_and_predicted(tmp_path: Path) -> None:
    rows = "".join(f"{'ACDEF' * k},{'HECHE' * k}\n" for k in (2, 3, 4, 2, 3, 4))
    model = cw.Tagger(
        units=8,
        embedding=8,
        character_units=0,
        epochs=12,
        batch_size=2,
        learning_rate=0.03,
        dropout=0.0,
        valid=0,
    )
    model.fit(model.read(put(tmp_path, "a.csv", f"sequence,structure\n{rows}")))
    assert ["".join(row) for row in model.predict(put(tmp_path, "b.fa", ">new\nACDEFACDEF\n"))] == [
        "HECHEHECHE"
    ]
    unlabelled = put(tmp_path, "c.csv", "sequence\nACDEFACDEF\n")
    assert model.predict(unlabelled) == model.predict(tmp_path / "b.fa")


LONG = "MKVLAAGIVGLC"
REFUSALS = {
    "length": (f"sequence,structure\n{LONG},CCC\n", "a.csv", "not one tag for each token (a.csv, line 2, column structure): got 12 tokens and 3 tags"),
    "letter": (f"sequence,structure\n{LONG},{'C' * 12}\n{LONG}*,{'C' * 13}\n", "a.csv", "none of the protein alphabet (a.csv, line 3, column sequence, letter 13): got '*'"),
    "column": (TABLE, "a.csv", "no such column (a.csv): got --label folds"),
    "letter of a record": (f">a\n{LONG}\nMK-L\n", "a.fa", "(a.fa, line 3, column 3): got '-'"),
    "records": (f">a\n{LONG}\n", "a.fa,b.fa", "two files of different length (a.fa and b.fa): got 1 and 2 records"),
    "record": (f">a\n{LONG}\n>b\n{LONG}\n", "a.fa,b.fa", "not one tag for each token (b.fa, line 3): got 12 tokens and 2 tags"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text, data, said = REFUSALS[name]
    put(tmp_path, data.split(",")[0], text)
    put(tmp_path, "b.fa", f">a\n{'C' * 12}\n>b\nCC\n")
    with pytest.raises(DataError) as caught:
        cw.Tagger(label="folds" if name == "column" else "").read(data)
    assert said in str(caught.value)


@pytest.mark.parametrize("crf", [True, False])
def test_an_ensemble_scores_paths_by_the_mean(crf: bool, tmp_path: Path) -> None:
    """Scores and transitions are means, so is every path's score; a member is what is looked into."""
    rows = "ACDEFACDEF,HECHEHECHE\nCDEFA,ECHEH\n" * 3
    model = cw.Tagger(units=8, embedding=8, character_units=0, epochs=1, ensemble=2, crf=crf, valid=0)
    model.fit(model.read(put(tmp_path, "a.csv", f"sequence,structure\n{rows}")))
    network = model.network_.eval()
    first, second = network.members
    assert not torch.equal(first.head.weight, second.head.weight)
    batch = next(Sides(code.encoded(model.read(tmp_path / "a.csv"), model.facts_), batch_size=9).ordered())
    with torch.no_grad():
        own = [(member(batch)[0], member.crf) for member in (first, second)]
        (mean, _), field = network(batch), network.crf
        paths = [field._score(x, batch.tags, batch.lengths) for x, field in own]
        assert torch.allclose(mean, (own[0][0] + own[1][0]) / 2, atol=1e-6)
        together = field._score(mean, batch.tags, batch.lengths)
        assert torch.allclose(together, (paths[0] + paths[1]) / 2, atol=1e-5)
    assert cw.Stream(model).push("ACDEF")["tags"] == model.predict([list("ACDEF")])[0]
    assert model.inside("ACDEF").steps == tuple("ACDEF")
