"""A linear-chain conditional random field on top of a layer; its forward algorithm is a cell. Floor 4.

The sum over all paths is a recurrence, so it is written as one and runs on the kernels that every cell runs
on; its derivative, the backward algorithm, is derived like any other. Refuses masks and lengths that do not
fit.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cellwright.backends.call import Call
from cellwright.errors import ShapeError
from cellwright.nn.forward_algorithm import forward_algorithm
from cellwright.nn.frame import need_size
from cellwright.runtime.choose import execute

FORBIDDEN = -1e4  # the score of what may not follow: e to it is 0 in every precision
NOTHING = -1  # in the place of a tag, past a sequence's end


class CRF(nn.Module):
    """Scores whole sequences of tags: what each step says of its tag, and which tag follows which.

        s(y) = b_start[y_1] + sum_t x_t[y_t] + sum_t A[y_t, y_{t-1}] + b_end[y_T]
        log p(y | x) = s(y) - log sum_y' exp(s(y'))

    Args:
        tags: K, how many different tags.
        allowed: [K, K] bool, at [i, j] whether tag j may follow tag i; None: every one may.
        begins, ends: [K] bool, whether a sequence may begin or end with a tag.

    Raises:
        ShapeError: a mask of another shape, or one that leaves no way.

    >>> crf = CRF(3)
    >>> x, tags = torch.zeros(4, 2, 3), torch.zeros(4, 2, dtype=torch.int64)
    >>> crf(x, tags).exp().mul(3**4).round().tolist()
    [1.0, 1.0]
    >>> crf.decode(x, lengths=[4, 1])[:, 1].tolist()
    [0, -1, -1, -1]
    """

    allowed: Tensor
    begins: Tensor
    ends: Tensor

    def __init__(
        self,
        tags: int,
        allowed: Tensor | None = None,
        begins: Tensor | None = None,
        ends: Tensor | None = None,
    ) -> None:
        super().__init__()
        need_size("tags", tags, 1)
        self.tags = tags
        self.A = nn.Parameter(torch.zeros(tags, tags))  # [to, from]
        self.b_start, self.b_end = nn.Parameter(torch.zeros(tags)), nn.Parameter(torch.zeros(tags))
        for name, mask, size in (
            ("allowed", allowed, (tags, tags)),
            ("begins", begins, (tags,)),
            ("ends", ends, (tags,)),
        ):
            mask = torch.ones(size, dtype=torch.bool) if mask is None else mask.bool()
            if mask.shape != size or not mask.any():
                raise ShapeError(f"the mask `{name}` does not fit", got=list(mask.shape), expected=list(size))
            self.register_buffer(name, mask.clone(), persistent=False)

    def forward(self, x: Tensor, tags: Tensor, lengths: Tensor | Sequence[int] | None = None) -> Tensor:
        """log p(tags | x), [B].

        Args:
            x: [T, B, K], the score of every tag at every step.
            tags: [T, B] whole numbers; what stands past a length does not count. A path that is not allowed
                has a log probability below -9000.
            lengths: [B], from 1; None: all T.

        Raises:
            ShapeError: something does not fit.
        """
        x, counts = self._checked(x, lengths)
        if tags.shape != x.shape[:2]:
            raise ShapeError(
                "the tags do not fit the scores", got=list(tags.shape), expected=list(x.shape[:2])
            )
        return self._score(x, tags, counts) - self._all(x, counts)

    def log_partition(self, x: Tensor, lengths: Tensor | Sequence[int] | None = None) -> Tensor:
        """The logarithm of the sum of exp(s(y)) over all allowed y, [B]; x and lengths as in the call."""
        return self._all(*self._checked(x, lengths))

    def marginals(self, x: Tensor, lengths: Tensor | Sequence[int] | None = None) -> Tensor:
        """p(y_t = j | x), [T, B, K], zero past each length: the derivative of `log_partition` by x."""
        with torch.inference_mode(False), torch.enable_grad():
            x, counts = self._checked(x.detach().clone().requires_grad_(), lengths)
            (found,) = torch.autograd.grad(self._all(x, counts).sum(), x)
        return found

    @torch.no_grad()
    def decode(self, x: Tensor, lengths: Tensor | Sequence[int] | None = None) -> Tensor:
        """The most probable allowed tags, [T, B], -1 past each length (Viterbi 1967).

        Args:
            x, lengths: as in the call.
        """
        x, counts = self._checked(x, lengths)
        A, start, end = self._scores()
        best, came = start + x[0], []
        for t in range(1, len(x)):
            sums, before = (best[:, None, :] + A).max(-1)
            going = (counts > t)[:, None]
            best = torch.where(going, sums + x[t], best)
            came.append(torch.where(going, before, torch.arange(self.tags, device=x.device)))
        path = [(best + end).argmax(-1, keepdim=True)]
        for before in reversed(came):
            path.append(before.gather(1, path[-1]))
        tags = torch.cat(path[::-1], 1).T
        past = torch.arange(len(x), device=x.device)[:, None] >= counts
        return tags.masked_fill(past, NOTHING)

    @property
    def free(self) -> bool:
        """Whether no mask forbids anything."""
        return all(bool(mask.all()) for mask in (self.allowed, self.begins, self.ends))

    def extra_repr(self) -> str:
        forbidden = int((~self.allowed).sum())
        return f"{self.tags} tags, {forbidden} of {self.tags**2} transitions forbidden"

    def _scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """A [to, from], b_start and b_end, what is forbidden among them."""
        return (
            self.A.masked_fill(~self.allowed.T, FORBIDDEN),
            self.b_start.masked_fill(~self.begins, FORBIDDEN),
            self.b_end.masked_fill(~self.ends, FORBIDDEN),
        )

    def _score(self, x: Tensor, tags: Tensor, counts: Tensor) -> Tensor:
        """s(tags), [B]."""
        A, start, end = self._scores()
        real = torch.arange(len(x), device=x.device)[:, None] < counts
        tags = tags.masked_fill(~real, 0)
        said = x.gather(2, tags.unsqueeze(-1)).squeeze(-1) * real
        follows = A[tags[1:], tags[:-1]] * real[1:]
        last = tags.gather(0, (counts - 1)[None]).squeeze(0)
        return start[tags[0]] + said.sum(0) + follows.sum(0) + end[last]

    def _all(self, x: Tensor, counts: Tensor) -> Tensor:
        """`log_partition`: the cell from the second step on, begun with what the first step says.

        Never in bfloat16, whatever autocast says: a sum over all paths is as exact as its products.
        """
        A, start, end = self._scores()
        h = start + x[0]
        if len(x) > 1:
            call = Call(x[1:], {"h": h}, {"U": A.exp()}, counts - 1)
            with torch.autocast(x.device.type, enabled=False):
                h = execute(forward_algorithm.graph, call).states["h"]
        return torch.logsumexp(h + end, -1)

    def _checked(self, x: Tensor, lengths: Tensor | Sequence[int] | None) -> tuple[Tensor, Tensor]:
        if x.ndim != 3 or x.shape[-1] != self.tags or not len(x):
            raise ShapeError(
                "the scores do not fit", got=list(x.shape), expected=f"[T, B, {self.tags}], T > 0"
            )
        if lengths is None:
            counts = torch.full(x.shape[1:2], len(x), dtype=torch.int64, device=x.device)
        else:
            counts = torch.as_tensor(lengths, dtype=torch.int64, device=x.device)
        if counts.shape != x.shape[1:2] or bool(((counts < 1) | (counts > len(x))).any()):
            expected = f"{x.shape[1]} whole numbers from 1 to {len(x)}"
            raise ShapeError("the lengths do not fit", got=counts.tolist(), expected=expected)
        return x.to(self.A.dtype), counts
