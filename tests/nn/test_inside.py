"""Parts within the loop: zoneout, state dropout, clipped gradients, each against a loop written out by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from tests.nn.by_hand import loop, random, zeros
from torch import Tensor

import cellwright as cw
from cellwright.backends import eager
from cellwright.backends.call import Call
from cellwright.compiler.graph import Graph
from cellwright.nn.derived import dropped, matrices_in_the_loop, read_by_matrices
from cellwright.runtime import choose

CELLS = ("lstm", "gru", "gru_v1", "lstm_joined", "slstm", "lstm_projected", "indrnn", "rhn")


def layer_of(name: str, part: Any, **options: Any) -> cw.nn.Recurrent:
    torch.manual_seed(3)
    cell = cw.cells.lstm_projected.configure(P=3) if name == "lstm_projected" else name
    return cw.nn.Recurrent(cell, 3, 5, parts=[part], dtype=torch.float64, **options)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Every call that a backend is handed: it holds the masks that were drawn."""
    seen: list[Call] = []
    run_on = choose.run_on

    def spy(name: str, plan: Any, call: Call) -> Any:
        seen.append(call)
        return run_on(name, plan, call)

    monkeypatch.setattr(choose, "run_on", spy)
    return seen


@pytest.mark.parametrize("name", CELLS)
def test_zoneout_holds_values_at_random(name: str, calls: list[Call]) -> None:
    layer, x = layer_of(name, cw.nn.Zoneout(0.4)), random(6, 4, 3)
    y, state = layer(x)
    masks = calls[0].extra
    assert masks is not None and set(masks) == {f"hold_{s}" for s in layer.state_sizes()}

    def after(new: dict[str, Tensor], old: dict[str, Tensor], t: int) -> dict[str, Tensor]:
        return {n: torch.where(masks[f"hold_{n}"][t] == 1, old[n], v) for n, v in new.items()}

    start = {n: v[0] for n, v in layer.start(4, x).items()}
    expected, last = loop(layer.cell, x, start, layer.weights(0), after=after)
    torch.testing.assert_close(y, expected)
    for n, value in last.items():
        torch.testing.assert_close(state[n][0], value)
    first = masks[f"hold_{next(iter(layer.state_sizes()))}"]
    assert 0.2 < first.mean() < 0.6
    assert not torch.equal(first[0], first[1]), "drawn anew at every step"
    assert not torch.equal(first[:, 0], first[:, 1]), "and for every sequence"


@pytest.mark.parametrize("name", CELLS)
def test_zoneout_in_evaluation_is_the_expectation(name: str) -> None:
    layer, x = layer_of(name, cw.nn.Zoneout(0.25)).eval(), random(6, 2, 3)
    start = {n: v[0] for n, v in layer.start(2, x).items()}
    expected, _ = loop(
        layer.cell,
        x,
        start,
        layer.weights(0),
        after=lambda new, old, t: {n: 0.25 * old[n] + 0.75 * v for n, v in new.items()},
    )
    torch.testing.assert_close(layer(x)[0], expected)
    assert len(layer.running().graph.inputs) == 1, "evaluation reads x alone"


def test_zoneout_of_each_state_by_its_name(calls: list[Call]) -> None:
    layer, x = layer_of("lstm", cw.nn.Zoneout({"c": 1.0})), random(6, 2, 3)
    _, state = layer(x)
    assert calls[0].extra is not None and list(calls[0].extra) == ["hold_c"]
    assert (state["c"] == 0).all() and (state["h"] != 0).all(), (
        "c never moves; h comes of the c that would be"
    )
    with pytest.raises(cw.SettingError, match="no such state: got n, expected c, h"):
        layer_of("lstm", cw.nn.Zoneout({"n": 0.1}))


@pytest.mark.parametrize("name", [n for n in CELLS if n != "indrnn"])
def test_state_dropout_has_one_mask_for_all_steps_and_one_for_each_sequence(
    name: str, calls: list[Call]
) -> None:
    layer, x = layer_of(name, cw.nn.StateDropout(0.4)), random(6, 4, 3)
    layer(x)
    assert calls[0].extra is not None
    mask = calls[0].extra["drop_h"]
    assert torch.equal(mask, mask[:1].expand_as(mask))
    assert not torch.equal(mask[0, 0], mask[0, 1])
    assert set(mask.unique().tolist()) == {0.0, 1 / 0.6}


@pytest.mark.parametrize("name", ["lstm", "lstm_joined", "peephole", "slstm", "lstm_layer_norm", "elman"])
def test_where_matrices_alone_read_h_all_of_it_is_dropped(name: str, calls: list[Call]) -> None:
    layer, x = layer_of(name, cw.nn.StateDropout(0.4)), random(6, 3, 3)
    y, _ = layer(x)
    assert calls[0].extra is not None
    mask = calls[0].extra["drop_h"][0]
    start = {n: v[0] for n, v in layer.start(3, x).items()}
    expected, _ = loop(
        layer.cell, x, start, layer.weights(0), read=lambda state, _, t: state | {"h": state["h"] * mask}
    )
    torch.testing.assert_close(y, expected)


