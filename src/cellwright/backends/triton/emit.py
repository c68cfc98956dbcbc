"""A recurrence as Triton: both routines as kernels in one text that is meant to be read. Floor 2.

The text is the same for every size and type. Gates have their names, the equations stand at the top.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from cellwright.backends.cpu import emit as shared
from cellwright.backends.triton.body import Body
from cellwright.backends.triton.frame import Frame, Written, functions, widths_of
from cellwright.backends.triton.joint_body import JointBody
from cellwright.backends.triton.joint_frame import JointFrame
from cellwright.backends.triton.split import Split, split_of
from cellwright.backends.triton.stages import Stages, stages_of
from cellwright.backends.triton.table import JOINED
from cellwright.compiler.affine import Linear, linear_states, with_factors
from cellwright.compiler.dims import ZERO, Dim
from cellwright.compiler.graph import Graph
from cellwright.compiler.places import Recurrence, width
from cellwright.compiler.show import equations


@dataclass(frozen=True, eq=False)
class Program:
    """All that is derived from a graph. `base`: the hoisted step and both routines, as for the CPU.

    `totals`: the offset and size in a program's row of sums of what the way back adds up itself, by the name
    of the weight; `from_d`: where the others lie in the gradients' array. `linear`: the proof that the step
    can be scanned, or why not. `held`, `joint`: see `emit`.
    """

    base: shared.Program
    text: str
    kernels: dict[str, Written]
    splits: dict[str, Split | None]
    totals: dict[str, tuple[Dim, Dim]]
    from_d: dict[str, tuple[Dim, Dim]]
    total: Dim
    linear: Linear | str
    held: bool
    joint: bool = False

    @property
    def made(self) -> Recurrence:
        """Both routines and where values lie."""
        return self.base.recurrence


@lru_cache(maxsize=256)
def emit(graph: Graph, record: tuple[str, ...] = (), held: bool = True, joint: bool = False) -> Program:
    """Everything a graph needs to run here; `record` names values to give out at every step, without a way
    back. `held`: matrices stay on the chip, else they are read anew at every step. `joint`: programs share
    the units of a row and meet within a step (`stages_of_both` must not refuse)."""
    base = shared.emit(graph, record)
    made, states = base.recurrence, base.hoisted.step.states
    widths = widths_of(states, _widths(base))
    linear = linear_states(base.hoisted.step)
    totals, from_d, total = _sums(made)
    widths[".totals"] = total
    slots = [] if record else [(k, totals[name][0]) for k, name in _summed(made) if name in totals]
    kernels, splits = (_joint if joint else _alone)(base, widths, held, slots, not isinstance(linear, str))
    called = frozenset().union(*(k.functions for k in kernels.values()))
    texts = [k.text for k in kernels.values()] + ([] if isinstance(linear, str) else [JOINED])
    text = "\n\n".join([_header(graph), *functions(called), *texts])
    return Program(base, text, kernels, splits, totals, from_d, total, linear, held, joint)


def _alone(
    base: shared.Program, widths: dict[str, Dim], held: bool, slots: list[tuple[int, Dim]], linear: bool
) -> tuple[dict[str, Written], dict[str, Split | None]]:
    """Kernels whose programs need nothing of each other."""
    made, states, record = base.recurrence, base.hoisted.step.states, not base.recurrence.backward.nodes
    forward = with_factors(made.forward, states) if linear and not record else made.forward
    splits = {"forward": split_of(forward), "backward": split_of(made.backward)}
    body = Body(forward, widths, splits["forward"], held)
    kernels = {"forward": Frame(body, states, base.letters).forward()}
    if not record:
        back = Body(made.backward, widths, splits["backward"], held)
        kernels["backward"] = Frame(back, states, base.letters).backward(slots)
    return kernels, splits


def _joint(
    base: shared.Program, widths: dict[str, Dim], held: bool, slots: list[tuple[int, Dim]], _: bool
) -> tuple[dict[str, Written], dict[str, Split | None]]:
    """Kernels whose programs share the units and meet."""
    made, states = base.recurrence, base.hoisted.step.states
    stages = stages_of_both(base)
    assert not isinstance(stages, str), stages
    body = JointBody(made.forward, widths, held, stages["forward"])
    kernels = {"forward": JointFrame(body, states, base.letters).forward()}
    if "backward" in stages:
        back = JointBody(made.backward, widths, held, stages["backward"])
        kernels["backward"] = JointFrame(back, states, base.letters).backward(slots)
    return kernels, dict.fromkeys(kernels)


def stages_of_both(base: shared.Program) -> dict[str, Stages] | str:
    """The stages of a step each way, or why programs cannot share its units."""
    made = base.recurrence
    found = {r.name: stages_of(r) for r in (made.forward, made.backward) if r.nodes}
    why = next((stages for stages in found.values() if isinstance(stages, str)), None)
    return why or {name: stages for name, stages in found.items() if not isinstance(stages, str)}


def _widths(base: shared.Program) -> dict[str, Dim]:
    """The width of a row of every array that is not a state's."""
    hoisted, made = base.hoisted, base.recurrence
    widths = {b.array: b.width for b in made.blocks} | {".kept": made.kept, ".d": made.d}
    widths |= {name: size for name, size in made.widths.items() if name.startswith(".seen")}
    for node in hoisted.step.nodes:
        if node.op == "input" and len(node.shape) < 2:
            widths |= {node.name: width(node), f".d {node.name}": width(node)}
    return widths


def _summed(made: Recurrence) -> list[tuple[int, str]]:
    """What is added up over all steps and rows: the value and the name of the weight."""
    at = {str(offset): name for name, offset in made.sum_of.items()}
    return [(k, at[str(offset)]) for k, offset in made.backward.sums]


def _sums(made: Recurrence) -> tuple[dict[str, tuple[Dim, Dim]], dict[str, tuple[Dim, Dim]], Dim]:
    """What lies in the gradients' array is added up after the loop, the rest within it."""
    stored = {k: place.offset for k, place in made.backward.stores if place.array == ".d"}
    totals: dict[str, tuple[Dim, Dim]] = {}
    from_d: dict[str, tuple[Dim, Dim]] = {}
    total = ZERO
    for k, name in _summed(made):
        size = width(made.backward.nodes[k])
        if k in stored:
            from_d[name] = (stored[k], size)
        else:
            totals[name] = (total, size)
            total = total + size
    return totals, from_d, total


def _header(graph: Graph) -> str:
    lines = [
        f"{graph.name}: one step forward and one step back, carried through time.",
        "",
        "Emitted by Cellwright; do not edit.",
        f"graph {graph.fingerprint}",
        "",
        *equations(graph).splitlines(),
    ]
    text = "\n".join(lines).replace("\\", "\\\\").replace('"', "'")
    return f'"""{text}\n"""\n\nimport triton\nimport triton.language as tl\n'
