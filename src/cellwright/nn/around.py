"""Parts between layers: locked dropout, layer norm, residual and highway connections. Floor 4."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from cellwright.errors import SettingError
from cellwright.nn.dropout import dropout
from cellwright.nn.frame import Frame
from cellwright.nn.part import Around, Make, need_share

Inner = Callable[[Tensor], Tensor]


class LockedDropout(Around):
    """Variational dropout of what every layer reads: one mask for the whole sequence.

        x_t <- x_t * z / (1 - p),   z_k ~ Bernoulli(1 - p), drawn once for each sequence of the batch

    Source: Gal & Ghahramani 2016 (arXiv 1512.05287), equation 7, the mask z_x. In evaluation x is as it is.
    On the states it is `StateDropout`. As a module of its own it drops a tensor [T, B, H].

    Args:
        p: the share of values set to zero, for all layers or as a list, one for each.

    >>> layer_of_ones = torch.ones(5, 2, 3)
    >>> y = LockedDropout(0.5)(layer_of_ones)
    >>> bool((y == y[0]).all())
    True
    """

    only_trains = True

    def __init__(self, p: float | list[float] | tuple[float, ...]) -> None:
        super().__init__()
        several = isinstance(p, (list, tuple))
        self.p = tuple(need_share("dropout", v) for v in (p if several else [p]))  # type: ignore[union-attr]

    def fit(self, frame: Frame, make: Make) -> None:
        """One share for all layers, or as many as there are layers."""
        if len(self.p) not in (1, frame.layers):
            raise SettingError(
                "locked dropout has another number of shares than the layer has layers",
                got=len(self.p),
                expected=f"1 or {frame.layers}",
            )
        self.p = self.p * frame.layers if len(self.p) == 1 else self.p

    def around(self, x: Tensor, inner: Inner, at: int, training: bool) -> Tensor:
        """What the layer makes of the dropped input."""
        return inner(_locked(x, self.p[at], training))

    def forward(self, x: Tensor) -> Tensor:
        """x [T, B, H] with one mask for all T."""
        return _locked(x, self.p[0], self.training)

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.p))


def _locked(x: Tensor, p: float, training: bool) -> Tensor:
    return x * dropout(torch.ones_like(x[:1]), p) if training and p else x


class LayerNorm(Around):
    """Layer norm between layers: of what every layer but the first reads.

        x_t <- gain * (x_t - mean(x_t)) / sqrt(var(x_t) + eps) + bias

    Source: Ba, Kiros & Hinton 2016 (arXiv 1607.06450), equation 4, each step by itself. Norms inside the
    equations are cells: `lstm_layer_norm`, `gru_layer_norm`, or your own with `cw.layer_norm`.

    Args:
        first: norm what the first layer reads, too.
        eps: added to the variance.
    """

    def __init__(self, first: bool = False, eps: float = 1e-5) -> None:
        super().__init__()
        self.first, self.eps = first, eps

    def fit(self, frame: Frame, make: Make) -> None:
        """A gain and a bias for each layer that reads a normed input."""
        if frame.layers == 1 and not self.first:
            raise SettingError(
                "there is nothing between layers to norm", got="1 layer", fix="LayerNorm(first=True)"
            )
        for at in range(0 if self.first else 1, frame.layers):
            self.register_parameter(f"gain_l{at}", make.parameter(frame.reads(at), value=1.0))
            self.register_parameter(f"bias_l{at}", make.parameter(frame.reads(at)))

    def around(self, x: Tensor, inner: Inner, at: int, training: bool) -> Tensor:
        """What the layer makes of the normed input."""
        if at == 0 and not self.first:
            return inner(x)
        gain, bias = getattr(self, f"gain_l{at}"), getattr(self, f"bias_l{at}")
        return inner(layer_norm(x, x.shape[-1:], gain, bias, self.eps))

    def extra_repr(self) -> str:
        return "first=True" if self.first else ""


class Residual(Around):
    """A residual connection around every layer whose output is as wide as its input: y_t <- y_t + x_t.

    Source: He et al. 2016 (arXiv 1512.03385); between recurrent layers Wu et al. 2016 (1609.08144), 3.1.
    """

    def fit(self, frame: Frame, make: Make) -> None:
        """At least one layer must be as wide as what it reads."""
        self.layers = _same_width(frame, "residual")

    def around(self, x: Tensor, inner: Inner, at: int, training: bool) -> Tensor:
        """The sum."""
        return inner(x) + x if at in self.layers else inner(x)


class Highway(Around):
    """A highway connection around every layer whose output is as wide as its input.

        y_t <- t * y_t + (1 - t) * x_t,   t = sigmoid(W x_t + b)

    Source: Srivastava, Greff & Schmidhuber 2015 (arXiv 1505.00387), equation 3; b begins below 0, so that the
    connection carries at first (their section 2.3).

    Args:
        bias: where b begins.
    """

    def __init__(self, bias: float = -1.0) -> None:
        super().__init__()
        self.bias = bias

    def fit(self, frame: Frame, make: Make) -> None:
        """A gate for each layer that is as wide as what it reads."""
        self.layers = _same_width(frame, "highway")
        for at in self.layers:
            width = frame.gives(at)
            weight = make.parameter(width, width)
            torch.nn.init.xavier_uniform_(weight)
            self.register_parameter(f"W_l{at}", weight)
            self.register_parameter(f"b_l{at}", make.parameter(width, value=self.bias))

    def around(self, x: Tensor, inner: Inner, at: int, training: bool) -> Tensor:
        """The gated mixture."""
        if at not in self.layers:
            return inner(x)
        gate = torch.nn.functional.linear(x, getattr(self, f"W_l{at}"), getattr(self, f"b_l{at}")).sigmoid()
        return gate * inner(x) + (1 - gate) * x


def _same_width(frame: Frame, name: str) -> tuple[int, ...]:
    layers = tuple(at for at in range(frame.layers) if frame.reads(at) == frame.gives(at))
    if not layers:
        raise SettingError(
            f"no layer is as wide as what it reads: a {name} connection has no place",
            got=", ".join(f"{frame.reads(at)} -> {frame.gives(at)}" for at in range(frame.layers)),
            fix="choose hidden_size so that a layer gives as many values as it reads",
        )
    return layers
