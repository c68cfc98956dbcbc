"""What a network says of a step: one number, quantiles, or a distribution; its loss and its bounds. Floor 6.

All of it in the units of the windows: what is added to the simple forecast, over its error. Refuses a target
that the distribution does not know.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from scipy.stats import nbinom
from scipy.stats import t as student
from torch import Tensor
from torch.nn import functional as F

from cellwright.errors import DataError
from cellwright.tasks.forecast.series import Series
from cellwright.tasks.forecast.simple import Base
from cellwright.tasks.forecast.windows import WindowBatch

OUTPUTS = ("point", "quantiles", "student_t", "negative_binomial")
LEAST = 1e-4
FREEDOM = 2.0  # degrees of freedom that a Student-t has at least: its deviation is finite


class Output(ABC):
    """One kind of output. Axes of what is said: [.., horizon, B, K, width]; of values: [.., horizon, B, K].

    Attributes:
        width: numbers said for each target and step.
        drawn: whether values can be drawn from it.
    """

    width: int = 1
    drawn: bool = False

    def loss(self, said: Tensor, batch: WindowBatch) -> Tensor:
        """The mean loss over what is known [a scalar]; zero where nothing is."""
        assert batch.y is not None
        known = ~batch.y.isnan()
        # Whatever type products had: the densities below lose too much in bfloat16.
        said = said.to(batch.y.dtype)
        each = self.each(said, torch.where(known, batch.y, torch.zeros_like(batch.y)), batch)
        shares = known.expand_as(each)
        return torch.where(shares, each, torch.zeros_like(each)).sum() / shares.sum().clamp_min(1)

    @abstractmethod
    def each(self, said: Tensor, y: Tensor, batch: WindowBatch) -> Tensor:
        """The loss of every value."""

    @abstractmethod
    def middle(self, said: Tensor, batch: WindowBatch) -> Tensor:
        """The forecast: what is as often exceeded as not (the mean, for a count)."""

    def bounds(self, said: Tensor, batch: WindowBatch, shares: Sequence[float]) -> Tensor | None:
        """The lower and the upper bound of the middle `shares` of what may come [2, len(shares), ..]."""
        return None

    def draw(self, said: Tensor, batch: WindowBatch, random: torch.Generator) -> Tensor:
        """One value of what may come."""
        raise NotImplementedError


class Point(Output):
    """One number; the loss is an error of it: `mae`, `mse` or `huber`."""

    def __init__(self, error: str) -> None:
        self.error = ERRORS[error]

    def each(self, said: Tensor, y: Tensor, batch: WindowBatch) -> Tensor:
        """The error."""
        return self.error(said[..., 0], y.expand_as(said[..., 0]), reduction="none")

    def middle(self, said: Tensor, batch: WindowBatch) -> Tensor:
        """The number."""
        return said[..., 0]


class Quantiles(Output):
    """Quantiles by the pinball loss (Koenker and Bassett 1978): the middle one, and two for each share.

    each_q = max(q (y - said_q), (q - 1) (y - said_q))
    """

    def __init__(self, shares: Sequence[float]) -> None:
        tails = [(1 - share) / 2 for share in shares]
        self.levels = [*sorted(tails), 0.5, *sorted(1 - tail for tail in tails)]
        self.shares = list(shares)
        self.width = len(self.levels)

    def each(self, said: Tensor, y: Tensor, batch: WindowBatch) -> Tensor:
        """The mean pinball loss of the quantiles."""
        levels = torch.tensor(self.levels, dtype=said.dtype, device=said.device)
        off = y.unsqueeze(-1) - said
        return torch.maximum(levels * off, (levels - 1) * off).mean(-1)

    def middle(self, said: Tensor, batch: WindowBatch) -> Tensor:
        """The median."""
        return said.sort(dim=-1).values[..., len(self.shares)]

    def bounds(self, said: Tensor, batch: WindowBatch, shares: Sequence[float]) -> Tensor:
        """The quantiles in order: crossed ones are exchanged."""
        ordered = said.sort(dim=-1).values
        places = [sorted(self.shares, reverse=True).index(share) for share in shares]
        low = torch.stack([ordered[..., k] for k in places])
        return torch.stack([low, torch.stack([ordered[..., self.width - 1 - k] for k in places])])


class StudentT(Output):
    """A Student-t distribution (DeepAR: Salinas et al. 2020 take the Gaussian; this one bears outliers).

    y ~ m + s T_v;   s = softplus(a) + 1e-4,  v = 2 + softplus(b)
    """

    width, drawn = 3, True

    def each(self, said: Tensor, y: Tensor, batch: WindowBatch) -> Tensor:
        """The negative log density."""
        density: Tensor = self._at(said).log_prob(y)  # type: ignore[no-untyped-call]
        return -density

    def middle(self, said: Tensor, batch: WindowBatch) -> Tensor:
        """The median."""
        return said[..., 0]

    def bounds(self, said: Tensor, batch: WindowBatch, shares: Sequence[float]) -> Tensor:
        """The quantiles."""
        found = self._at(said)
        freedom = found.df.detach().cpu().double().numpy()
        half = torch.stack(
            [torch.from_numpy(student.ppf((1 + share) / 2, freedom)).to(said) for share in shares]
        )
        half = half * found.scale
        return torch.stack([found.loc - half, found.loc + half])

    def draw(self, said: Tensor, batch: WindowBatch, random: torch.Generator) -> Tensor:
        """A normal value over the root of a gamma one: torch's own draw takes no generator."""
        found = self._at(said)
        normal = torch.randn(found.loc.shape, generator=random).to(said)
        chi2 = torch._standard_gamma((found.df / 2).cpu(), random).to(said) * 2
        return found.loc + found.scale * normal * (found.df / chi2.clamp_min(LEAST)).sqrt()

    def _at(self, said: Tensor) -> torch.distributions.StudentT:
        middle, spread, freedom = said.unbind(-1)
        return torch.distributions.StudentT(
            FREEDOM + F.softplus(freedom), middle, F.softplus(spread) + LEAST, validate_args=False
        )


