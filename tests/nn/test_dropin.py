"""RNN, LSTM and GRU against torch.nn's in float64: shapes, state_dict, outputs, gradients, packed sequences."""

import copy
import itertools
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import cellwright as cw

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "lstm": ("LSTM", {}),
    "lstm-proj": ("LSTM", {"proj_size": 4}),
    "gru": ("GRU", {}),
    "rnn": ("RNN", {}),
    "rnn-relu": ("RNN", {"nonlinearity": "relu"}),
}
OPTIONS = [
    {"num_layers": layers, "bidirectional": both, "bias": bias, "batch_first": first}
    for layers, both, bias, first in itertools.product((1, 2), (False, True), (True, False), (False, True))
]


def pair(kind: str, backend: str, **options: Any) -> tuple[nn.Module, Any]:
    name, extra = KINDS[kind]
    torch.manual_seed(7)
    theirs = getattr(nn, name)(3, 6, dtype=torch.float64, **extra, **options)
    ours = getattr(cw.nn, name)(3, 6, dtype=torch.float64, **extra, **options)
    ours.load_state_dict(theirs.state_dict())
    ours.backend = backend
    return theirs, ours


def flat(result: Any) -> list[Tensor]:
    y, h = result
    return [y.data if isinstance(y, PackedSequence) else y, *(h if isinstance(h, tuple) else (h,))]


def same(theirs: Any, ours: Any) -> None:
    for expected, got in zip(flat(theirs), flat(ours), strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)


# torch runs its projected LSTM under another call: ours goes through the reference.
RUNS = [
    (kind, backend)
    for kind in KINDS
    for backend in ("eager", "stock")
    if (kind, backend) != ("lstm-proj", "stock")
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(f"{k}={int(v)}" for k, v in o.items()))
@pytest.mark.parametrize(("kind", "backend"), RUNS)
def test_agrees_with_torch(kind: str, options: dict[str, Any], backend: str) -> None:
    theirs, ours = pair(kind, backend, **options)
    x = torch.randn(5, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    a, b = theirs(x), ours(x)
    same(a, b)
    mine = dict(ours.named_parameters())
    for loss, model in ((flat(a), theirs), (flat(b), ours)):
        sum(v.square().sum() for v in loss).backward()
        assert all(p.grad is not None for p in model.parameters())
    for name, parameter in theirs.named_parameters():
        torch.testing.assert_close(mine[name].grad, parameter.grad, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_given_states_and_unbatched_input(kind: str) -> None:
    theirs, ours = pair(kind, "eager", num_layers=2, bidirectional=True)
    x = torch.randn(5, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    _, hx = theirs(x)
    same(theirs(x, hx), ours(x, hx))
    one = tuple(v[:, 0] for v in hx) if isinstance(hx, tuple) else hx[:, 0]
    same(theirs(x[:, 0]), ours(x[:, 0]))
    same(theirs(x[:, 0], one), ours(x[:, 0], one))


@pytest.mark.parametrize("lengths", [[3, 5, 1, 5], [5, 5, 5, 5], [5, 4, 4, 1]])
@pytest.mark.parametrize("kind", KINDS)
def test_packed_sequences_keep_their_order(kind: str, lengths: list[int]) -> None:
    theirs, ours = pair(kind, "eager", num_layers=2, bidirectional=True)
    x = torch.randn(5, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
    a, b = theirs(packed), ours(packed)
    same(a, b)
    same(theirs(packed, a[1]), ours(packed, a[1]))
    for expected, got in zip(pad_packed_sequence(a[0]), pad_packed_sequence(b[0]), strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(f"{k}={int(v)}" for k, v in o.items()))
@pytest.mark.parametrize("kind", KINDS)
def test_the_state_dict_goes_both_ways(kind: str, options: dict[str, Any]) -> None:
    theirs, ours = pair(kind, "eager", **options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: v.shape for k, v in theirs.state_dict().items()
    }
    assert [[w.shape for w in ws] for ws in ours.all_weights] == [
        [w.shape for w in ws] for ws in theirs.all_weights
    ]


def test_weights_by_the_names_of_the_equations() -> None:
    layer = cw.nn.LSTM(3, 5)
    w = layer.weights(0)
    assert w["U_f"].data_ptr() == layer.weight_hh_l0[5:].data_ptr()
    torch.testing.assert_close(w["b_g"], layer.bias_ih_l0[10:15] + layer.bias_hh_l0[10:15])
    gru = cw.nn.GRU(3, 5)
    torch.testing.assert_close(gru.weights(0)["b_m"], gru.bias_hh_l0[10:])
    torch.testing.assert_close(gru.weights(0)["b_n"], gru.bias_ih_l0[10:])


def test_dropout_between_layers_only_while_training() -> None:
    layer = cw.nn.GRU(3, 5, num_layers=2, dropout=0.5)
    x = torch.randn(4, 2, 3)
    layer.eval()
    torch.testing.assert_close(layer(x)[0], layer(x)[0])
    layer.train()
    assert not torch.equal(layer(x)[0], layer(x)[0])
    with pytest.warns(UserWarning, match="dropout acts between layers"):
        single = cw.nn.GRU(3, 5, dropout=0.5)
    torch.testing.assert_close(single(x)[0], single(x)[0])


def test_copies_and_pickles() -> None:
    layer, x = cw.nn.LSTM(3, 5), torch.randn(4, 2, 3)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(other(x)[0], layer(x)[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hidden_size": 0}, "hidden_size must be greater than zero: got 0"),
        ({"num_layers": 0}, "num_layers must be greater than zero: got 0"),
        ({"dropout": 1.5}, "dropout is a probability: got 1.5"),
        ({"proj_size": 9}, "proj_size does not fit: got 9, expected 0 to 4"),
    ],
)
def test_refused_settings(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(cw.SettingError, match=message):
        cw.nn.LSTM(**{"input_size": 3, "hidden_size": 5, **arguments})


def test_no_such_nonlinearity() -> None:
    with pytest.raises(cw.SettingError, match="got gelu, expected tanh, relu"):
        cw.nn.RNN(3, 5, nonlinearity="gelu")
