"""The library against formulas written out a second time, by hand, with torch; and finding cells."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

import cellwright as cw

LIBRARY = cw.cells.all()


def draw(name: str, **hyper: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(4)
    made = LIBRARY[name].configure(**hyper) if hyper else LIBRARY[name]
    sizes = {"H": 5, "I": 3}
    leaves = (*made.graph.inputs, *made.graph.states, *made.graph.parameters)
    return {
        n.name: torch.randn([d.evaluate(sizes) for d in n.shape], generator=generator, dtype=torch.float64)
        for n in leaves
    }


def call(name: str, v: dict[str, Tensor]) -> tuple[Tensor, ...]:
    graph = LIBRARY[name].graph
    flow = [n.name for n in (*graph.inputs, *graph.states)]
    new = LIBRARY[name](*(v[k] for k in flow), **{k: w for k, w in v.items() if k not in flow})
    return new if isinstance(new, tuple) else (new,)


def gate(v: dict[str, Tensor], k: str, h: Tensor | None = None) -> Tensor:
    return v[f"W_{k}"] @ v["x"] + v[f"U_{k}"] @ (v["h"] if h is None else h) + v[f"b_{k}"]


def check(name: str, v: dict[str, Tensor], *expected: Tensor) -> None:
    for got, want in zip(call(name, v), expected, strict=True):
        torch.testing.assert_close(got, want)


def test_gru_v1_resets_before_the_product() -> None:
    v = draw("gru_v1")
    r, z = torch.sigmoid(gate(v, "r")), torch.sigmoid(gate(v, "z"))
    n = torch.tanh(gate(v, "n", r * v["h"]))
    check("gru_v1", v, (1 - z) * n + z * v["h"])


def test_peepholes_see_the_old_state_before_and_the_new_one_after() -> None:
    v = draw("peephole")
    i = torch.sigmoid(gate(v, "i") + v["p_i"] * v["c"])
    f = torch.sigmoid(gate(v, "f") + v["p_f"] * v["c"])
    c = f * v["c"] + i * torch.tanh(gate(v, "g"))
    check("peephole", v, torch.sigmoid(gate(v, "o") + v["p_o"] * c) * torch.tanh(c), c)


def test_coupled_gates() -> None:
    v = draw("coupled")
    f = torch.sigmoid(gate(v, "f"))
    c = f * v["c"] + (1 - f) * torch.tanh(gate(v, "g"))
    check("coupled", v, torch.sigmoid(gate(v, "o")) * torch.tanh(c), c)


def test_coupled_gates_with_peepholes() -> None:
    v = draw("coupled_peephole")
    f = torch.sigmoid(gate(v, "f") + v["p_f"] * v["c"])
    c = f * v["c"] + (1 - f) * torch.tanh(gate(v, "g"))
    check("coupled_peephole", v, torch.sigmoid(gate(v, "o") + v["p_o"] * c) * torch.tanh(c), c)


def test_the_joined_notation_is_the_split_one() -> None:
    v = draw("lstm")
    joined = {k: v[k] for k in ("x", "h", "c")} | {f"b_{k}": v[f"b_{k}"] for k in "ifgo"}
    joined |= {f"W_{k}": torch.cat([v[f"U_{k}"], v[f"W_{k}"]], 1) for k in "ifgo"}
    check("lstm_joined", joined, *call("lstm", v))


def test_library_order_and_lookup() -> None:
    assert list(LIBRARY) == sorted(LIBRARY)
    assert cw.cells.get("lstm") is cw.cells.lstm
    relu = cw.cells.get("elman(nonlinearity='relu')")
    assert "relu" in cw.show(relu)


def test_a_cell_of_a_users_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from cellwright import cell, tanh\n\n\n@cell\ndef fast(x, h, *, W, U, b):\n"
        "    return tanh(W @ x + U @ h + b)\n"
    )
    assert cw.cells.get(f"{file}:fast").name == "fast"
    assert cw.cells.get(str(file)).name == "fast"
    with pytest.raises(cw.CellError, match="the file has no such cell.*got slow, expected fast"):
        cw.cells.get(f"{file}:slow")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("lstmm", "unknown cell: got lstmm.*did you mean lstm"),
        ("gru-v1", "did you mean gru_v1"),
        ("elman(relu)", "cannot be read|unknown"),
        ("elman(nonlinearity=__import__('os'))", "hyper-parameters of the cell cannot be read"),
        ("nowhere.py:fast", "no such file of cells"),
    ],
)
def test_refused_references(reference: str, message: str) -> None:
    with pytest.raises(cw.CellError, match=message):
        cw.cells.get(reference)


def test_a_file_that_does_not_run_names_the_mistake(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("1 / 0\n")
    with pytest.raises(cw.CellError, match="cannot be run.*ZeroDivisionError"):
        cw.cells.get(f"{file}:fast")
