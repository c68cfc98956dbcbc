"""`@cell`: run a plain function once on symbols and keep its graph. Floor 1.

Gate names are the function's own local names, read while it runs. Whatever the tracer cannot take is refused
as a CellError with the user's file and line and the cure; size mistakes are reported together.
"""

from __future__ import annotations

import builtins
import difflib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, overload

from cellwright.compiler.graph import Facts, Graph, Node, Where
from cellwright.compiler.interpret import interpret
from cellwright.compiler.signature import Declaration, read_signature
from cellwright.compiler.symbol import Recorder, Symbol, is_compiler
from cellwright.compiler.verify import verify
from cellwright.compiler.words import WORDS
from cellwright.errors import CellError, UserError

Function = Callable[..., Any]


class Cell:
    """A recurrent cell: its equations as a function and as a graph.

    Calling it runs the equations on tensors: one sample, one step, any float dtype. That is the reference.
    """

    def __init__(self, graph: Graph, function: Function | None = None) -> None:
        self.graph = graph
        self.function = function
        self.name = graph.name
        self.__doc__ = graph.doc
        self.__name__ = graph.name

    def __call__(self, *arguments: Any, **parameters: Any) -> Any:
        """One step: `cell(x, h, c, W_i=..., ...)` -> the new states, in the order of the signature."""
        if self.function is not None:
            return self.function(*arguments, **{**dict(self.graph.hyper), **parameters})
        values = {(n.op, n.name): v for n, v in zip(self.graph.flow, arguments, strict=True)}
        values |= {("parameter", name): value for name, value in parameters.items()}
        computed = interpret(self.graph, values)
        new = tuple(computed[k] for k in self.graph.returns)
        return new[0] if len(new) == 1 else new

    def configure(self, **hyper: Any) -> Cell:
        """The same cell with other hyper-parameters: `elman.configure(nonlinearity="relu")`.

        Raises:
            CellError: no such hyper-parameter, or the cell was loaded without its source.
        """
        if self.function is None:
            raise CellError(
                f"`{self.name}` was loaded as a graph: its hyper-parameters are fixed",
                got=", ".join(hyper),
                fix="configure the cell before training",
            )
        return Cell(
            trace(self.function, self.graph.facts, {**dict(self.graph.hyper), **hyper}), self.function
        )

    def __reduce__(self) -> tuple[type[Cell], tuple[Graph]]:
        """A cell is pickled as its graph: the other side needs no source."""
        return Cell, (self.graph,)

    def __deepcopy__(self, memo: dict[int, Any]) -> Cell:
        """A cell never changes, so a copy is the cell itself."""
        return self

    def __repr__(self) -> str:
        names = ", ".join(n.name for n in self.graph.flow)
        return f"<cell {self.name}({names}): {len(self.graph.parameters)} parameters>"


@overload
def cell(function: Function) -> Cell: ...
@overload
def cell(
    *,
    paper: str = "",
    year: int = 0,
    init: Mapping[str, float | str] | None = None,
    start: Mapping[str, float] | None = None,
) -> Callable[[Function], Cell]: ...
def cell(
    function: Function | None = None,
    *,
    paper: str = "",
    year: int = 0,
    init: Mapping[str, float | str] | None = None,
    start: Mapping[str, float] | None = None,
) -> Cell | Callable[[Function], Cell]:
    """Make a cell of its equations, written for one sample and one step.

    Args:
        function: `def name(x, h, ..., *, W, U, b, ..., eps=1e-5)`; see `compiler.signature`.
        paper, year: where the cell was published.
        init: how parameters start: a number or a rule by name or pattern, `{"b_f": 1.0, "U_*": "identity"}`.
        start: the number a state starts from where no state is given (0 otherwise).

    Raises:
        CellError: the equations cannot be taken; the message names the user's file and line.

    >>> from cellwright import cell, tanh
    >>> @cell
    ... def plain(x, h, *, W, U, b):
    ...     h = tanh(W @ x + U @ h + b)
    ...     return h
    >>> plain
    <cell plain(x, h): 3 parameters>
    """
    facts = Facts(paper, year, tuple((init or {}).items()), tuple((start or {}).items()))
    if function is None:
        return lambda f: Cell(trace(f, facts, {}), f)
    return Cell(trace(function, facts, {}), function)


