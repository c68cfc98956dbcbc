"""compare: the same split for all, best first, all names checked before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellwright.errors import CellError, RunError, SettingError
from cellwright.tasks.classify.task import Classifier
from cellwright.tasks.compare import Entry, Leaderboard, _leaderboard, compare, contenders
from cellwright.tasks.training.run import Run

TEXTS = [f"a {word} film number {k}" for k in range(15) for word in ("good", "bad")]
LABELS = ["good", "bad"] * 15
SMALL = Classifier(units=4, embedding=4, epochs=2, passes=5, seed=3)


def test_every_model_is_that_of_a_fit_of_its_own() -> None:
    models = contenders(SMALL, ["elman", "mlp"])
    board = compare(models, TEXTS, LABELS, test=0.3)
    alone = Classifier(cell="elman", units=4, embedding=4, epochs=2, passes=5, seed=3).fit(
        TEXTS, LABELS, test=0.3
    )
    entry = next(entry for entry in board.entries if entry.cell == "elman")
    assert entry.scores == alone.metrics_["test"]
    assert entry.parameters == sum(p.numel() for p in alone.network_.parameters())
    assert entry.epochs == 2 and entry.seconds >= 0
    assert board.baselines == alone.metrics_["baselines"]
    assert (board.task, board.score, board.better) == ("classify", "accuracy", "max")
    assert SMALL.cell == "lstm" and not hasattr(SMALL, "network_")


def test_all_see_the_same_split() -> None:
    models = contenders(SMALL, ["elman", "gru", "bow"])
    parts = [model.parts(TEXTS, LABELS, 0.3) for model in models.values()]
    texts = [tuple(tuple(part.texts) for part in three) for three in parts]
    assert texts[0] == texts[1] == texts[2]
    assert set(texts[0][0]).isdisjoint(texts[0][2])


class Stub:
    """What a leaderboard reads of a fitted model."""

    TASK, watched = "stub", "score"

    def __init__(self, score: float | None, better: str) -> None:
        self.BETTER = better
        test = {"score": score}
        self.metrics_ = {"test": test, "parameters": 1, "epochs": 1, "seconds": 0.0, "baselines": {}}


@pytest.mark.parametrize(("better", "order"), [("max", ["b", "a", "none"]), ("min", ["a", "b", "none"])])
def test_the_best_comes_first_and_what_has_no_score_last(better: str, order: list[str]) -> None:
    stubs = {"none": Stub(None, better), "a": Stub(1.0, better), "b": Stub(2.0, better)}
    board = _leaderboard(stubs)  # type: ignore[arg-type]
    assert [entry.cell for entry in board.entries] == order


def test_the_document_is_plain() -> None:
    board = Leaderboard("t", "s", "max", (Entry("gru", {"s": 1.0}, 2, 3, 4.0),), {"naive": {"s": 0.5}})
    assert board.document()["entries"] == (
        {"cell": "gru", "scores": {"s": 1.0}, "parameters": 2, "epochs": 3, "seconds": 4.0},
    )


@pytest.mark.parametrize(
    ("cells", "kind", "part"),
    [
        (["gru"], SettingError, "nothing to compare (cells): got gru"),
        ([], SettingError, "got none"),
        (["gru", "elman", "gru"], SettingError, "named twice (cells): got gru"),
        (["gru", "elmann"], CellError, "did you mean elman?"),
    ],
)
def test_refused_before_anything_is_trained(cells: list[str], kind: type[Exception], part: str) -> None:
    with pytest.raises(kind) as caught:
        contenders(SMALL, cells)
    assert part in str(caught.value)


def test_an_occupied_folder_is_refused_before_the_first_training(tmp_path: Path) -> None:
    (tmp_path / "mlp").mkdir()
    (tmp_path / "mlp" / "a.txt").write_text("x")
    with pytest.raises(RunError, match="exists"):
        compare(contenders(SMALL, ["bow", "mlp"]), TEXTS, LABELS, test=0.3, out=tmp_path)
    assert not (tmp_path / "bow").exists()


def test_every_run_is_kept_under_its_name(tmp_path: Path) -> None:
    compare(contenders(SMALL, ["bow", "mlp"]), TEXTS, LABELS, test=0.3, out=tmp_path)
    assert Run.open(tmp_path / "bow").document()["settings"]["cell"] == "bow"
    assert Run.open(tmp_path / "mlp").document()["settings"]["cell"] == "mlp"
