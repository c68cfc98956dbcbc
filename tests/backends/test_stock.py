"""torch's own kernels, recognised by fingerprint, against the reference."""

import pytest
import torch

import cellwright as cw
from cellwright.backends import eager, stock
from cellwright.backends.call import Call
from cellwright.compiler.plan import make_plan

KNOWN = {
    "lstm": cw.cells.lstm,
    "gru": cw.cells.gru,
    "elman": cw.cells.elman,
    "relu": cw.cells.elman.configure(nonlinearity="relu"),
}


def test_the_fingerprints_are_those_of_the_library() -> None:
    assert set(stock.KNOWN) == {c.graph.fingerprint for c in KNOWN.values()}


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("lengths", [None, [3, 6, 1, 6]], ids=["full", "ragged"])
def test_torch_agrees_with_the_reference(name: str, lengths: list[int] | None) -> None:
    graph = KNOWN[name].graph
    layer = cw.nn.Recurrent(KNOWN[name], 3, 4, dtype=torch.float64)
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(6, 4, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    states = {n.name: torch.randn(4, 4, generator=generator, dtype=torch.float64) for n in graph.states}
    call = Call(x, states, layer.weights(0), None if lengths is None else torch.tensor(lengths))
    plan = make_plan(graph)
    assert stock.refuses(plan, call) is None
    ours, theirs = eager.run(plan, call), stock.run(plan, call)
    torch.testing.assert_close(theirs.y, ours.y)
    torch.testing.assert_close(theirs.states, ours.states)
    wanted = [x, *layer.parameters()]
    for got, expected in zip(
        torch.autograd.grad(theirs.y.square().sum(), wanted),
        torch.autograd.grad(ours.y.square().sum(), wanted),
        strict=True,
    ):
        torch.testing.assert_close(got, expected)


def test_what_it_refuses() -> None:
    def why(cell: cw.Cell, x: torch.Tensor, **options: object) -> str | None:
        return stock.refuses(make_plan(cell.graph), Call(x, {}, {}, **options))  # type: ignore[arg-type]

    x = torch.zeros(3, 2, 3)
    assert "no kernel of its own" in str(why(cw.cells.peephole, x))
    assert "gate values" in str(why(cw.cells.lstm, x, record=("i",)))
    assert "empty batch" in str(why(cw.cells.lstm, x[:, :0]))
    assert "empty sequence" in str(why(cw.cells.lstm, x, lengths=torch.tensor([0, 3])))


def test_a_users_own_text_of_the_same_equations_is_recognised() -> None:
    @cw.cell
    def my_plain_network(x, h, *, W, U, b):
        h = cw.tanh(W @ x + U @ h + b)
        return h

    assert my_plain_network.graph.fingerprint in stock.KNOWN


def test_swapped_equations_are_not_recognised() -> None:
    @cw.cell
    def almost(x, h, *, W_r, U_r, b_r, W_z, U_z, b_z, W_n, U_n, b_n, b_m):
        r = cw.sigmoid(W_r @ x + U_r @ h + b_r)
        z = cw.sigmoid(W_z @ x + U_z @ h + b_z)
        n = cw.tanh(W_n @ x + b_n + r * (U_n @ h + b_m))
        h = z * n + (1 - z) * h
        return h

    assert almost.graph.fingerprint not in stock.KNOWN
