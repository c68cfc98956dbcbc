"""A graph as text: textbook equations, LaTeX, MathML, runnable Python. Floor 1.

equations   i_t = σ(W_i x_t + U_i h_{t-1} + b_i)
latex       the same, to paste into a paper
mathml      the same, to put into a web page
graph       one line per node, as a cell that traces back to the same graph, with the user's lines
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from html.entities import html5

from cellwright.compiler import listing
from cellwright.compiler.dims import show_shape
from cellwright.compiler.graph import LEAVES, Graph, Node
from cellwright.compiler.notation import BRACKETS, LATEX, MATHML, PYTHON, TEXT, Form
from cellwright.compiler.signature import default_shape
from cellwright.compiler.trace import Cell
from cellwright.compiler.words import WORDS
from cellwright.errors import SettingError

_GREEK = ("alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "lambda", "mu", "nu", "rho", "sigma",
          "tau", "phi", "psi", "omega")  # fmt: skip


@dataclass(frozen=True)
class _Notation:
    """How a graph is written: the operations, the names, the numbers, brackets, a product with a scalar."""

    forms: dict[str, Form]
    name: Callable[[Node], str]
    number: Callable[[Node], str]
    brackets: str = "({0})"
    times: str = ""
    comma: str = ", "


def show(cell: Cell, view: str = "equations") -> str:
    """A cell as text.

    Args:
        cell: what `@cell` made, or a cell of the library.
        view: "equations", "latex", "mathml", "graph", "adjoint" or "plan".

    Raises:
        SettingError: no such view.

    >>> from cellwright import cells
    >>> print(show(cells.elman))
    h_t = tanh(W x_t + U h_{t-1} + b)
    """
    views = {"equations": equations, "latex": latex, "mathml": _mathml_page, "graph": as_python}
    views |= {"adjoint": listing.adjoint, "plan": listing.plan}
    if view not in views:
        raise SettingError("no such view", got=view, expected=", ".join(views))
    return views[view](cell.graph)


def equations(graph: Graph) -> str:
    """The textbook equations, one line per named value."""
    return "\n".join(f"{left} = {right}" for left, right, _ in lines(graph))


def lines(graph: Graph) -> Iterator[tuple[str, str, int]]:
    """Each equation as (left side, right side, position of the node), in textbook letters."""
    for index in graph.named.values():
        yield _textbook(graph.nodes[index]), _write(graph, index, _TEXTBOOK, top=True), index


def latex(graph: Graph) -> str:
    """The equations as a LaTeX `aligned` block."""
    rows = [f"{_tex(graph.nodes[k])} &= {_write(graph, k, _PAPER, top=True)}" for k in graph.named.values()]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def mathml(graph: Graph) -> list[str]:
    """One `<math>` element for each equation, in the order of `lines`; `alttext` is the equation as text."""
    elements = []
    for left, right, index in lines(graph):
        sides = _markup(graph.nodes[index]), _write(graph, index, _WEB, top=True)
        text = escape(f"{left} = {right}")
        elements.append(f'<math alttext="{text}"><mrow>{sides[0]}<mo>=</mo>{sides[1]}</mrow></math>')
    return elements


def as_python(graph: Graph) -> str:
    """One line per node: runnable, and tracing it gives an equal graph."""
    names = _unique_names(graph)
    body = []
    for index, node in enumerate(graph.nodes):
        if node.op in LEAVES:
            continue
        form = PYTHON[node.op]
        operands = [names[k] for k in node.operands]
        text = _fill(form, operands, node)
        body.append(
            f"    {names[index]} = {text}".ljust(48) + f"# {show_shape(node.shape)} line {node.where.line}"
        )
    used = sorted({n.op for n in graph.nodes} & set(WORDS))
    head = [f"from cellwright import {', '.join(['cell', *used])}", "", "", "@cell", _signature(graph)]
    return "\n".join([*head, *body, f"    return {', '.join(names[k] for k in graph.returns)}", ""])


def _write(graph: Graph, index: int, how: _Notation, top: bool = False, need: int = 0) -> str:
    """An expression: named values by their names, unnamed ones written out."""
    node = graph.nodes[index]
    if node.op == "constant":
        text = how.number(node)
        return how.brackets.format(text) if node.attribute("value") < 0 and need > 1 else text
    if node.op in LEAVES or (node.name and not top):
        return how.name(node)
    form = how.forms[node.op]
    if how.times and node.op == "mul" and any(graph.nodes[k].shape == () for k in node.operands):
        form = Form(how.times, form.strength, form.needs)
    needs = form.needs + (0,) * len(node.operands)
    operands = [_write(graph, k, how, need=needs[place]) for place, k in enumerate(node.operands)]
    text = _fill(form, operands, node, how.comma)
    return how.brackets.format(text) if form.strength < need else text


def _fill(form: Form, operands: list[str], node: Node, comma: str = ", ") -> str:
    attributes = dict(node.attributes)
    number = attributes.get("index", 0) + 1
    return form.template.format(*operands, all=comma.join(operands), number=number, **attributes)


def _number(node: Node) -> str:
    value = node.attribute("value")
    return str(int(value)) if value == int(value) and abs(value) < 1e6 else repr(value)


def _textbook(node: Node) -> str:
    if node.op == "parameter":
        return node.name
    step = "{t-1}" if node.op == "state" else "t"
    return f"{node.name}_{step}"


def _tex(node: Node) -> str:
    head, *rest = node.name.split("_")
    base = "\\" + head if head in _GREEK else head if len(head) == 1 else f"\\mathrm{{{head}}}"
    indices = [r if len(r) == 1 else f"\\mathrm{{{r}}}" for r in rest]
    if node.op != "parameter":
        indices.append("t-1" if node.op == "state" else "t")
    return f"{base}_{{{','.join(indices)}}}" if indices else base


def _markup(node: Node) -> str:
    head, *rest = node.name.split("_")
    base = f"<mi>{html5[head + ';'] if head in _GREEK else escape(head)}</mi>"
    indices = [f"<mi>{escape(r)}</mi>" for r in rest]
    if node.op != "parameter":
        indices.append("<mi>t</mi><mo>−</mo><mn>1</mn>" if node.op == "state" else "<mi>t</mi>")
    if not indices:
        return base
    inside = "<mo>,</mo>".join(indices)
    return f"<msub>{base}<mrow>{inside}</mrow></msub>"


def _markup_number(node: Node) -> str:
    value = _number(node)
    number = f"<mn>{value.removeprefix('-')}</mn>"
    return f"<mrow><mo>−</mo>{number}</mrow>" if value.startswith("-") else number


def _mathml_page(graph: Graph) -> str:
    return "\n".join(mathml(graph))


_TEXTBOOK = _Notation(TEXT, _textbook, _number, times="{0} · {1}")
_PAPER = _Notation(LATEX, _tex, _number, times=r"{0} \cdot {1}")
_WEB = _Notation(MATHML, _markup, _markup_number, BRACKETS, "{0}<mo>⋅</mo>{1}", "<mo>,</mo>")


def _unique_names(graph: Graph) -> dict[int, str]:
    """A Python name for every value; a new state is `h_next`, an unnamed value `_17`."""
    states = {n.name for n in graph.states}
    names: dict[int, str] = {}
    for index, node in enumerate(graph.nodes):
        if node.op == "constant":
            names[index] = repr(node.attribute("value"))
        elif node.op in LEAVES or (node.name and node.name not in states):
            names[index] = node.name
        else:
            names[index] = f"{node.name}_next" if node.name else f"_{index}"
    return names


def _signature(graph: Graph) -> str:
    def argument(node: Node, first: bool) -> str:
        kind = "input " if node.op == "input" and not first else ""
        plain = node.shape == default_shape(node.op, node.name) and not kind
        return node.name if plain else f'{node.name}: "{kind}{show_shape(node.shape)}"'

    positional = [argument(n, k == 0) for k, n in enumerate(graph.flow)]
    weights = [argument(n, False) for n in graph.parameters]
    star = ["*", *weights] if weights else []
    return f"def {graph.name}({', '.join([*positional, *star])}):"
