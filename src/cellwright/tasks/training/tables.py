"""Tables of vectors that are trained by the rows a step read, not whole. Floor 6.

A step reads a few hundred rows of a table of many thousands; the gradient of the others is zero. Plain SGD
leaves those as they are, so that neither gradient nor step need touch them. Adam moves every row at every
step, and so does a pull towards zero: there a gradient stays whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn


def tables_of(network: nn.Module) -> list[nn.Embedding]:
    """The trained tables whose weight is nobody else's: a tied one has a gradient in every row."""
    owners = Counter(id(p) for _, p in network.named_parameters(remove_duplicate=False))
    tables = [m for m in network.modules() if isinstance(m, nn.Embedding)]
    return [m for m in tables if m.weight.requires_grad and owners[id(m.weight)] == 1]


@contextmanager
def by_rows(tables: list[nn.Embedding]) -> Iterator[None]:
    """What these tables are read for has gradients of the read rows only (torch's sparse ones)."""
    before = [table.sparse for table in tables]
    for table in tables:
        table.sparse = True
    try:
        yield
    finally:
        for table, sparse in zip(tables, before, strict=True):
            table.sparse = sparse


def gathered(parameters: Iterable[Tensor]) -> list[Tensor]:
    """The gradients there are, in memory that may be written to: of one by rows, each row once.

    >>> import torch
    >>> table = nn.Embedding(5, 1)
    >>> with by_rows([table]):
    ...     table(torch.tensor([3, 1, 3])).sum().backward()
    >>> gathered([table.weight])
    [tensor([[1.],
            [2.]])]
    """
    found = []
    for p in parameters:
        if p.grad is not None and p.grad.is_sparse:
            p.grad = p.grad.coalesce()
            found.append(p.grad.values())
        elif p.grad is not None:
            found.append(p.grad)
    return found