def trace(function: Function, facts: Facts, hyper: Mapping[str, Any]) -> Graph:
    """The verified graph of one step."""
    declaration = read_signature(function, hyper)
    recorder = Recorder()
    where = Where(function.__code__.co_filename, function.__code__.co_firstlineno)
    returned = _run(function, declaration, recorder, where)
    states = [a.name for a in declaration.arguments if a.kind == "state"]
    results = _returns(returned, states, recorder, where)
    if recorder.problems:
        raise CellError.together(recorder.problems)
    nodes = _name(recorder, dict(zip(results, states, strict=True)))
    doc = (function.__doc__ or "").strip()
    graph = Graph(function.__name__, nodes, tuple(results), declaration.hyper, facts, doc)
    verify(graph, where)
    return graph


def _run(function: Function, declaration: Declaration, recorder: Recorder, where: Where) -> Any:
    leaves = {a.name: recorder.leaf(a.kind, a.name, a.shape, where) for a in declaration.arguments}
    positional = [leaves[a.name] for a in declaration.arguments if a.kind != "parameter"]
    keywords: dict[str, Any] = {
        a.name: leaves[a.name] for a in declaration.arguments if a.kind == "parameter"
    }
    code = function.__code__
    with _watch_names(code, recorder):
        try:
            return function(*positional, **keywords, **dict(declaration.hyper))
        except UserError:
            raise
        except Exception as mistake:
            raise _explained(mistake, code) from mistake


@contextmanager
def _watch_names(code: CodeType, recorder: Recorder) -> Iterator[None]:
    """While the function runs, remember under which local name each new value was first bound.

    A name with a leading underscore stays unnamed, as everywhere in Python.
    """

    def look(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code is not code:
            return None
        for name, value in frame.f_locals.items():
            if isinstance(value, Symbol) and value.recorder is recorder and not name.startswith("_"):
                recorder.names.setdefault(value.index, name)
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        yield
    finally:
        sys.settrace(before)


def _returns(returned: Any, states: list[str], recorder: Recorder, where: Where) -> list[int]:
    values = returned if isinstance(returned, (tuple, list)) else (returned,)
    if len(values) != len(states) or not all(isinstance(v, (Symbol, int, float)) for v in values):
        got = ", ".join(
            recorder.names.get(v.index, "a value") if isinstance(v, Symbol) else str(v) for v in values
        )
        raise CellError(
            "a cell returns every state once, in the order of its signature",
            where=where,
            got=f"return {got}",
            expected=f"return {', '.join(states)}",
            fix="return the new value of each state",
        )
    results: list[int] = []
    for value in values:
        symbol = value if isinstance(value, Symbol) else recorder.constant(float(value))
        # A node may be one state only: a second state with the same value gets a node of its own.
        results.append(symbol.index if symbol.index not in results else (+symbol * 1.0).index)
    return results


def _name(recorder: Recorder, results: Mapping[int, str]) -> tuple[Node, ...]:
    """Give every value its local name; a returned value takes the name of its state."""
    taken = set(results.values()) | {n.name for n in recorder.nodes if n.op in ("input", "parameter")}
    nodes: list[Node] = []
    for index, node in enumerate(recorder.nodes):
        name = node.name
        if not name and node.op != "constant":
            name = results.get(index) or _fresh(recorder.names.get(index, ""), taken)
            taken.add(name)
        nodes.append(Node(node.op, node.operands, node.shape, name, node.attributes, node.where))
    return tuple(nodes)


def _fresh(name: str, taken: set[str]) -> str:
    if not name or name not in taken:
        return name
    count = 1
    while f"{name}_{count}" in taken:
        count += 1
    return f"{name}_{count}"


def _explained(mistake: Exception, code: CodeType) -> CellError:
    """A Python error inside the equations, with the line in the user's file and a cure."""
    where, trail = Where(code.co_filename, code.co_firstlineno), mistake.__traceback__
    while trail is not None:
        file = trail.tb_frame.f_code.co_filename
        where = where if is_compiler(file) else Where(file, trail.tb_lineno)
        trail = trail.tb_next
    if isinstance(mistake, NameError) and mistake.name:
        near = difflib.get_close_matches(mistake.name, [*WORDS, *code.co_varnames, *dir(builtins)], 1)
        fix = f"did you mean `{near[0]}`?" if near else "import it from cellwright, or make it a parameter"
        return CellError(f"unknown word `{mistake.name}`", where=where, fix=fix)
    return CellError(
        "the equations cannot be traced",
        where=where,
        got=f"{type(mistake).__name__}: {mistake}",
        fix="use the words of cellwright on the cell's own values",
    )
