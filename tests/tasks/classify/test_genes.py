"""Genes and proteins: read from tables and FASTA, learnt, predicted from a run; what is refused, where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cellwright as cw
from cellwright.errors import DataError, SettingError
from cellwright.tasks.classify.read import read


def small(**settings: Any) -> cw.Classifier:
    usual = {"units": 8, "embedding": 8, "epochs": 3, "passes": 6, "learning_rate": 0.03, "dropout": 0.0}
    return cw.Classifier(**{**usual, "embedding_dropout": 0.0, "word_dropout": 0.0, **settings})


def windows(count: int = 40, length: int = 12, seed: int = 0) -> tuple[list[str], list[str]]:
    """What stands in the middle is the class: GT or AG; elsewhere anything does."""
    rng = np.random.default_rng(seed)
    X = ["".join(rng.choice(list("ACGT"), length)) for _ in range(count)]
    y = [["donor", "acceptor"][k % 2] for k in range(count)]
    half = length // 2
    return [x[: half - 1] + ("GT", "AG")[k % 2] + x[half + 1 :] for k, x in enumerate(X)], y


def fasta(path: Path, X: list[str], headers: list[str]) -> Path:
    path.write_text("".join(f">{h}\n{x[:7]}\n{x[7:]}\n" for x, h in zip(X, headers, strict=True)))
    return path


@pytest.fixture(scope="module")
def of_genes() -> cw.Classifier:
    X, y = windows()
    return small(pooling="attention").fit(X, y, test=windows(seed=1))


def test_places_are_learnt(of_genes: cw.Classifier) -> None:
    metrics = of_genes.metrics_
    assert metrics["test"]["accuracy"] == 1.0 and metrics["test"]["mcc"] == 1.0
    assert metrics["baselines"]["majority"]["mcc"] == 0.0
    assert of_genes.facts_["length"] == 12
    shown = metrics["examples"]["predictions"][0]
    assert "".join(shown["tokens"]) == shown["text"] and sum(shown["weights"]) == pytest.approx(1, abs=1e-2)


def test_a_run_is_loaded_and_streams(of_genes: cw.Classifier, tmp_path: Path) -> None:
    of_genes.save(tmp_path / "run")
    loaded = cw.Classifier.load(tmp_path / "run")
    X, _ = windows(seed=2)
    assert np.array_equal(loaded.predict_proba(X), of_genes.predict_proba([x.lower() for x in X]))
    assert cw.Stream(loaded).push(X[0])["label"] == of_genes.predict(X[:1])[0]
    assert loaded.inside(X[0]).steps == tuple(X[0])


def test_the_recipe() -> None:
    X, y = windows()
    model = cw.Classifier(**cw.Classifier.recipe("sites") | {"units": 8, "epochs": 2}).fit(X, y, test=0.2)
    assert (model.kmer, model.pooling, model.history_[-1]["epoch"]) == (3, "attention", 2)


def test_both_strands_count_as_one() -> None:
    X, y = windows()
    model = small(both_strands=True, kmer=2, epochs=1, ensemble=2).fit(X, y)
    turned = [x.translate(str.maketrans("ACGT", "TGCA"))[::-1] for x in X]
    assert model.facts_["length"] == 0
    assert np.allclose(model.predict_proba(X), model.predict_proba(turned), atol=1e-6)


@pytest.mark.parametrize("cell", ["bow", "mlp"])
def test_networks_without_a_cell(cell: str) -> None:
    X, y = windows(16)
    assert set(small(cell=cell, epochs=1, passes=1).fit(X, y).predict(X)) <= set(y)


@pytest.mark.parametrize(
    ("headers", "label", "column"),
    [
        (["{k} {y}"] * 8, None, "last"),
        (["{k}|x|{y}"] * 8, None, "last"),
        (["{k} class={y} z"] * 8, None, "class"),
        (["{k} [type={y}] z=1"] * 8, "type", "type"),
        (["{k} z:{y}, a"] * 8, "z", "z"),
    ],
)
def test_classes_of_headers(headers: list[str], label: str | None, column: str, tmp_path: Path) -> None:
    X, y = windows(8)
    path = fasta(tmp_path / "a.fa", X, [h.format(k=k, y=y[k]) for k, h in enumerate(headers)])
    found = read(path, label=label)
    assert (found.kind, found.alphabet, list(found.inputs), found.labels) == ("sequence", "nucleotide", X, y)
    assert found.columns["label"] == column
    assert "8 nucleotide sequences (guessed; set --tokens)" in found.note
    assert read(path, known={"label": "elsewhere"}).labels is None
    assert read(path, label="none").labels is None


def test_a_file_for_each_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    X, y = windows(8)
    for name in ("donor", "acceptor"):
        own = [x for x, label in zip(X, y, strict=True) if label == name]
        fasta(Path(f"{name}.test.fa"), own, [f"{name}{k}" for k in range(len(own))])
    for data in ("donor.test.fa, acceptor.test.fa", "."):
        found = read(data)
        assert sorted(zip(found.labels, found.inputs, strict=True)) == sorted(zip(y, X, strict=True))
        assert found.names[0] == f"{found.labels[0]}0"
    assert read("donor.test.fa", known={"label": "file"}).labels is None


def test_a_table(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("label,sequence\n1, acgtacgtacgt \n0,ACGTNRYACGTU\n", encoding="utf-8")
    found = read(path)
    assert (found.kind, list(found.inputs)) == ("sequence", ["ACGTACGTACGT", "ACGTNRYACGTU"])
    assert read(path, tokens="char").kind == "text"


def test_predictions_have_names(tmp_path: Path, of_genes: cw.Classifier) -> None:
    from cellwright.cli.predict import ROWS

    X, _ = windows(2, seed=3)
    rows = ROWS["classify"](of_genes, of_genes.read(fasta(tmp_path / "a.fa", X, ["one", "two"])))
    assert [(row["name"], row["sequence"]) for row in rows] == [("one", X[0]), ("two", X[1])]


GOOD = "ACGTACGTACGTACGTACGT"
PROTEIN = "MKVLAAGIVGLCMKVLAAGI"
REFUSALS = {
    "a letter, in a record": (
        lambda m: read("bad.fa"),
        "a letter that is none of the nucleotide alphabet (bad.fa, line 3, column 4): got '?'",
    ),
    "a letter, in a table": (
        lambda m: read("bad.csv"),
        "a letter that is none of the nucleotide alphabet (bad.csv, line 3, column seq, letter 21): got '-'",
    ),
    "a letter, in memory": (
        lambda m: small(tokens="nucleotide").fit([GOOD, "ACJ"], [0, 1]),
        "(X, example 2, letter 3): got 'J'",
    ),
    "another alphabet": (lambda m: m.predict([PROTEIN]), "a letter that is none of the nucleotide alphabet"),
    "another length": (
        lambda m: m.predict([GOOD]),
        "another length than in training, where places count (X, example 1): got 20 letters, expected 12",
    ),
    "no class": (lambda m: read("plain.fa"), "no class in the headers (plain.fa, line 1): got >a"),
    "no such key": (lambda m: read("plain.fa", label="kind"), "a header without the class `kind`"),
    "the other strand of a protein": (
        lambda m: small(both_strands=True).fit([PROTEIN, PROTEIN[::-1]] * 5, [0, 1] * 5),
        "both_strands is for nucleotides: got protein sequences",
    ),
    "too many together": (
        lambda m: small(kmer=4).fit([PROTEIN, PROTEIN[::-1]] * 5, [0, 1] * 5),
        "kmer must be at most 3 for protein sequences",
    ),
    "too many together, nucleotides": (lambda m: small(kmer=9).check(), "kmer must be at most 8, got 9"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(
    name: str, of_genes: cw.Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.fa").write_text(f">a x\n{GOOD}\nACG?\n>b y\n{GOOD}\n>c x\nAC\n>d y\nAC\n")
    Path("bad.csv").write_text(f"seq,label\n{GOOD},1\n{GOOD}-,0\n")
    fasta(Path("plain.fa"), [GOOD, GOOD], ["a", "b"])
    does, said = REFUSALS[name]
    with pytest.raises((DataError, SettingError)) as caught:
        does(of_genes)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_an_empty_sequence_is_any_letter(of_genes: cw.Classifier) -> None:
    model = small(epochs=1, passes=1, positions=False).fit(*windows(16))
    assert np.allclose(
        model.predict_proba(
            [""],
        ),
        model.predict_proba(["N"]),
    )
    assert torch.equal(
        model.encode(model.inputs(["", "A"], ["donor"] * 2), model.facts_).inputs.lengths,
        torch.tensor([1, 1]),
    )
