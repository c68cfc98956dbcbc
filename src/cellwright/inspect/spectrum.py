"""The eigenvalues of the recurrent matrices, now and over a training: what a step does alone. Floor 5."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl
import torch
from torch import Tensor

from cellwright.compiler.graph import Graph, Node
from cellwright.inspect.unroll import need_part
from cellwright.nn.layer import Layer


@torch.no_grad()
def eigenvalues(layer: Layer, *, at: int = 0, reverse: bool = False) -> dict[str, Tensor]:
    """The eigenvalues of every square matrix that multiplies a state, or a value made of one.

    Args:
        layer: a `cellwright.nn` layer.
        at, reverse: which of the stacked layers, and which direction.

    Returns:
        {name: complex numbers [H], the largest first}; a block-diagonal matrix has those of all its blocks. A
        matrix with a value that is not finite has NaN.

    Raises:
        SettingError: no such layer or direction.

    >>> import cellwright as cw
    >>> list(eigenvalues(cw.nn.Recurrent("gru", 3, 4)))
    ['U_r', 'U_z', 'U_n']
    """
    need_part(layer, at, reverse)
    weights = layer.weights(at, reverse)
    found = {}
    for node in recurrent_matrices(layer.frame.cells[at].graph):
        values = _eigenvalues(weights[node.name].detach().double())
        found[node.name] = values[values.abs().argsort(descending=True)]
    return found


def spectra(history: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """The eigenvalues of the recurrent matrices over a training, from its history.

    Args:
        history: of a trained estimator (`model.history_`): rows, some with `inside_eigenvalues`: those of the
            last layer, after the epochs 1, 2, 4, 8, ...

    Returns:
        One row for each eigenvalue: `epoch`, `matrix`, `real`, `imaginary`, `absolute`; the largest first.

    >>> spectra([{"epoch": 1, "inside_eigenvalues": {"U": [[0.6, 0.8], [0.6, -0.8]]}}, {"epoch": 2}]).rows()
    [(1, 'U', 0.6, 0.8, 1.0), (1, 'U', 0.6, -0.8, 1.0)]
    """
    rows = [
        (row["epoch"], matrix, real, imaginary, math.hypot(real, imaginary))
        for row in history
        for matrix, values in (row.get("inside_eigenvalues") or {}).items()
        for real, imaginary in values
    ]
    numbers = dict.fromkeys(("real", "imaginary", "absolute"), pl.Float64)
    return pl.DataFrame(rows, schema={"epoch": pl.Int64, "matrix": pl.String, **numbers}, orient="row")


def recurrent_matrices(graph: Graph) -> list[Node]:
    """The square (or block-diagonal) matrices whose product is with something that depends on a state."""
    moves = [node.op == "state" for node in graph.nodes]
    found: dict[str, Node] = {}
    for k, node in enumerate(graph.nodes):
        moves[k] = moves[k] or any(moves[o] for o in node.operands)
        if node.op in ("matmul", "blocks") and moves[node.operands[1]]:
            matrix = graph.nodes[node.operands[0]]
            if matrix.op == "parameter" and matrix.shape[-1] == matrix.shape[-2]:
                found[matrix.name] = matrix
    return list(found.values())


def _eigenvalues(matrix: Tensor) -> Tensor:
    if not matrix.isfinite().all():
        return torch.full((matrix.shape[:-1].numel(),), torch.nan, dtype=torch.complex128)
    values: Tensor = torch.linalg.eigvals(matrix)
    return values.flatten()
