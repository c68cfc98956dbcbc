"""Each case of the kernels' benchmarks at a shape of no account: its rows are those that the report reads."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from benchmarks.kernels import __main__, bfloat16, memory, own, rate, ready, stock
from benchmarks.kernels.report import page
from benchmarks.kernels.rows import ROOT, Options, Row, append, read, stamped

from cellwright.testing import check
from cellwright.testing.speed import SIZES, Sizes, reference

SMALL = Sizes(3, 2, 2, 4)
OPTIONS = Options(repetitions=1, sizes=(SMALL,))


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def shown(case: str, rows: list[Row], tmp_path) -> str:
    """The page of these rows, after a round through a file."""
    for row in rows:
        append(tmp_path / "rows.jsonl", stamped(case, row, 0.0))
    text = page(read(tmp_path / "rows.jsonl"))
    assert str(ROOT) not in text + json.dumps(rows)
    return text


def test_stock(tmp_path) -> None:
    found = list(stock.rows(OPTIONS))
    assert [row["cell"] for row in found] == ["lstm", "gru", "elman"]
    assert shown("stock", found, tmp_path).count("| 3,2,2,4 |") == 3


def test_own(tmp_path) -> None:
    found = list(own.rows(OPTIONS))
    assert [row["cell"] for row in found] == list(own.CELLS)
    assert all({"cellwright", "torch loop", "our lstm"} <= set(row["ms"]) for row in found)
    assert all("jax scan" in row["ms"] or "no jax scan" in row for row in found)
    by_hand = found[0]["ms"]["our lstm"]["median"] / found[0]["ms"]["cellwright"]["median"]
    assert found[0]["rate_of_our_lstm"] == pytest.approx(by_hand, rel=1e-2)  # the same multiply-adds
    assert "| a user's own | 3,2,2,4 |" in shown("own", found, tmp_path)


def test_rate(tmp_path) -> None:
    # Large enough that the loop is seen beside the hoisted product.
    found = list(rate.rows(Options(repetitions=3, sizes=(Sizes(20, 4, 2, 16),))))
    assert set(found[0]["gflops"]) == {"ours", "torch.mm, B rows", "torch.mm, T * B rows"}
    assert "| 20,4,2,16 |" in shown("rate", found, tmp_path)


def test_memory(tmp_path) -> None:
    found = list(memory.rows(Options(sizes=(Sizes(50, 40, 8, 64),), cells=("elman",))))
    assert all(taken > 0.5 for taken in found[0]["mib"].values())  # y and its gradient alone take 1 MiB
    assert "| RNN | 50,40,8,64 |" in shown("memory", found, tmp_path)


def test_a_fresh_process_says_how_long_it_took(tmp_path) -> None:
    found = ready._fresh(3, str(tmp_path))
    assert set(found) == {"ready_ms", "import_ms", "second_step_ms"}
    assert list(tmp_path.glob("mine*.so"))


def test_bfloat16_says_why_it_was_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(bfloat16, "vector_units", lambda: ("AVX2",))
    found = list(bfloat16.rows(OPTIONS))
    assert found == [{"not_run": "needs AMX BF16 or AVX-512 BF16; this processor has AVX2"}]
    assert "this processor has AVX2 |" in shown("bfloat16", found, tmp_path)


def test_bfloat16_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(bfloat16, "vector_units", lambda: ("AVX2", "AMX BF16"))
    # torch.nn refuses bfloat16 on a processor without it: our equations in torch stand in for it here.
    monkeypatch.setattr(bfloat16, "stock_or_reference", lambda c: [replace(reference(c), name="torch.nn")])
    found = list(bfloat16.rows(OPTIONS))
    kinds = {"cellwright", "cellwright bfloat16", "torch.nn", "torch.nn bfloat16"}
    assert set(found[0]["ms"]) == kinds
    assert "times as fast as float32" in shown("bfloat16", found, tmp_path)


def test_what_fails_is_said_and_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path, capsys) -> None:
    def wrong(name: str, *_, **__) -> None:
        raise check.CheckError(f"wrong, so not timed: {name}")

    monkeypatch.setattr(stock, "measure", wrong)
    out = tmp_path / "rows.jsonl"
    monkeypatch.setattr("sys.argv", ["kernels", "stock", "--quick", "--out", str(out), "--threads", "1"])
    assert __main__.main() == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["failed"] for row in rows] == [f"wrong, so not timed: {c}" for c in ("lstm", "gru", "elman")]
    assert not out.exists()


def test_quick_is_the_first_of_the_usual() -> None:
    assert Options(quick=True).sizes_or() == SIZES[:1]
    assert Options(quick=True, sizes=(SMALL,)).sizes_or() == (SMALL,)
    assert Options().sizes_or() == SIZES and Options(cells=("gru",)).cells_or(("lstm",)) == ("gru",)
