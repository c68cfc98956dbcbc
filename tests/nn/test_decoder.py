"""Attention and the decoder: against plain loops, in every way of feeding, over masks, states and cells."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from cellwright.errors import SettingError, ShapeError
from cellwright.nn import Additive, Attention, Decoder, Memory, Multiplicative

B, S, T, I, H, M = 3, 5, 4, 3, 6, 7
LENGTHS = torch.tensor([5, 2, 4])


def memory_of(attention: Attention, lengths: Tensor | None = LENGTHS) -> Memory:
    torch.manual_seed(1)
    return attention.read(torch.randn(S, B, M, dtype=torch.float64), lengths)


def made(**given: Any) -> Decoder:
    torch.manual_seed(2)
    return Decoder(**{"cell": "gru", "input_size": I, "hidden_size": H, "memory_size": M, **given}).double()


class TestAttention:
    def test_multiplicative_by_hand(self) -> None:
        attention = Multiplicative(H, M).double()
        memory, query = memory_of(attention), torch.randn(T, B, H, dtype=torch.float64)
        found, weights = attention(query, memory)
        for t in range(T):
            for b in range(B):
                rows = memory.values[b, : LENGTHS[b]]
                shares = torch.softmax(torch.stack([query[t, b] @ attention.W_k @ m for m in rows]), 0)
                torch.testing.assert_close(weights[t, b, : len(rows)], shares)
                torch.testing.assert_close(found[t, b], shares @ rows)
                assert not weights[t, b, len(rows) :].any()

    def test_additive_by_hand(self) -> None:
        attention = Additive(H, M, 4).double()
        memory, query = memory_of(attention), torch.randn(T, B, H, dtype=torch.float64)
        found, _ = attention(query, memory)
        b, t = 1, 2
        rows = memory.values[b, : LENGTHS[b]]
        scores = [
            attention.v @ torch.tanh(attention.W_q @ query[t, b] + attention.W_k @ m + attention.b)
            for m in rows
        ]
        torch.testing.assert_close(found[t, b], torch.softmax(torch.stack(scores), 0) @ rows)

    def test_an_empty_memory_gives_nothing_and_no_nan(self) -> None:
        attention = Additive(H, M).double()
        memory = memory_of(attention, torch.tensor([0, 5, 1]))
        query = torch.randn(T, B, H, dtype=torch.float64, requires_grad=True)
        found, weights = attention(query, memory)
        assert not weights[:, 0].any()
        assert not found[:, 0].any()
        assert not memory.mean()[0].any()
        found.sum().backward()
        assert query.grad is not None
        assert query.grad.isfinite().all()

    def test_what_lies_past_the_length_is_not_seen(self) -> None:
        attention = Multiplicative(H, M).double()
        values = torch.randn(S, B, M, dtype=torch.float64)
        other = values.clone()
        other[2:, 1] = 1e9
        query = torch.randn(T, B, H, dtype=torch.float64)
        (one, _), (two, _) = (attention(query, attention.read(v, LENGTHS)) for v in (values, other))
        torch.testing.assert_close(one[:, 1], two[:, 1])

    @pytest.mark.parametrize(
        ("act", "says"),
        [
            (lambda a: a.read(torch.zeros(S, B, M + 1)), "a memory of another shape"),
            (lambda a: a.read(torch.zeros(S, B, M), torch.tensor([1, 1])), "lengths of another number"),
            (lambda a: a(torch.zeros(T, B, H + 1), a.read(torch.zeros(S, B, M))), "queries of another shape"),
            (lambda a: a(torch.zeros(T, B + 1, H), a.read(torch.zeros(S, B, M))), "queries of another shape"),
        ],
    )
    def test_refusals(self, act: Any, says: str) -> None:
        with pytest.raises(ShapeError, match=says):
            act(Multiplicative(H, M))


def by_hand(decoder: Decoder, x: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
    """One layer of a GRU, a step at a time, from the equations in the docstrings."""
    w = decoder.first.weights()
    h = torch.tanh(decoder.begins["h"](memory.mean()))
    y, ys, hs = torch.zeros(B, decoder.output_size, dtype=x.dtype), [], []
    for x_t in x:
        context, _ = (v[0] for v in decoder.attention(h.unsqueeze(0), memory))
        given = {"none": [x_t], "output": [x_t, y], "context": [x_t, context]}[decoder.feed]
        z_t = torch.cat(given, -1)
        r = torch.sigmoid(z_t @ w["W_r"].T + h @ w["U_r"].T + w["b_r"])
        z = torch.sigmoid(z_t @ w["W_z"].T + h @ w["U_z"].T + w["b_z"])
        n = torch.tanh(z_t @ w["W_n"].T + w["b_n"] + r * (h @ w["U_n"].T + w["b_m"]))
        h = (1 - z) * n + z * h
        if decoder.feed != "context":
            context, _ = (v[0] for v in decoder.attention(h.unsqueeze(0), memory))
        y = torch.tanh(decoder.W_y(torch.cat((h, context), -1)))
        ys.append(y)
        hs.append(h)
    return torch.stack(ys), torch.stack(hs)


class TestDecoder:
    @pytest.mark.parametrize("feed", ["none", "output", "context"])
    @pytest.mark.parametrize("attention", ["multiplicative", "additive"])
    def test_every_way_by_hand(self, feed: str, attention: str) -> None:
        decoder = made(feed=feed, attention=attention, output_size=5)
        memory, x = memory_of(decoder.attention), torch.randn(T, B, I, dtype=torch.float64)
        found = decoder(x, memory)
        y, h = by_hand(decoder, x, memory)
        torch.testing.assert_close(found.y, y)
        torch.testing.assert_close(found.state["first.h"][0], h[-1])
        torch.testing.assert_close(found.weights.sum(-1), torch.ones(T, B, dtype=torch.float64))

    @pytest.mark.parametrize("feed", ["none", "output", "context"])
    @pytest.mark.parametrize("layers", [1, 3])
    @pytest.mark.parametrize("cell", ["lstm", "elman"])
    def test_in_pieces_as_in_one(self, feed: str, layers: int, cell: str) -> None:
        decoder = made(cell=cell, feed=feed, num_layers=layers)
        memory, x = memory_of(decoder.attention), torch.randn(T, B, I, dtype=torch.float64)
        whole = decoder(x, memory)
        first = decoder(x[:1], memory)
        rest = decoder(x[1:], memory, first.state)
        torch.testing.assert_close(torch.cat((first.y, rest.y)), whole.y)
        torch.testing.assert_close(torch.cat((first.weights, rest.weights)), whole.weights)
        assert whole.state.keys() == rest.state.keys()
        for name, value in whole.state.items():
            torch.testing.assert_close(rest.state[name], value)

    @pytest.mark.parametrize("feed", ["none", "output", "context"])
    def test_gradients(self, feed: str) -> None:
        decoder = made(cell="lstm", feed=feed, num_layers=2)
        values = torch.randn(3, 2, M, dtype=torch.float64, requires_grad=True)
        x = torch.randn(2, 2, I, dtype=torch.float64, requires_grad=True)
        lengths = torch.tensor([3, 1])

        def run(x: Tensor, values: Tensor) -> Tensor:
            return decoder(x, decoder.attention.read(values, lengths)).y

        assert torch.autograd.gradcheck(run, (x, values))
        decoder.zero_grad()
        run(x, values).square().sum().backward()
        dead = [name for name, p in decoder.named_parameters() if p.grad is None or not p.grad.any()]
        assert not dead

    def test_the_kernel_says_what_the_reference_says(self) -> None:
        decoder = made(feed="output").float()
        reference = made(feed="output", backend="eager").float()
        values, x = torch.randn(S, B, M), torch.randn(T, B, I)
        one, two = (d(x, d.attention.read(values, LENGTHS)).y for d in (decoder, reference))
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)

    def test_rows_of_a_memory(self) -> None:
        decoder = made()
        memory, x = memory_of(decoder.attention), torch.randn(T, B, I, dtype=torch.float64)
        at = torch.tensor([2, 0])
        torch.testing.assert_close(decoder(x[:, at], memory.rows(at)).y, decoder(x, memory).y[:, at])

    def test_which_states_a_memory_begins(self) -> None:
        for cell, begun in (("lstm", ["h", "c"]), ("slstm", ["h"]), ("gru", ["h"])):
            decoder = made(cell=cell)
            assert list(decoder.begins) == begun
            state = decoder.begin(memory_of(decoder.attention))
            assert all(state[f"first.{name}"].any() for name in begun)
            found = decoder(torch.randn(T, B, I, dtype=torch.float64), memory_of(decoder.attention))
            assert found.y.isfinite().all()

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ({"feed": "all"}, "no such feeding"),
            ({"attention": "dot"}, "no such attention"),
            ({"num_layers": 0}, "num_layers must be greater than zero"),
        ],
    )
    def test_wrong_settings(self, given: dict[str, Any], says: str) -> None:
        with pytest.raises(SettingError, match=says):
            made(**given)

    @pytest.mark.parametrize("shape", [(T, B, I + 1), (T, B + 1, I), (B, I), (0, B, I)])
    def test_wrong_inputs(self, shape: tuple[int, ...]) -> None:
        decoder = made()
        with pytest.raises(ShapeError, match="an input of another shape"):
            decoder(torch.zeros(shape, dtype=torch.float64), memory_of(decoder.attention))
