"""A search from the command line: what it tries, what it keeps, and that the test part changes nothing."""

from __future__ import annotations

import re

import numpy as np
import pytest

from cellwright.cli import main
from cellwright.tasks.classify.task import Classifier
from cellwright.tasks.forecast.rolling import means
from cellwright.tasks.forecast.task import Forecaster
from cellwright.tasks.search import Space, search, space

pytest.importorskip("optuna")
QUICK = "--season 4 --horizon 2 --window 4 --epochs 1 --steps 1 --trials 3 --folds 2 --ranges units=4:8,layers=1:1"


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = 10 + 3 * np.sin(np.arange(60) * np.pi / 2) + 0.1 * np.arange(60)

    def write(changed=0.0):
        rows = [f"{v + (changed if k >= 48 else 0.0):.4f}" for k, v in enumerate(values)]
        (tmp_path / "a.csv").write_text("y\n" + "\n".join(rows) + "\n", encoding="utf-8")

    write()
    return write


def run(words, capsys):
    code = main(words.split())
    return code, *capsys.readouterr()


def test_a_search_goes_on_and_prints_the_command_of_the_best(table, tmp_path, capsys):
    code, out, err = run(f"tune forecast a.csv --cells elman,gru --out t {QUICK}", capsys)
    assert code == 0 and err.count("trial ") == 3 and (tmp_path / "t" / "study.db").exists()
    page = (tmp_path / "t" / "search.html").read_text(encoding="utf-8")
    assert "Best MASE by units" in page and "no trial has seen it" in page
    again = re.search(r"next  cellwright (.*)", out)[1]
    assert "--units" in again and "--season 4" in again
    code, out, err = run(f"tune forecast a.csv --cells elman,gru --out t {QUICK}", capsys)
    assert code == 2 and "there is a study already" in err
    more = QUICK.replace("--trials 3", "--trials 4")
    code, _, err = run(f"tune forecast a.csv --cells elman,gru --out t --resume {more}", capsys)
    assert code == 0 and err.count("trial ") == 1
    code, _, err = run(f"tune forecast a.csv --cells elman --out t --resume {more}", capsys)
    assert code == 2 and "other data, settings" in err
    assert main([*again.split(), "--out", str(tmp_path / "run"), "--quiet"]) == 0


def test_the_test_part_is_never_seen(table, tmp_path):
    found = []
    for changed in (0.0, 1000.0):
        table(changed)
        model = Forecaster(horizon=2, window=4, season=4, epochs=1, steps=1, refit="no")
        wanted = Space(("elman",), {"units": (4, 8)})
        folder = tmp_path / str(changed)
        found.append(
            search(model, model.read(tmp_path / "a.csv"), wanted, folder=folder, trials=2, folds=2, test=0.2)
        )
    assert found[0] == found[1] and found[0][0].score <= found[0][1].score


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("--ranges units=9:3", ["not a range", "got units=9:3"]),
        ("--ranges size=1:3", ["not a range", "learning_rate"]),
        ("--units 8 --ranges units=8:16", ["is fixed"]),
        ("--cells lstn,gru", ["unknown cell", "did you mean lstm"]),
        ("--resume --out nowhere --horizon 2", ["no study to go on with"]),
        ("--horizon 12 --folds 30", ["too few rows for so many origins"]),
    ],
)
def test_refused_before_anything_is_written(table, tmp_path, capsys, words, parts):
    code, out, err = run(f"tune forecast a.csv {words}", capsys)
    assert code == 2 and not out and all(part in err for part in parts), err
    assert not (tmp_path / "runs").exists()


def test_what_is_given_is_not_searched():
    assert set(space(["lstm"], "", {"units": 8}).ranges) == {"layers", "dropout", "learning_rate"}


def test_folds_of_classes_hold_each_example_once_in_proportion():
    X = [np.full((3, 1), k, dtype=np.float32) for k in range(12)]
    model = Classifier()
    part = model.take(X, ["a"] * 8 + ["b"] * 4)
    folds = model.folds(part, 4)
    held = [int(series[0, 0]) for _, some in folds for series in some.series]
    assert sorted(held) == list(range(12))
    assert all(sorted(some.known()) == ["a", "a", "b"] and len(rest) == 9 for rest, some in folds)


def test_a_rolling_origin_trains_anew_each_time(table, capsys):
    values = 10 + 3 * np.sin(np.arange(60) * np.pi / 2) + 0.1 * np.arange(60)
    settings = {"horizon": 2, "window": 4, "season": 4, "epochs": 1, "steps": 1}
    model = Forecaster(**settings, backtest=2).fit(values, test=0.2)
    found = model.metrics_["examples"]["backtest"]
    assert [one["from"] for one in found] == ["row 37", "row 49"]
    errors = [np.abs(values[o : o + 2] - values[o - 1]).mean() for o in range(36, 47)]
    assert found[0]["scores"]["last_value"]["mae"] == pytest.approx(np.mean(errors))
    assert set(means(found, "mase")) >= {"lstm", "linear", "drift"}
    code, out, _ = run(
        "train forecast a.csv --horizon 2 --window 4 --season 4 --epochs 1 --steps 1 --backtest 2 --out r --quiet",
        capsys,
    )
    assert code == 0 and "rolling origin, 2 times, mean MASE: lstm" in out
