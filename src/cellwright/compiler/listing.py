"""What the passes make, as text: the adjoint of a step, and the plan of a recurrence. Floor 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cellwright.compiler.affine import linear_states
from cellwright.compiler.derive import derive
from cellwright.compiler.fuse import Schedule, schedule
from cellwright.compiler.graph import Graph, Node
from cellwright.compiler.hoist import Hoisted, hoist
from cellwright.compiler.inner_ops import ANY_LEAF
from cellwright.compiler.notation import PYTHON, Form
from cellwright.compiler.places import Place, Recurrence, Routine
from cellwright.compiler.routine import make_recurrence

INNER_FORMS: dict[str, Form] = {
    "outer": Form("outer({0}, {1})"),
    "outer_blocks": Form("outer_by_block({0}, {1})"),
    "turn_blocks": Form("{0}.T by block"),
    "columns": Form("columns({0}, {start}, {size})"),
    "spread": Form("spread({0})"),
    "copy": Form("{0}"),
    "size": Form("size of {0}"),
    "sum_matrix": Form("sum({0})"),
    "piece": Form("piece({0}, {index})"),
    "place": Form("place({0}, {index}, {parts})"),
    "suffix_sum": Form("suffix_sum({0})"),
}


def adjoint(graph: Graph) -> str:
    """The step and its adjoint, a line per value.

    >>> from cellwright import cells
    >>> print(adjoint(cells.elman.graph).splitlines()[-1])
    gradients: dx, dh_prev, dW, dU, db
    """
    made = derive(graph)
    names = _names(made.nodes)
    count = min(made.seeds)
    lines = ["# the step", *_lines(made.nodes, range(count), names)]
    lines += [f"# back from the gradients of {', '.join(names[k] for k in made.seeds)}"]
    lines += _lines(made.nodes, range(count, len(made.nodes)), names)
    return "\n".join([*lines, f"gradients: {', '.join(names[k] for _, k in made.results)}"])


def plan(graph: Graph) -> str:
    """What is done before the loop over time, in its stages both ways, and after it."""
    hoisted = hoist(graph)
    made = make_recurrence(hoisted)
    lines = [f"# {linear_states(graph)}"]
    lines += ["# before each chunk of steps, for all its rows at once", *_before(hoisted, made)]
    for routine, title in ((made.forward, "every step"), (made.backward, "every step back")):
        lines += [f"# {title}", *_routine(routine, schedule(routine))]
    return "\n".join(
        [*lines, "# after each chunk of steps back, for all its rows at once", *_after(hoisted, made)]
    )


def _before(hoisted: Hoisted, made: Recurrence) -> list[str]:
    nodes = hoisted.graph.nodes
    lines = []
    for block in made.blocks:
        feeds = [hoisted.feeds[k] for k in block.feeds]
        operand = nodes[feeds[0].operand].name or "v"
        biases = [nodes[f.bias].name for f in feeds if f.bias is not None]
        matrices = "; ".join(nodes[f.matrix].name or f.name for f in feeds)
        lines.append(
            f"{block.array[1:]} [T, B, {block.width}] = [{matrices}] @ {operand}"
            + (f" + [{'; '.join(biases)}]" if biases else "")
        )
    return lines


def _after(hoisted: Hoisted, made: Recurrence) -> list[str]:
    nodes = hoisted.graph.nodes
    lines = []
    for block in made.blocks:
        feeds = [hoisted.feeds[k] for k in block.feeds]
        operand = nodes[feeds[0].operand].name or "v"
        d = ", ".join(f"d{f.name}" for f in feeds)
        lines += [f"d{operand} = [{'; '.join(nodes[f.matrix].name or f.name for f in feeds)}].T @ [{d}]"]
    names = {f.name: nodes[f.matrix].name or f.name for f in hoisted.feeds}
    operands = {
        f".operand_{k}": nodes[hoisted.feeds[b.feeds[0]].operand].name or "v"
        for k, b in enumerate(made.blocks)
    }
    for outer in made.outers:
        whose = ", ".join(f"d{names.get(name, name)}" for name, _ in outer.targets)
        v = operands.get(outer.v.array) or _where(outer.v)
        lines.append(f"[{whose}] {'=' if outer.first else '+='} sum of outer(d[{outer.d}], {v})")
    return lines


def _routine(routine: Routine, made: Schedule) -> list[str]:
    names = _names(routine.nodes)
    lines = []
    for number, stage in enumerate(made.stages):
        for loop in stage.loops:
            hot = ", on the products while hot" if stage.hot else ""
            sizes = ", ".join(str(dim) for dim, _ in loop.vectors) or "scalars"
            lines.append(f"stage {number}: one loop over {sizes}{hot}")
            inside = [*loop.scalars, *loop.whole, *(k for _, members in loop.vectors for k in members)]
            lines += [f"  {line}" for line in _lines(routine.nodes, inside, names)]
        for group in stage.groups:
            lines.append(f"stage {number}: {len(group.outputs)} products side by side")
            lines += [f"  {line}" for line in _lines(routine.nodes, group.outputs, names)]
    lines += [f"kept: {names[k]} in {_where(place)}" for k, place in routine.stores]
    return lines + [f"summed over all rows: {', '.join(names[k] for k, _ in routine.sums)}"] * bool(
        routine.sums
    )


def _where(place: Place) -> str:
    array = place.array.removeprefix(".")
    before = " of the step before" if place.kind == "previous" else ""
    return f"{array}{before}" if str(place.offset) == "0" else f"{array}[{place.offset}]{before}"


def _lines(nodes: Sequence[Node], wanted: Iterable[int], names: dict[int, str]) -> list[str]:
    return [f"{names[k]} = {_text(nodes[k], names)}" for k in wanted if nodes[k].op not in ANY_LEAF]


def _text(node: Node, names: dict[int, str]) -> str:
    operands = [names[k] for k in node.operands]
    if node.op == "matmul_sum":
        return " + ".join(f"{m} @ {v}" for m, v in zip(operands[::2], operands[1::2], strict=False))
    form = PYTHON.get(node.op) or INNER_FORMS[node.op]
    return form.template.format(*operands, all=", ".join(operands), **dict(node.attributes))


def _names(nodes: Sequence[Node]) -> dict[int, str]:
    names: dict[int, str] = {}
    taken: set[str] = set()
    for k, node in enumerate(nodes):
        if node.op == "constant":
            names[k] = f"{node.attribute('value'):g}"
            continue
        name = node.name.removeprefix("kept ") or f"v{k}"
        if node.op == "state":
            name += "_prev"
        elif node.op == "gradient":
            name = f"d{node.name}_next" if node.name else "dy"
        elif node.op == "transpose":
            name = f"{names[node.operands[0]]}.T"
        while name in taken and node.op != "transpose":
            name += "'"
        names[k] = name
        taken.add(name)
    return names
