"""What must hold of every graph, checked after each pass that makes one. Floor 1.

Reports every mistake at once, each with the user's file and line. Also the gate for graphs that come from a
file: a tampered graph is refused here, before anything runs it.
"""

from __future__ import annotations

from collections.abc import Iterator

from cellwright.compiler.dims import show_shape
from cellwright.compiler.graph import LEAVES, NOWHERE, Graph, Where
from cellwright.compiler.ops import COMPARISONS, OPS, MisfitError
from cellwright.errors import CellError


def verify(graph: Graph, where: Where = NOWHERE) -> None:
    """Check a graph.

    Raises:
        CellError: all that is wrong with it, in one message.
    """
    problems = [*_structure(graph, where)]
    if not problems:
        problems = [
            *_shapes(graph),
            *_conditions(graph),
            *_fixed(graph),
            *_results(graph),
            *_unused(graph, where),
        ]
    if problems:
        raise CellError.together(problems)


def _structure(graph: Graph, where: Where) -> Iterator[CellError]:
    for index, node in enumerate(graph.nodes):
        if node.op not in LEAVES and node.op not in OPS:
            yield CellError(f"unknown operation `{node.op}`", where=node.where, expected=", ".join(OPS))
        elif any(not 0 <= k < index for k in node.operands):
            yield CellError(f"`{node.op}` reads a value that comes later", where=node.where)
        elif node.op in OPS and OPS[node.op].arity not in (-1, len(node.operands)):
            yield CellError(
                f"`{node.op}` has the wrong number of operands",
                where=node.where,
                got=len(node.operands),
                expected=OPS[node.op].arity,
            )
    if len(graph.returns) != len(graph.states) or not graph.states or not graph.inputs:
        yield CellError("a cell has inputs, states, and one result per state", where=where)
    if any(not 0 <= k < len(graph.nodes) for k in graph.returns):
        yield CellError("a result is not a value of the graph", where=where)


def _shapes(graph: Graph) -> Iterator[CellError]:
    for node in graph.nodes:
        if node.op in LEAVES:
            continue
        shapes = tuple(graph.nodes[k].shape for k in node.operands)
        try:
            shape = OPS[node.op].shape(shapes, dict(node.attributes))
        except MisfitError as fact:
            yield CellError(
                f"the sizes of `{node.op}` do not fit",
                where=node.where,
                got=fact.got,
                expected=fact.expected,
                fix=fact.fix,
            )
            continue
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as fact:
            # Only a graph that was not traced can get here: its attributes were altered in the file.
            yield CellError(f"the attributes of `{node.op}` are wrong", where=node.where, got=repr(fact))
            continue
        if shape != node.shape:
            yield CellError(
                f"`{node.op}` has the wrong shape",
                where=node.where,
                got=show_shape(node.shape),
                expected=show_shape(shape),
            )


def _conditions(graph: Graph) -> Iterator[CellError]:
    """A comparison is read by `where` and by nothing else; `where` reads a comparison first."""
    for node in graph.nodes:
        conditions = [graph.nodes[k].op in COMPARISONS for k in node.operands]
        if node.op == "where" and not conditions[0]:
            yield CellError(
                "the first value of where() is not a comparison",
                where=node.where,
                expected="where(a < b, x, y)",
                fix="compare two values",
            )
        if any(conditions[1:] if node.op == "where" else conditions):
            yield CellError(
                f"`{node.op}` cannot take a comparison",
                where=node.where,
                fix="write where(condition, 1.0, 0.0)",
            )


def _fixed(graph: Graph) -> Iterator[CellError]:
    """A matrix is made of weights alone: one that moves with the input or state is no product of rows."""
    moving: set[int] = set()
    for index, node in enumerate(graph.nodes):
        if node.op in ("input", "state") or not moving.isdisjoint(node.operands):
            moving.add(index)
            if len(node.shape) > 1:
                yield CellError(
                    "a matrix cannot change with the input or the state",
                    where=node.where,
                    got=f"`{node.op}` of shape {show_shape(node.shape)}",
                    fix="scale the product instead of the matrix: a * (W @ x), not (a * W) @ x",
                )


def _results(graph: Graph) -> Iterator[CellError]:
    for index, state in zip(graph.returns, graph.states, strict=True):
        node = graph.nodes[index]
        if node.shape != state.shape and node.shape != ():
            yield CellError(
                f"the new `{state.name}` does not have the shape of the state",
                where=node.where,
                got=show_shape(node.shape),
                expected=show_shape(state.shape),
                fix=f"annotate the state: {state.name}: '{show_shape(node.shape)}'",
            )
        elif node.shape != state.shape:
            yield CellError(
                f"the new `{state.name}` is a scalar",
                where=node.where,
                expected=show_shape(state.shape),
                fix=f"annotate the state as a scalar, {state.name}: '[]'",
            )


def _unused(graph: Graph, where: Where) -> Iterator[CellError]:
    alive = reachable(graph)
    for index, node in enumerate(graph.nodes):
        if node.op in ("parameter", "input") and index not in alive:
            kind = "parameter" if node.op == "parameter" else "input"
            yield CellError(
                f"the {kind} `{node.name}` is not used",
                where=node.where if node.where.file else where,
                fix="use it in the equations or take it out of the signature",
            )


def reachable(graph: Graph) -> frozenset[int]:
    """The positions that some result depends on."""
    alive: set[int] = set()
    todo = list(graph.returns)
    while todo:
        index = todo.pop()
        if index not in alive:
            alive.add(index)
            todo.extend(graph.nodes[index].operands)
    return frozenset(alive)
