"""Dropout of recurrent weights. Floor 4."""

from __future__ import annotations

from fnmatch import fnmatchcase

from torch import Tensor

from cellwright.compiler.graph import Graph
from cellwright.errors import SettingError
from cellwright.nn.derived import matrices_in_the_loop
from cellwright.nn.dropout import dropout
from cellwright.nn.frame import Frame
from cellwright.nn.part import Make, OnWeights, need_share


class DropConnect(OnWeights):
    """Dropout of single weights in the loop's matrices: one mask for a whole run.

        U <- U * M / (1 - p),   M_jk ~ Bernoulli(1 - p), the same for every step and every sequence

    In evaluation the weights are as they are. Source: Wan et al. 2013; on recurrent matrices Merity, Keskar &
    Socher 2018 (AWD-LSTM, arXiv 1708.02182), section 2.

    Args:
        p: the share of weights set to zero.
        names: patterns of the parameters, "U_*"; without them every matrix that multiplies what depends on a
            state (of a joined matrix, W @ [h, x], all columns).

    Raises:
        SettingError: no probability, or a cell of the layer has no such matrix.
    """

    def __init__(self, p: float, names: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.p, self.names = need_share("dropout", p), tuple(names)

    def fit(self, frame: Frame, make: Make) -> None:
        """Every cell has such a matrix."""
        self._drops = [self._chosen(cell.graph) for cell in frame.cells]
        for cell, chosen in zip(frame.cells, self._drops, strict=True):
            if not chosen:
                matrices = [n.name for n in cell.graph.parameters if len(n.shape) > 1]
                raise SettingError(
                    f"`{cell.name}` has no matrix to drop weights of",
                    got=", ".join(self.names) or "no matrix inside the loop",
                    expected=", ".join(matrices),
                )

    def changed(self, weights: dict[str, Tensor], at: int, training: bool) -> dict[str, Tensor]:
        """The weights, some of the matrices' set to zero."""
        chosen = self._drops[at] if training else ()
        return {name: dropout(w, self.p) if name in chosen else w for name, w in weights.items()}

    def _chosen(self, graph: Graph) -> tuple[str, ...]:
        if not self.names:
            return matrices_in_the_loop(graph)
        named = [n.name for n in graph.parameters if len(n.shape) > 1]
        return tuple(name for name in named if any(fnmatchcase(name, pattern) for pattern in self.names))

    def extra_repr(self) -> str:
        return ", ".join(map(str, (self.p, *self.names)))
