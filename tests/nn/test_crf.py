"""The conditional random field against all paths, one by one, and against a loop of torch operations."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
import torch
from torch import Tensor

import cellwright as cw
from cellwright.errors import ShapeError

K = 4
# From [i] to [j]: 0 may not follow 1, 3 only follows 2.
ALLOWED = torch.tensor([[1, 1, 1, 0], [0, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 0]], dtype=torch.bool)
BEGINS = torch.tensor([True, True, True, False])
ENDS = torch.tensor([True, True, False, True])


def field(masks: bool) -> cw.nn.CRF:
    crf = cw.nn.CRF(K, ALLOWED, BEGINS, ENDS) if masks else cw.nn.CRF(K)
    crf = crf.double()
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    return crf


def scores(steps: int, batch: int) -> Tensor:
    return torch.randn(steps, batch, K, dtype=torch.float64)


def paths(crf: cw.nn.CRF, x: Tensor) -> dict[tuple[int, ...], Tensor]:
    """s(y) of every allowed path of one sequence x [T, K], by the definition."""
    found = {}
    for y in product(range(K), repeat=len(x)):
        if not (crf.begins[y[0]] and crf.ends[y[-1]]):
            continue
        if not all(crf.allowed[i, j] for i, j in pairwise(y)):
            continue
        s = crf.b_start[y[0]] + crf.b_end[y[-1]] + sum(x[t, tag] for t, tag in enumerate(y))
        found[y] = s + sum(crf.A[j, i] for i, j in pairwise(y))
    return found


@pytest.mark.parametrize("masks", [False, True])
@torch.no_grad()
def test_every_path_one_by_one(masks: bool) -> None:
    crf, x, lengths = field(masks), scores(5, 4), [5, 1, 3, 2]
    decoded, shares, logs = crf.decode(x, lengths), crf.marginals(x, lengths), crf.log_partition(x, lengths)
    for b, length in enumerate(lengths):
        all_paths = paths(crf, x[:length, b])
        total = torch.logsumexp(torch.stack(list(all_paths.values())), 0)
        assert float(logs[b]) == pytest.approx(float(total), abs=1e-10)
        best = max(all_paths, key=lambda y: float(all_paths[y]))
        assert decoded[:, b].tolist() == [*best, *[-1] * (5 - length)]
        tags = torch.tensor([*best, *[3] * (5 - length)])  # what stands past the end does not count
        said = crf(x[:, b : b + 1], tags[:, None], [length])
        assert float(said) == pytest.approx(float(all_paths[best] - total), abs=1e-10)
        for t in range(5):
            for tag in range(K):
                own = [s for y, s in all_paths.items() if t < length and y[t] == tag]
                share = float(sum((s - total).exp() for s in own)) if own else 0.0
                assert float(shares[t, b, tag]) == pytest.approx(share, abs=1e-10)


@pytest.mark.parametrize("masks", [False, True])
def test_gradients_in_float64(masks: bool) -> None:
    crf, x = field(masks), scores(4, 3).requires_grad_()
    tags = torch.tensor([[0, 1, 2], [1, 2, 3], [2, 3, 0], [3, 0, 1]])
    names = [name for name, _ in crf.named_parameters()]

    def loss(x: Tensor, *weights: Tensor) -> Tensor:
        given = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(crf, given, (x, tags, torch.tensor([4, 2, 3])))

    weights = [p.detach().requires_grad_() for p in crf.parameters()]
    assert torch.autograd.gradcheck(loss, (x, *weights))


def test_what_is_forbidden_gets_no_gradient_and_no_share() -> None:
    crf, x = field(True), scores(6, 8)
    crf.log_partition(x).sum().backward()
    assert crf.A.grad is not None
    assert (crf.A.grad.T[~ALLOWED] == 0).all()
    assert (crf.A.grad.T[ALLOWED] != 0).all()
    assert (crf.marginals(x)[0][:, ~BEGINS] == 0).all()
    forbidden = torch.tensor([1, 0, 0, 0, 0, 0])[:, None].expand(6, 8)
    assert (crf(x, forbidden) < -9000).all()


def test_a_long_sequence_in_single_precision_against_a_loop() -> None:
    """3000 steps: nothing overflows, nothing fades."""
    crf, x = field(True), scores(3000, 2) * 5
    A, start, end = crf._scores()
    h = start + x[0]
    for step in x[1:]:
        h = step + torch.logsumexp(h[:, None, :] + A, -1)
    expected = torch.logsumexp(h + end, -1)
    found = crf.float().log_partition(x.float())
    assert torch.allclose(found.double(), expected, rtol=1e-5)


def test_the_kernel_runs_it() -> None:
    from cellwright.backends.call import Call
    from cellwright.nn.forward_algorithm import forward_algorithm
    from cellwright.runtime.choose import choose, plan_of

    x = torch.randn(5, 2, K)
    call = Call(x, {"h": torch.zeros(2, K)}, {"U": torch.ones(K, K)})
    chosen = choose(plan_of(forward_algorithm.graph), call)
    assert chosen.name == "cpu" or "compiler" in str(chosen)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(3, 2, 5)}, r"the scores do not fit: got \[3, 2, 5\], expected \[T, B, 4\], T > 0"),
        ({"x": torch.zeros(0, 2, 4)}, "the scores do not fit"),
        ({"tags": torch.zeros(2, 2, dtype=torch.int64)}, r"the tags do not fit the scores: got \[2, 2\]"),
        ({"lengths": [3, 0]}, r"the lengths do not fit: got \[3, 0\], expected 2 whole numbers from 1 to 3"),
        ({"lengths": [3]}, "the lengths do not fit"),
        ({"lengths": [3, 4]}, "the lengths do not fit"),
    ],
)
def test_refusals(change: dict[str, object], message: str) -> None:
    given = {"x": torch.zeros(3, 2, 4), "tags": torch.zeros(3, 2, dtype=torch.int64), "lengths": None}
    with pytest.raises(ShapeError, match=message):
        cw.nn.CRF(4)(**{**given, **change})


def test_masks_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"the mask `allowed` does not fit: got \[4, 3\], expected \[4, 4\]"):
        cw.nn.CRF(4, torch.ones(4, 3))
    with pytest.raises(ShapeError, match="the mask `ends` does not fit"):
        cw.nn.CRF(4, ends=torch.zeros(4))
