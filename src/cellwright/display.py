"""`cw.show`: a cell as text, from its equations down to the C++ that runs, or drawn. Floor 5."""

from __future__ import annotations

from cellwright.compiler.show import show as show_graph
from cellwright.compiler.trace import Cell
from cellwright.errors import SettingError


def show(cell: Cell, view: str = "equations", *, steps: int = 1) -> str:
    """A cell as text.

    Args:
        cell: what `@cell` made, or a cell of the library.
        view: "equations", "latex", "mathml", "graph", "adjoint" (the derivative of one step), "plan" (what is
            done before, in and after the loop over time), "cpp" or "triton" (the emitted kernel for the
            CPU or a GPU) or "diagram" (the wiring drawn as SVG, for a file or a page).
        steps: of a diagram: 1 draws what is in a step, more draw the steps one after the other.

    Raises:
        SettingError: no such view; steps below 1, or of a view that has none.

    >>> from cellwright import cells
    >>> print(show(cells.elman))
    h_t = tanh(W x_t + U h_{t-1} + b)
    """
    if steps < 1 or (steps > 1 and view != "diagram"):
        expected = "at least 1" if view == "diagram" else "none: only a diagram has steps"
        raise SettingError("steps do not fit", got=steps, expected=expected)
    # The drawing and the emitter are imported here, not above: the front door stays light.
    if view == "diagram":
        from cellwright.page.diagram import diagram, unrolled

        return diagram(cell.graph) if steps == 1 else unrolled(cell.graph, steps)
    if view == "cpp":
        from cellwright.backends.cpu.emit import emit

        return emit(cell.graph).text
    if view == "triton":
        from cellwright.backends.triton import emit as triton

        return triton.emit(cell.graph).text
    try:
        return show_graph(cell, view)
    except SettingError as error:
        expected = f"{error.expected}, cpp, triton, diagram"
        raise SettingError(error.what, got=error.got, expected=expected) from None
