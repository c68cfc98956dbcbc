"""The networks that read a sequence: padding changes nothing, the order-blind ones are blind, pooling by loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from cellwright import cells
from cellwright.nn import Recurrent
from cellwright.tasks.layers import Layers
from cellwright.tasks.networks import (
    POOLINGS,
    Bag,
    CountsPerceptron,
    Embedding,
    Reader,
    StretchedPerceptron,
    pooled,
    stretched,
)

LENGTHS = torch.tensor([3, 7, 1, 5])


def padded(rubbish: float = 0.0) -> Tensor:
    """Series [7, 4, 2], rubbish past each length."""
    x = torch.randn(7, 4, 2, dtype=torch.float64)
    x[torch.arange(7)[:, None] >= LENGTHS] = rubbish
    return x


def tokens() -> Tensor:
    """Token numbers [7, 4, 2], padded with 0."""
    x = torch.randint(1, 9, (7, 4, 2))
    x[torch.arange(7)[:, None] >= LENGTHS] = 0
    return x


def reader(cell: str, pooling: str, first: nn.Module, width: int, layers: int, both: bool) -> nn.Module:
    return Reader(first, width, Layers(cells.get(cell), 5, layers, both, dropout=0.5), 3, pooling=pooling)


def embedding(sizes: tuple[int, ...] = (9, 9), hidden_words: float = 0.0) -> Embedding:
    return Embedding(list(sizes), 6, hidden_words=hidden_words, dropout=0.0)


SERIES = {
    **{f"{cell} {pooling} {layers} {both}": reader(cell, pooling, nn.Identity(), 2, layers, both)
       for cell in ("lstm", "peephole") for pooling in POOLINGS for layers, both in ((1, False), (2, True))},
    "bag": Bag(nn.Identity(), 2, 3, dropout=0.5),
    "stretched": StretchedPerceptron(2, 4, 3, units=5, dropout=0.5),
}  # fmt: skip
TEXTS = {
    "reader": reader("gru", "max", embedding(), 6, 1, True),
    "bag": Bag(embedding(), 6, 3, dropout=0.5),
}


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("rubbish", [0.0, 1e6])
def test_padding_never_changes_an_answer(name: str, rubbish: float) -> None:
    network, x = SERIES[name].double().eval(), padded(rubbish)
    together = network(x, LENGTHS)
    alone = [network(x[:n, k : k + 1], LENGTHS[k : k + 1]) for k, n in enumerate(LENGTHS.tolist())]
    assert_close(together, torch.cat(alone), rtol=0, atol=1e-12)
    assert together.std(dim=0).min() > 1e-6, "the answers must differ for this to say anything"


@pytest.mark.parametrize("name", TEXTS)
def test_padding_never_changes_what_is_said_of_a_text(name: str) -> None:
    network, x = TEXTS[name].double().eval(), tokens()
    alone = [network(x[:n, k : k + 1], LENGTHS[k : k + 1]) for k, n in enumerate(LENGTHS.tolist())]
    assert_close(network(x, LENGTHS), torch.cat(alone), rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", ["lstm", "gru", "elman", "coupled"])
@pytest.mark.parametrize(("layers", "both"), [(1, False), (2, True)])
def test_running_through_the_padding_gives_the_same_outputs_and_gradients(
    cell: str, layers: int, both: bool
) -> None:
    layer = Recurrent(cell, 2, 4, layers, bidirectional=both, dtype=torch.float64)
    x, weight = padded(3.0).requires_grad_(), torch.randn(7, 4, layer.output_size, dtype=torch.float64)

    def gradients(y: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad((y * weight).sum(), [x, *layer.parameters()])

    expected, _ = layer(x, lengths=LENGTHS)
    found = layer.outputs(x, LENGTHS)
    assert_close(found, expected, rtol=0, atol=1e-12)
    for one, other in zip(gradients(found), gradients(expected), strict=True):
        assert_close(one, other, rtol=0, atol=1e-12)


def test_outputs_without_lengths_are_those_of_the_call() -> None:
    layer, x = Recurrent("lstm", 2, 4), torch.randn(5, 3, 2)
    assert_close(layer.outputs(x), layer(x)[0], rtol=0, atol=0)


@pytest.mark.parametrize("directions", [1, 2])
def test_pooling_is_what_a_loop_over_the_sequences_finds(directions: int) -> None:
    y = torch.randn(7, 4, 6)
    for k, n in enumerate(LENGTHS.tolist()):
        own = y[:n, k]
        end = torch.cat([own[-1, :3], own[0, 3:]]) if directions == 2 else own[-1]
        for how, expected in (("max", own.max(0).values), ("mean", own.mean(0)), ("last", end)):
            assert_close(pooled(y, LENGTHS, how, directions)[k], expected, msg=how)


@pytest.mark.parametrize("length", [1, 4, 9])
def test_stretching_is_linear_interpolation(length: int) -> None:
    x = padded(99.0)
    found = stretched(x, LENGTHS, length)
    for k, n in enumerate(LENGTHS.tolist()):
        at = np.linspace(0, n - 1, length)
        for channel in range(2):
            expected = np.interp(at, np.arange(n), x[:n, k, channel].numpy())
            np.testing.assert_allclose(found[:, k, channel].numpy(), expected, atol=1e-12)


def test_the_perceptron_of_counts_is_dense_over_counts() -> None:
    network, x = CountsPerceptron(9, 3, units=5, dropout=0.0).double(), tokens()[..., 0]
    nn.init.normal_(network.bias)
    counts = torch.stack([torch.bincount(x[:n, k], minlength=9) for k, n in enumerate(LENGTHS.tolist())])
    hidden = (counts.double() @ network.columns.weight) / LENGTHS.double().sqrt()[:, None] + network.bias
    expected = network.head(torch.relu(hidden))
    assert_close(network(x, LENGTHS), expected, rtol=0, atol=1e-12)


def test_only_the_reader_sees_the_order() -> None:
    x, length = torch.randint(1, 9, (6, 1, 2)), torch.tensor([6])
    turned = x.flip(0)
    for network, blind in (
        (Bag(embedding(), 6, 3, dropout=0.0), True),
        (CountsPerceptron(9, 3, units=5, dropout=0.0), True),
        (reader("lstm", "mean", embedding(), 6, 1, False).eval(), False),
    ):
        one, other = x, turned
        if isinstance(network, CountsPerceptron):
            one, other = x[..., 0], turned[..., 0]
        same = torch.allclose(network(one, length), network(other, length), atol=1e-6)
        assert same == blind, type(network).__name__


def test_an_embedding_sums_its_columns_and_padding_is_zero() -> None:
    layer, x = embedding((9, 12)), tokens()
    first, second = (table.weight for table in layer.tables)
    expected = torch.zeros(7, 4, 6)
    for t in range(7):
        for b in range(4):
            one, two = x[t, b].tolist()
            expected[t, b] = first[one] * (one > 0) + second[two] * (two > 0)
    assert_close(layer(x), expected)
    assert not layer(torch.zeros(2, 1, 2, dtype=torch.long)).any()
    assert not any(table.weight[0].any() for table in layer.tables)


def test_words_are_hidden_in_training_only_and_never_padding() -> None:
    layer, x = embedding((9,), hidden_words=0.5), torch.randint(2, 9, (400, 5))
    x[200:] = 0
    plain, unknown = layer.eval()(x), layer.tables[0].weight[1]
    hidden = (layer.train()(x) == unknown).all(-1)
    assert 0.4 < hidden[:200].double().mean() < 0.6
    assert not hidden[200:].any()
    assert_close(layer(x)[200:], plain[200:])
    assert_close(layer.eval()(x), layer.tables[0](x))


def test_attention_is_what_a_loop_over_the_sequences_finds() -> None:
    """Weights by the definition, one sequence at a time; what is pooled is their mean of y."""
    network = reader("gru", "attention", nn.Identity(), 2, 1, True).double()
    x = padded(rubbish=7.0)
    y, weights = network.recurrent.outputs(x, LENGTHS), network.weights(x, LENGTHS)
    assert weights is not None and network.attention is not None
    pool = network.pool(y, LENGTHS)
    hidden, v = network.attention.hidden, network.attention.query.weight[0]
    for b, length in enumerate(LENGTHS.tolist()):
        scores = [v @ torch.tanh(hidden.weight @ y[t, b] + hidden.bias) for t in range(length)]
        shares = [score.exp() / sum(other.exp() for other in scores) for score in scores]
        assert_close(weights[:, b], torch.stack([*shares, *[torch.zeros_like(v[0])] * (7 - length)]))
        assert_close(pool[b], sum(share * y[t, b] for t, share in enumerate(shares)))
    assert reader("gru", "max", nn.Identity(), 2, 1, True).double().weights(x, LENGTHS) is None
