"""Parts within the loop over time: zoneout, locked dropout of states, clipped gradients. Floor 4."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from cellwright.compiler.graph import Graph
from cellwright.errors import SettingError
from cellwright.nn.derived import DROP, HOLD, clipped, dropped, held, read_by_matrices, sums_of_products
from cellwright.nn.dropout import dropout
from cellwright.nn.frame import Frame
from cellwright.nn.part import Inside, Make, need_share


class Zoneout(Inside):
    """Values of the states that stay as they were: regularisation that keeps what the layer remembers.

        h_t = m * h_{t-1} + (1 - m) * h'_t

    While training m_k ~ Bernoulli(p), drawn anew for every value, step and sequence; in evaluation m = p,
    its expectation. h' is what the equations give. Source: Krueger et al. 2017 (arXiv 1606.01305), section 3.

    Args:
        p: the probability, for every state, or {"h": 0.05, "c": 0.5} for the states named. It is fixed: the
            evaluation's equations hold it.

    Raises:
        SettingError: no probability, or no such state in a cell of the layer.
    """

    order = 1

    def __init__(self, p: float | Mapping[str, float]) -> None:
        super().__init__()
        given = dict(p) if isinstance(p, Mapping) else {"": p}
        self.shares = {name: need_share("zoneout", value) for name, value in given.items()}

    def fit(self, frame: Frame, make: Make) -> None:
        """Every state named is there."""
        names = {n.name for cell in frame.cells for n in cell.graph.states}
        unknown = [name for name in self.shares if name and name not in names]
        if unknown:
            raise SettingError(
                "the cell has no such state", got=", ".join(unknown), expected=", ".join(sorted(names))
            )

    def derive(self, graph: Graph, training: bool) -> Graph:
        """The step whose states hold."""
        return held(graph, {n.name: self._share(n.name) for n in graph.states}, training)

    def feeds(self, wanted: Mapping[str, int], steps: int, batch: int, like: Tensor) -> dict[str, Tensor]:
        """m for every state that holds: 1 where it does."""
        return {
            name: torch.rand(steps, batch, size, device=like.device)
            .lt(self._share(name.removeprefix(HOLD)))
            .to(like.dtype)
            for name, size in wanted.items()
            if name.startswith(HOLD)
        }

    def _share(self, name: str) -> float:
        return self.shares.get(name, self.shares.get("", 0.0))

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={share}" if name else str(share) for name, share in self.shares.items())


class StateDropout(Inside):
    """Variational dropout of the states: where a matrix of the loop reads them, under one mask.

        U h_{t-1} becomes U (h_{t-1} * z / (1 - p)),   z_k ~ Bernoulli(1 - p), once for each sequence

    The same z for every step and every gate; the state itself is carried on undropped, (1 - z_t) * h_{t-1} in
    a GRU say. In evaluation nothing is dropped.
    Source: Gal & Ghahramani 2016 (arXiv 1512.05287), equation 7, the mask z_h.

    Args:
        p: the share of values set to zero.

    Raises:
        SettingError: no probability, or a cell of the layer multiplies no state with a matrix.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = need_share("dropout", p)

    def fit(self, frame: Frame, make: Make) -> None:
        """Every cell multiplies a state with a matrix."""
        for cell in frame.cells:
            if not read_by_matrices(cell.graph):
                raise SettingError(f"no matrix of `{cell.name}` reads a state: there is nothing to drop")

    def derive(self, graph: Graph, training: bool) -> Graph:
        """The step that reads dropped states."""
        return dropped(graph) if training else graph

    def feeds(self, wanted: Mapping[str, int], steps: int, batch: int, like: Tensor) -> dict[str, Tensor]:
        """z / (1 - p) for every state that a matrix reads, the same at every step."""
        return {
            name: dropout(like.new_ones(1, batch, size), self.p).expand(steps, batch, size)
            for name, size in wanted.items()
            if name.startswith(DROP)
        }

    def extra_repr(self) -> str:
        return str(self.p)


class ClipGradient(Inside):
    """Gradients kept within bounds at every step of the loop, before they can grow on their way back.

        dL/da_t <- max(-limit, min(limit, dL/da_t))

    Args:
        limit: the bound, above 0.
        at: "sums" clips the inputs of the gates: every sum that holds a product with the state, before its
            sigmoid or tanh (Graves 2013, arXiv 1308.0850, section 2.1). "states" clips dL/dh_t itself, and
            that of every other state.

    Forward it changes nothing, and in evaluation gradients are as they are.
    """

    order = 2

    def __init__(self, limit: float, at: str = "sums") -> None:
        super().__init__()
        if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 < limit < math.inf:
            raise SettingError("the bound of gradients must be a number above 0", got=limit)
        if at not in ("sums", "states"):
            raise SettingError("no such place to clip gradients", got=at, expected="sums, states")
        self.limit, self.at = float(limit), at

    def fit(self, frame: Frame, make: Make) -> None:
        """Every cell has such a place."""
        for cell in frame.cells:
            if self.at == "sums" and not sums_of_products(cell.graph):
                raise SettingError(
                    f"no matrix of `{cell.name}` reads a state: it has no sums to clip at", fix='at="states"'
                )

    def derive(self, graph: Graph, training: bool) -> Graph:
        """The step whose sums, or new states, hold their gradients."""
        at = sums_of_products(graph) if self.at == "sums" else graph.returns
        return clipped(graph, self.limit, at) if training else graph

    def extra_repr(self) -> str:
        return f"{self.limit}, at={self.at!r}"
