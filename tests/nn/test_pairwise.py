"""Every pair of torch.nn's options in some case: ours against torch.nn in float64, outputs and all gradients."""

from __future__ import annotations

import copy
import itertools
import pickle
import warnings
from typing import Any

import pytest
import torch
from tests.nn.by_hand import random
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence
from torch.utils._pytree import tree_flatten

import cellwright as cw

# dropout 1 sets all to zero: the one share that can be compared while training.
FACTORS: dict[str, tuple[Any, ...]] = {
    "kind": ("LSTM", "LSTM projected", "GRU", "RNN tanh", "RNN relu"),
    "num_layers": (1, 2, 3),
    "bias": (True, False),
    "batch_first": (False, True),
    "bidirectional": (False, True),
    "dropout": ("none", "training, all", "evaluation"),
    "form": ("batch", "alone", "packed sorted", "packed unsorted"),
    "state": (False, True),
    "weights": ("torch to ours", "ours to torch", "copy", "pickle"),
    "backend": (None, "eager", "stock"),
}
IMPOSSIBLE = (("kind", "LSTM projected"), ("backend", "stock"))


def possible(case: dict[str, Any]) -> bool:
    """torch runs its projected LSTM under another call than `stock` makes."""
    return not all(case.get(name) == value for name, value in IMPOSSIBLE)


def all_pairs() -> list[dict[str, Any]]:
    """Cases such that every two values of two factors are together in one: greedy, the same every time."""
    left = {
        frozenset([(a, u), (b, v)])
        for (a, us), (b, vs) in itertools.combinations(FACTORS.items(), 2)
        for u, v in itertools.product(us, vs)
        if possible({a: u, b: v})
    }
    cases: list[dict[str, Any]] = []
    while left:
        case = dict(min(left, key=sorted_text))
        for name in FACTORS:
            if name not in case:
                fits = [v for v in FACTORS[name] if possible({**case, name: v})]
                case[name] = max(fits, key=lambda v: len(left & pairs({**case, name: v})))
        cases.append({name: case[name] for name in FACTORS})
        left -= pairs(case)
    return cases


def pairs(case: dict[str, Any]) -> set[frozenset[Any]]:
    return {frozenset(pair) for pair in itertools.combinations(case.items(), 2)}


def sorted_text(pair: frozenset[Any]) -> str:
    return str(sorted(map(str, pair)))


CASES = all_pairs()


def build(space: Any, case: dict[str, Any]) -> Any:
    kind, _, option = case["kind"].partition(" ")
    extra = {"projected": {"proj_size": 3}, "": {}}.get(option, {"nonlinearity": option})
    share = {"none": 0.0, "training, all": 1.0, "evaluation": 0.5}[case["dropout"]]
    plain = {name: case[name] for name in ("num_layers", "bias", "batch_first", "bidirectional")}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "dropout")
        made = getattr(space, kind)(3, 5, dropout=share, dtype=torch.float64, **extra, **plain)
    return made.train(case["dropout"] != "evaluation")


def pair_of(case: dict[str, Any]) -> tuple[Any, Any]:
    """theirs and ours with the same weights, brought over in the way of the case."""
    torch.manual_seed(4)
    theirs, ours = build(nn, case), build(cw.nn, case)
    if case["weights"] == "ours to torch":
        theirs.load_state_dict(ours.state_dict())
    else:
        ours.load_state_dict(theirs.state_dict())
    if case["weights"] == "copy":
        ours = copy.deepcopy(ours)
    if case["weights"] == "pickle":
        ours = pickle.loads(pickle.dumps(ours))
    ours.backend = case["backend"]
    return theirs, ours


def given(case: dict[str, Any], theirs: Any) -> tuple[Any, Any, list[Tensor]]:
    """The input, the state or None, and the tensors whose gradients are compared."""
    form, batch = case["form"], 4
    x = random(6, 3) if form == "alone" else random(6, batch, 3)
    x = x.transpose(0, 1).contiguous() if case["batch_first"] and form == "batch" else x
    leaves, input = [x.requires_grad_()], x
    if form.startswith("packed"):
        lengths = [6, 4, 4, 1] if form == "packed sorted" else [4, 1, 6, 4]
        input = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=form == "packed sorted")
    if not case["state"]:
        return input, None, leaves
    count = theirs.num_layers * (2 if theirs.bidirectional else 1)
    rows = (count,) if form == "alone" else (count, batch)
    sizes = [theirs.proj_size or theirs.hidden_size, *([theirs.hidden_size] if theirs.mode == "LSTM" else [])]
    hx = tuple(random(*rows, size, seed=k).requires_grad_() for k, size in enumerate(sizes))
    return input, (hx if len(hx) > 1 else hx[0]), [*leaves, *hx]