def test_a_gru_carries_its_state_on_undropped(calls: list[Call]) -> None:
    layer, x = layer_of("gru_v1", cw.nn.StateDropout(0.4)), random(6, 2, 3)
    y, _ = layer(x)
    assert calls[0].extra is not None
    mask, w = calls[0].extra["drop_h"][0], layer.weights(0)
    h = torch.zeros(2, 5, dtype=torch.float64)
    for t in range(6):
        read = h * mask
        r = torch.sigmoid(x[t] @ w["W_r"].T + read @ w["U_r"].T + w["b_r"])
        z = torch.sigmoid(x[t] @ w["W_z"].T + read @ w["U_z"].T + w["b_z"])
        n = torch.tanh(x[t] @ w["W_n"].T + (r * read) @ w["U_n"].T + w["b_n"])
        h = (1 - z) * n + z * h
        torch.testing.assert_close(y[t], h)


def test_state_dropout_leaves_evaluation_alone() -> None:
    layer, x = layer_of("lstm", cw.nn.StateDropout(0.4)).eval(), random(6, 2, 3)
    assert layer.running() is layer.cell
    torch.testing.assert_close(layer(x)[0], loop(layer.cell, x, zeros(layer, 2), layer.weights(0))[0])


def test_no_matrix_reads_a_state() -> None:
    for part in (cw.nn.StateDropout(0.1), cw.nn.ClipGradient(1.0)):
        with pytest.raises(cw.SettingError, match="no matrix of `mingru` reads a state"):
            layer_of("mingru", part)
    with pytest.raises(cw.SettingError, match="`mingru` has no matrix to drop weights of.*expected W_z, W_n"):
        layer_of("mingru", cw.nn.DropConnect(0.1))


def test_what_counts_as_read_by_a_matrix() -> None:
    # LEM's last matrix reads the new z, the projection the new state, multiplicative gates read a product.
    assert read_by_matrices(cw.cells.lem.graph) == ("h",)
    assert read_by_matrices(cw.cells.lstm_projected.graph) == ("h",)
    assert [n.name for n in dropped(cw.cells.lstm_multiplicative.graph).inputs] == ["x", "drop_h"]
    assert matrices_in_the_loop(cw.cells.lstm.graph) == ("U_i", "U_f", "U_g", "U_o")
    assert matrices_in_the_loop(cw.cells.slstm.graph) == ("R_i", "R_f", "R_z", "R_o")


@pytest.mark.parametrize("training", [True, False])
def test_both_at_once_in_either_order(training: bool) -> None:
    layers = [
        cw.nn.Recurrent("lstm_projected", 3, 5, dtype=torch.float64, parts=parts).train(training)
        for parts in (
            [cw.nn.StateDropout(0.3), cw.nn.Zoneout(0.2)],
            [cw.nn.Zoneout(0.2), cw.nn.StateDropout(0.3)],
        )
    ]
    assert layers[0].running().graph.fingerprint == layers[1].running().graph.fingerprint


@pytest.mark.parametrize("backend", ["cpu", "eager"])
@pytest.mark.parametrize("part", [cw.nn.Zoneout, cw.nn.StateDropout])
def test_kernels_and_reference_agree(part: Any, backend: str) -> None:
    found = []
    for which in ("eager", backend):
        layer, x = (
            layer_of("gru_v1", part(0.3), num_layers=2, backend=which),
            random(7, 3, 3).requires_grad_(),
        )
        torch.manual_seed(5)
        y, state = layer(x, lengths=[7, 2, 0])
        (y.square().sum() + state["h"].sum()).backward()
        found.append([y.detach(), x.grad, *(p.grad for p in layer.parameters())])
    for ours, reference in zip(*found, strict=True):
        torch.testing.assert_close(ours, reference)


def clipped_by_hand(
    layer: cw.nn.Recurrent, x: Tensor, dy: Tensor, limit: float, at: str
) -> dict[str, Tensor]:
    """Backpropagation through the plain network, h = tanh(W x + U h + b), written out with its clipping."""
    w = {n: v.detach() for n, v in layer.weights(0).items()}
    h = [torch.zeros(x.shape[1], 5, dtype=torch.float64)]
    for t in range(len(x)):
        h.append(torch.tanh(x[t] @ w["W"].T + h[-1] @ w["U"].T + w["b"]))
    grads = {n: torch.zeros_like(v) for n, v in w.items()}
    dh = torch.zeros_like(h[0])
    for t in reversed(range(len(x))):
        dh = dh + dy[t]
        dh = dh.clamp(-limit, limit) if at == "states" else dh
        da = dh * (1 - h[t + 1] ** 2)
        da = da.clamp(-limit, limit) if at == "sums" else da
        grads["W"] += da.T @ x[t]
        grads["U"] += da.T @ h[t]
        grads["b"] += da.sum(0)
        dh = da @ w["U"]
    return grads


