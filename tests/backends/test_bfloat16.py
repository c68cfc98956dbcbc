"""Products in bfloat16 under autocast: the kernels against float64 whose products round their operands.

Most machines have neither AMX nor AVX512-BF16: there the same text runs with both written out in C++.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from tests.backends.agreement import call_of, results
from tests.backends.rounded import OWN, PAIRS, TILES, Rounded, distance
from torch import Tensor

import cellwright as cw
from cellwright.backends import eager
from cellwright.backends.cpu import backend as cpu
from cellwright.backends.cpu import toolchain

WAYS = pytest.mark.parametrize(
    ("cell", "macros"),
    [
        ("lstm", PAIRS),
        ("gru", TILES),
        ("slstm", TILES),
        pytest.param("lstm", OWN, marks=pytest.mark.skipif(not OWN, reason="no bfloat16 products here")),
    ],
)


def rounded_blocks(blocks: Tensor, v: Tensor) -> Tensor:
    parts = v.split(blocks.shape[2], -1)
    return torch.cat([Rounded.apply(p, b) for p, b in zip(parts, blocks, strict=True)], -1)


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Tensor]]:
    """The reference in float64, its products rounding what they multiply."""
    monkeypatch.setattr(eager, "linear", Rounded.apply)
    table = {**eager._BATCHED, "matmul": lambda m, v: Rounded.apply(v, m), "blocks": rounded_blocks}
    monkeypatch.setattr(eager, "_BATCHED", table)
    return lambda graph, call: results(eager, graph, call)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[tuple[str, ...]], None]]:
    yield lambda macros: monkeypatch.setattr(cpu, "bfloat16_macros", lambda: macros)


@WAYS
@pytest.mark.parametrize("sizes", [(5, 3, 7, 36), (4, 34, 40, 64)])
def test_values_and_gradients_are_those_of_rounded_operands(
    cell: str,
    macros: tuple[str, ...],
    sizes: tuple[int, int, int, int],
    oracle: Callable[..., dict[str, Tensor]],
    use: Callable[[tuple[str, ...]], None],
) -> None:
    T, B, I, H = sizes
    use(macros)
    lengths = torch.tensor([T, 0, *[1 + k % T for k in range(B - 2)]])
    resets = torch.zeros(T, B, dtype=torch.bool)
    resets[2, ::2] = True
    graph, call = call_of(cell, T, B, I, H, torch.float32, lengths, resets=resets)
    _, wide = call_of(cell, T, B, I, H, torch.float64, lengths, resets=resets)
    expected = oracle(graph, wide)
    found = results(cpu, graph, replace(call, half=torch.bfloat16))
    plain = results(cpu, graph, call)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert distance(found[name], value) < 1e-3, name
    # And they are not those of float32: the test could tell.
    assert distance(plain["y"], expected["y"]) > 1e-3


@pytest.mark.parametrize("macros", [PAIRS, TILES])
def test_nan_and_infinity_pass_through(macros: tuple[str, ...], use: Callable[..., None]) -> None:
    use(macros)
    layer = cw.nn.Recurrent("lstm", 5, 36)
    x = torch.randn(3, 4, 5)
    x[1, 2, 0], x[0, 1, 3] = float("nan"), float("inf")
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        y, _ = layer(x)
    assert y[1:, 2].isnan().any()
    assert y[0, 2].isfinite().all()
    assert y[:, [0, 3]].isfinite().all()


def test_the_compiled_operator_rounds_too(use: Callable[..., None]) -> None:
    use(PAIRS)
    layer, x = cw.nn.Recurrent("lstm", 7, 36), torch.randn(4, 3, 7)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected = layer(x)[0]
        got = torch.compile(layer, backend="aot_eager")(x)[0]
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, expected, rtol=0, atol=0)
    assert not torch.equal(expected, layer(x)[0])


def test_what_autocast_made_smaller_is_taken(use: Callable[..., None]) -> None:
    use(())
    layer = cw.nn.LSTM(6, 5)
    front = torch.nn.Linear(4, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        x = front(torch.randn(3, 2, 4))
        assert x.dtype == torch.bfloat16
        y, (h, c) = layer(x, (torch.zeros(1, 2, 5, dtype=torch.bfloat16), torch.zeros(1, 2, 5)))
        why = cw.explain(layer, x)
    assert {v.dtype for v in (y, h, c)} == {torch.float32}
    assert why.startswith("runs on: cpu")


def test_small_states_are_not_rounded(use: Callable[..., None]) -> None:
    use(PAIRS)
    layer, x = cw.nn.Recurrent("lstm", 7, 16), torch.randn(4, 3, 7)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x)[0]
    torch.testing.assert_close(y, layer(x)[0].detach(), rtol=0, atol=0)


def test_macros_follow_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    def macros(flags: str, granted: bool = True) -> tuple[str, ...]:
        monkeypatch.setattr(toolchain, "cpu_features", lambda: flags)
        monkeypatch.setattr(toolchain, "_may_use_tiles", lambda: granted)
        return toolchain.bfloat16_macros.__wrapped__()

    wide = "flags : avx2 avx512f avx512_bf16"
    assert macros("flags : avx2 fma") == ()
    assert macros(wide) == ("-DHALF",)
    assert macros(f"{wide} amx_tile amx_bf16") == ("-DHALF", "-DAMX")
    assert macros(f"{wide} amx_tile amx_bf16", granted=False) == ("-DHALF",)
