"""`cw.show`: a cell as text, from its equations down to the C++ that runs. Floor 5."""

from __future__ import annotations

from cellwright.compiler.show import show as show_graph
from cellwright.compiler.trace import Cell


def show(cell: Cell, view: str = "equations") -> str:
    """A cell as text.

    Args:
        cell: what `@cell` made, or a cell of the library.
        view: "equations", "latex", "mathml", "graph", "adjoint" (the derivative of one step), "plan" (what is
            done before, in and after the loop over time) or "cpp" (the emitted kernel).

    Raises:
        SettingError: no such view.

    >>> from cellwright import cells
    >>> print(show(cells.elman))
    h_t = tanh(W x_t + U h_{t-1} + b)
    """
    if view == "cpp":
        # Here, not above: the front door stays light.
        from cellwright.backends.cpu.emit import emit

        return emit(cell.graph).text
    return show_graph(cell, view)