class NegativeBinomial(Output):
    """Counts, as DeepAR takes them (Salinas et al. 2020): mean m, and variance m + a m^2.

        m = back(simple + error said),  a = softplus(b) + 1e-4

    `back` leads from the transformed and scaled values to counts; m is kept above 0.
    """

    width, drawn = 2, True

    def __init__(self, bases: Sequence[Base]) -> None:
        self.bases = bases

    def each(self, said: Tensor, y: Tensor, batch: WindowBatch) -> Tensor:
        """The negative log probability of the count."""
        m, a = self._mean(said, batch), F.softplus(said[..., 1]) + LEAST
        n = self._count(y, batch).round()
        r = 1 / a
        log_p = torch.lgamma(n + r) - torch.lgamma(r) - torch.lgamma(n + 1)
        return -(log_p + r * torch.log(r / (r + m)) + n * torch.log(m / (r + m)))

    def middle(self, said: Tensor, batch: WindowBatch) -> Tensor:
        """The mean."""
        return self._said(self._mean(said, batch), batch)

    def bounds(self, said: Tensor, batch: WindowBatch, shares: Sequence[float]) -> Tensor:
        """The quantiles, whole counts."""
        r, p = self._numbers(said, batch)
        levels = [[(1 - share) / 2 for share in shares], [(1 + share) / 2 for share in shares]]
        found = np.stack([np.stack([nbinom.ppf(level, r, p) for level in row]) for row in levels])
        return self._said(torch.from_numpy(found).to(said), batch)

    def draw(self, said: Tensor, batch: WindowBatch, random: torch.Generator) -> Tensor:
        """A Poisson count of a gamma mean."""
        m, a = self._mean(said, batch), F.softplus(said[..., 1]) + LEAST
        gamma = torch._standard_gamma((1 / a).cpu(), random) * (a * m).cpu()
        return self._said(torch.poisson(gamma, generator=random).to(said), batch)

    def _mean(self, said: Tensor, batch: WindowBatch) -> Tensor:
        """Above 0: what would fall below is let fade out by a softplus of the scale's hundredth."""
        m = self._count(said[..., 0], batch)
        small = 0.01 * batch.scale.clamp_min(1.0)
        return small * F.softplus(m / small) + LEAST

    def _numbers(self, said: Tensor, batch: WindowBatch) -> tuple[np.ndarray, np.ndarray]:
        """scipy's n and p."""
        m = self._mean(said, batch).detach().cpu().double().numpy()
        r = 1 / (F.softplus(said[..., 1]) + LEAST).detach().cpu().double().numpy()
        return r, r / (r + m)

    def _count(self, said: Tensor, batch: WindowBatch) -> Tensor:
        """From what is added to the simple forecast to counts."""
        columns = []
        for k, base in enumerate(self.bases):
            z = batch.simple[..., k] + base.error * said[..., k]
            columns.append(_back(z, base) * batch.scale[:, k])
        return torch.stack(columns, dim=-1)

    def _said(self, counts: Tensor, batch: WindowBatch) -> Tensor:
        columns = []
        for k, base in enumerate(self.bases):
            z = _forward(counts[..., k] / batch.scale[:, k], base)
            columns.append((z - batch.simple[..., k]) / base.error)
        return torch.stack(columns, dim=-1)


ERRORS: Mapping[str, Callable[..., Tensor]] = {"mae": F.l1_loss, "mse": F.mse_loss, "huber": F.huber_loss}


def output_of(kind: str, error: str, shares: Sequence[float], bases: Sequence[Base]) -> Output:
    """The output by its name, one of OUTPUTS."""
    if kind == "quantiles":
        return Quantiles(shares)
    if kind == "student_t":
        return StudentT()
    return NegativeBinomial(bases) if kind == "negative_binomial" else Point(error)


def _back(z: Tensor, base: Base) -> Tensor:
    """`Base.back` of tensors."""
    if base.transform == "log":
        return z.clamp_max(80.0).exp()
    return z.clamp_min(0.0).square() if base.transform == "sqrt" else z


def _forward(values: Tensor, base: Base) -> Tensor:
    """`Base.forward` of tensors."""
    if base.transform == "log":
        return values.clamp_min(base.floor).log()
    return values.clamp_min(0.0).sqrt() if base.transform == "sqrt" else values


def refuse_unfit(series: Series, transform: str, output: str) -> None:
    """Raise DataError for values that the transform or the distribution does not know."""
    values = series.targets
    wrong = {
        "log": (values <= 0, "a value that has no log", "values above 0", "set --transform auto or none"),
        "sqrt": (
            values < 0,
            "a value that has no sqrt",
            "values of 0 or more",
            "set --transform auto or none",
        ),
        "negative_binomial": (
            (values < 0) | (values != np.round(values)) & ~np.isnan(values),
            "a value that is no count",
            "whole numbers of 0 or more",
            "set another --output",
        ),
    }
    for chosen in (transform, output):
        which, what, expected, fix = wrong.get(chosen, (np.zeros(0), "", "", ""))
        bad = np.argwhere(which)
        if len(bad):
            row, column = bad[0]
            raise DataError(
                what,
                where=f"{series.place}, column {series.names[column]}, row {row + 1} in time order",
                got=values[row, column],
                expected=expected,
                fix=fix,
            )
