"""Memory and the comparison of cells: held to what torch's autograd really keeps, and to its own count of products."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import cellwright as cw
from cellwright.backends.cpu.toolchain import find_compiler
from cellwright.description import beside

needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="no C++ compiler: no kernels")


def kept(network: nn.Module, x: Tensor) -> int:
    """Bytes of all storages that autograd holds on to, the parameters' own left out."""
    seen: dict[int, int] = {}
    alive = []

    def pack(tensor: Tensor) -> Tensor:
        alive.append(tensor)
        seen[tensor.untyped_storage()._cdata] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        network(x)
    own = {p.untyped_storage()._cdata for p in network.parameters()}
    return sum(size for key, size in seen.items() if key not in own)


@needs_compiler
@pytest.mark.parametrize(
    "name", ["elman", "lstm", "gru", "peephole", "slstm", "lem", "mingru", "lstm_layer_norm"]
)
def test_a_layer_keeps_what_is_said(name: str) -> None:
    layer, x = cw.nn.Recurrent(name, 3, 8), torch.randn(7, 5, 3)
    assert cw.describe(layer).memory(7, 5).kept == kept(layer, x)


@needs_compiler
@pytest.mark.parametrize(
    "options",
    [
        {"num_layers": 3},
        {"bidirectional": True},
        {"num_layers": 2, "bidirectional": True},
        {"num_layers": 3, "dropout": 0.5},
        {"num_layers": 2, "bidirectional": True, "dropout": 0.5},
        {"dtype": torch.float64},
    ],
    ids=str,
)
def test_stacks_and_directions(options: dict[str, object]) -> None:
    layer = cw.nn.Recurrent("lstm", 3, 4, **options)
    x = torch.randn(6, 5, 3, dtype=next(layer.parameters()).dtype)
    found = cw.describe(layer).memory(6, 5)
    assert found.kept == kept(layer, x)
    size = sum(p.numel() * p.element_size() for p in layer.parameters())
    assert (found.weights, found.gradients, found.optimizer) == (size, size, 2 * size)
    assert found.total == 4 * size + found.kept


def real_transformer(inputs: int, width: int) -> nn.Module:
    class Real(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(inputs, width)
            self.layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0)

        def forward(self, x: Tensor) -> Tensor:
            mask = nn.Transformer.generate_square_subsequent_mask(len(x))
            return self.layer(self.first(x), src_mask=mask, is_causal=True)

    return Real()


def products(network: nn.Module, x: Tensor) -> int:
    # The counter does not see into torch's fused attention; the plain one has the same products.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        network(x)
    return counter.get_total_flops() // 2


def test_the_comparison_is_exact() -> None:
    rows = {row["cell"]: row for row in beside("lstm", 24, 10, steps=9, batch=4).iter_rows(named=True)}
    assert list(rows) == ["lstm", "elman", "gru", "transformer"]
    x = torch.randn(9, 4, 10)
    for name, row in rows.items():
        if name == "transformer":
            network = real_transformer(10, row["units"])
            state = 2 * 9 * row["units"]
        else:
            network = cw.nn.Recurrent(name, 10, row["units"], backend="eager")
            state = sum(network.state_sizes().values())
        parameters = sum(p.numel() for p in network.parameters())
        assert row["parameters"] == parameters
        assert row["weights"] == 4 * parameters
        assert row["multiply_adds"] * 9 * 4 == products(network, x), name
        assert row["state"] == 4 * state
        if name == "transformer":
            assert row["training"] == 16 * parameters + kept(network, x)
        elif find_compiler() is not None:
            network.backend = None
            assert row["training"] == 16 * parameters + kept(network, x)


def test_the_nearest_size_is_found() -> None:
    """Against trying every size."""
    wanted = cw.describe("lstm", units=20, inputs=7).parameters
    rows = {
        row["cell"]: row
        for row in beside("lstm", 20, 7, others=["gru", "slstm(heads=4)"]).iter_rows(named=True)
    }
    for name, sizes in (("gru", range(1, 90)), ("slstm(heads=4)", range(4, 90, 4))):
        counts = {n: cw.describe(name, units=n, inputs=7).parameters for n in sizes}
        nearest = min(abs(count - wanted) for count in counts.values())
        assert abs(rows[name]["parameters"] - wanted) == nearest
        assert counts[rows[name]["units"]] == rows[name]["parameters"]


def test_by_matrix() -> None:
    text = cw.describe("gru", units=5, inputs=3).by_matrix()
    numbers = [line.split()[-1] for line in text.splitlines()[2:]]
    assert sum(map(int, numbers)) == cw.describe("gru", units=5, inputs=3).parameters
    assert "  W_n" in text and " 5 x 3 " in text


def test_refusals() -> None:
    with pytest.raises(cw.SettingError, match="steps must be at least 1, got 0"):
        cw.describe("gru").memory(0, 3)
    with pytest.raises(cw.SettingError, match="batch must be at least 1, got -1"):
        beside("gru", batch=-1)
    with pytest.raises(cw.CellError, match="unknown cell"):
        beside("gru", others=["gruu"])