def flat(result: Any) -> list[Tensor]:
    y, h = result
    values = [y.data, y.batch_sizes] if isinstance(y, PackedSequence) else [y]
    if isinstance(y, PackedSequence) and y.sorted_indices is not None:
        values += [y.sorted_indices, y.unsorted_indices]
    return [*values, *tree_flatten(h)[0]]


@pytest.mark.parametrize("case", CASES, ids=lambda c: ", ".join(str(v) for v in c.values()))
def test_ours_is_torchs(case: dict[str, Any]) -> None:
    theirs, ours = pair_of(case)
    assert list(ours.state_dict()) == list(theirs.state_dict()) and repr(ours) == repr(theirs)
    found = []
    for module in (theirs, ours):
        input, hx, leaves = given(case, theirs)
        values = flat(module(input, hx))
        smooth = [v for v in values if v.is_floating_point()]
        loss = sum((v * random(*v.shape, seed=k)).sum() for k, v in enumerate(smooth))
        wanted = [*leaves, *module.parameters()]
        found.append([*values, *torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True)])
    for got, expected in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)


def test_the_sweep_has_every_pair() -> None:
    seen = set().union(*(pairs(case) for case in CASES))
    for (a, us), (b, vs) in itertools.combinations(FACTORS.items(), 2):
        for u, v in itertools.product(us, vs):
            assert frozenset([(a, u), (b, v)]) in seen or not possible({a: u, b: v})
    assert len(CASES) < 40


X = torch.zeros(6, 4, 3)
MISUSES: dict[str, Any] = {
    "four axes": lambda s: s.LSTM(3, 5)(X[None]),
    "one axis": lambda s: s.GRU(3, 5)(X[0, 0]),
    "width": lambda s: s.RNN(3, 5)(X[..., :2]),
    "dtype": lambda s: s.LSTM(3, 5)(X.double()),
    "state rows": lambda s: s.GRU(3, 5)(X, torch.zeros(2, 4, 5)),
    "state of a batch for one": lambda s: s.GRU(3, 5)(X[:, 0], torch.zeros(1, 4, 5)),
    "state of one for a batch": lambda s: s.LSTM(3, 5)(X, (torch.zeros(1, 5), torch.zeros(1, 5))),
    "h and c differ": lambda s: s.LSTM(3, 5)(X, (torch.zeros(1, 4, 5), torch.zeros(1, 4, 4))),
    "a tensor for a pair": lambda s: s.LSTM(3, 5, 2)(X, torch.zeros(2, 4, 5)),
    "projected state": lambda s: s.LSTM(3, 5, proj_size=2)(X, (torch.zeros(1, 4, 5), torch.zeros(1, 4, 5))),
    "packed width": lambda s: s.LSTM(2, 5)(pack_padded_sequence(X, torch.tensor([6, 5, 5, 1]))),
    "nonlinearity": lambda s: s.RNN(3, 5, nonlinearity="gelu"),
    "projection too wide": lambda s: s.LSTM(3, 5, proj_size=5),
    "projection below 0": lambda s: s.LSTM(3, 5, proj_size=-1),
    "dropout above 1": lambda s: s.GRU(3, 5, dropout=1.5),
    "dropout no number": lambda s: s.GRU(3, 5, dropout=True),
    "other weights": lambda s: s.LSTM(3, 5).load_state_dict(s.LSTM(3, 6).state_dict()),
    "unknown argument": lambda s: s.LSTM(3, 5, layers=2),
}  # fmt: skip


@pytest.mark.parametrize("misuse", MISUSES)
def test_errors_are_of_the_same_kind(misuse: str) -> None:
    with pytest.raises(Exception) as theirs:
        MISUSES[misuse](nn)
    with pytest.raises(theirs.type):
        MISUSES[misuse](cw.nn)


def test_dropout_with_one_layer_warns_as_torchs() -> None:
    for space in (nn, cw.nn):
        with pytest.warns(UserWarning, match="dropout"):
            space.GRU(3, 5, dropout=0.5)