@pytest.mark.parametrize("at", ["sums", "states"])
@pytest.mark.parametrize("backend", ["eager", "cpu"])
def test_gradients_are_clipped_at_every_step(at: str, backend: str) -> None:
    layer, x = layer_of("elman", cw.nn.ClipGradient(0.3, at), backend=backend), random(6, 2, 3)
    y, _ = layer(x)
    dy = 2 * random(6, 2, 5, seed=4)
    y.backward(dy)
    expected = clipped_by_hand(layer, x, dy, 0.3, at)
    for name, weight in layer.weights(0).items():
        torch.testing.assert_close(weight.grad, expected[name])
    free = clipped_by_hand(layer, x, dy, 1e9, at)
    assert not torch.allclose(expected["U"], free["U"]), "the bound was reached"


@pytest.mark.parametrize("at", ["sums", "states"])
def test_the_kernel_clips_an_lstm_as_the_reference_does(at: str) -> None:
    layer, x = layer_of("lstm", cw.nn.ClipGradient(0.05, at), backend="cpu"), random(6, 3, 3)
    dy, found = random(6, 3, 5, seed=4), {}
    for name, limit in (("cpu", 0.05), ("eager", 0.05), ("free", 1e9)):
        own = layer_of("lstm", cw.nn.ClipGradient(limit, at), backend="cpu" if name == "cpu" else "eager")
        own.load_state_dict(layer.state_dict())
        own(x, lengths=[6, 0, 4])[0].backward(dy)
        found[name] = {n: w.grad for n, w in own.weights(0).items()}
    for name, gradient in found["eager"].items():
        torch.testing.assert_close(found["cpu"][name], gradient)
    assert not torch.allclose(found["cpu"]["U_f"], found["free"]["U_f"]), "the bound was reached"


def test_the_gates_of_an_lstm_are_where_graves_clips() -> None:
    graph = clipped_graph("lstm", 1.0)
    bounds = {k for k, n in enumerate(graph.nodes) if n.op == "clip_gradient"}
    readers = [n for n in graph.nodes if set(n.operands) & bounds]
    assert [n.name for n in readers] == ["i", "f", "g", "o"]


def test_clipping_is_only_while_training_and_changes_no_value() -> None:
    layer, x = layer_of("lstm", cw.nn.ClipGradient(1.0)), random(6, 2, 3)
    assert "∂clip" in cw.show(layer.running())
    assert "∂clip" not in cw.show(copy.deepcopy(layer).eval().running())
    plain = cw.nn.Recurrent("lstm", 3, 5, dtype=torch.float64)
    plain.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(x)[0], plain(x)[0])


def clipped_graph(name: str, limit: float) -> Graph:
    """The step that runs while training."""
    return layer_of(name, cw.nn.ClipGradient(limit)).running(training=True).graph


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")
def test_clipping_has_derivatives_of_its_own() -> None:
    graph, x = clipped_graph("elman", 0.3), random(3, 2, 3)
    weights = {n: v.detach() for n, v in layer_of("elman", cw.nn.Zoneout(0.1)).weights(0).items()}
    plan = choose.plan_of(graph)

    def run(x: Tensor) -> Tensor:
        states = {"h": torch.zeros(x.shape[1], 5, dtype=torch.float64)}
        return eager.run(plan, Call(x, states, weights)).y

    _, jvp = torch.func.jvp(run, (x,), (torch.ones_like(x),))
    torch.testing.assert_close(jvp, (run(x + 1e-6) - run(x - 1e-6)) / 2e-6, rtol=1e-6, atol=1e-8)
    each = torch.func.vmap(torch.func.grad(lambda v: run(v.unsqueeze(1)).sum()), in_dims=1)(x)
    alone = torch.func.grad(lambda v: run(v).sum())(x)
    torch.testing.assert_close(each.transpose(0, 1), alone)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cw.nn.Zoneout(1.5), "zoneout is a probability: got 1.5"),
        (lambda: cw.nn.Zoneout({"h": True}), "zoneout is a probability: got True"),
        (lambda: cw.nn.StateDropout(-0.1), "dropout is a probability: got -0.1"),
        (lambda: cw.nn.ClipGradient(0.0), "above 0: got 0.0"),
        (lambda: cw.nn.ClipGradient(float("nan")), "above 0: got nan"),
        (lambda: cw.nn.ClipGradient(float("inf")), "above 0: got inf"),
        (lambda: cw.nn.ClipGradient("1"), "a number above 0: got 1"),  # type: ignore[arg-type]
        (lambda: cw.nn.Recurrent("gru", 3, 4, parts=cw.nn.Zoneout(0.1)), "parts should be of type list"),  # type: ignore[arg-type]
        (lambda: cw.nn.ClipGradient(1.0, at="gates"), "no such place.*expected sums, states"),
    ],
)
def test_refused(make: Any, message: str) -> None:
    with pytest.raises(cw.SettingError, match=message):
        make()
