"""One step of a cell as C++, for live streams: emitted, built, its weights packed. Floor 2.

Stages and products are those of the kernel over time. Here a call is one step of some rows, the products of
the input are part of it, and the weights lie packed in a memory of their own until they change.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from cellwright.backends.cpu.chunks import forward_chunks
from cellwright.backends.cpu.names import field, letters_of, size_text, word
from cellwright.backends.cpu.outside import Values
from cellwright.backends.cpu.toolchain import library
from cellwright.backends.cpu.writer import Writer
from cellwright.compiler.dims import ZERO, Dim
from cellwright.compiler.fuse import Group, schedule
from cellwright.compiler.graph import Graph
from cellwright.compiler.hoist import Hoisted
from cellwright.compiler.places import Recurrence, width
from cellwright.compiler.show import equations
from cellwright.compiler.single import SingleStep, single_step

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class StepProgram:
    """The text of one step, and how to call it: what it is handed, in order.

    `weights` are positions in the hoisted graph; `inputs` and `states` names; `widths` are those of the
    inputs' and then the states' rows.
    """

    hoisted: Hoisted
    letters: tuple[str, ...]
    weights: tuple[int, ...]
    inputs: tuple[str, ...]
    states: tuple[str, ...]
    widths: tuple[Dim, ...]
    scratch: Dim
    text: str


@lru_cache(maxsize=256)
def emit_step(graph: Graph) -> StepProgram:
    """Everything a step of a graph needs to run here."""
    single = single_step(graph)
    widths = _widths(single, graph)
    letters = letters_of([*widths.values(), *(d for n in single.hoisted.graph.nodes for d in n.shape)])
    # A step alone: nothing is done for many steps at once, nothing goes back.
    alone = Recurrence(single.routine, single.routine, (), ZERO, ZERO, ZERO)
    chunks = forward_chunks(single.hoisted, alone)
    writer = _StepWriter(single.routine, schedule(single.routine), widths, letters, (), ZERO, chunks)
    writer.inputs = [word(n.name) for n in graph.inputs]
    writer.carried = [word(n.name) for n in graph.states]
    read = {place.array for place in single.routine.loads.values() if place.kind == "fixed"}
    fixed = [o for o in single.hoisted.outside if o.kind == "parameter" and o.name in read]
    writer.fixed = [(field(o.name), widths.get(o.name)) for o in fixed]
    return StepProgram(
        single.hoisted,
        letters,
        tuple(o.position for o in fixed),
        tuple(n.name for n in graph.inputs),
        tuple(n.name for n in graph.states),
        tuple(width(n) for n in (*graph.inputs, *graph.states)),
        writer.body.scratch,
        "\n".join([*_header(graph), "", writer.text()]),
    )


def _header(graph: Graph) -> list[str]:
    said = [f"{graph.name}: one step.", "Emitted by Cellwright; do not edit."]
    said += [f"graph {graph.fingerprint}", "", *equations(graph).splitlines()]
    return [f"// {line}".rstrip() for line in said]


def _widths(single: SingleStep, graph: Graph) -> dict[str, Dim]:
    """The width of a row of every array; matrices have none."""
    widths = {n.name: width(n) for n in graph.inputs}
    for node in graph.states:
        widths |= {f".given {node.name}": width(node), f".left {node.name}": width(node)}
    fixed = {n.name: n for n in single.hoisted.step.nodes if n.op == "parameter"}
    return widths | {name: width(node) for name, node in fixed.items() if len(node.shape) < 2}


class _StepWriter(Writer):
    """The text of a step. `fixed`: weights with the width of a vector, None for a matrix."""

    between = ()
    inputs: list[str]
    carried: list[str]
    fixed: list[tuple[str, Dim | None]]

    def _arrays(self) -> tuple[str, ...]:
        used = [p.array for p in self.routine.loads.values()] + [p.array for _, p in self.routine.stores]
        return tuple(dict.fromkeys([*(field(a) for a in used), "scratch", "panels"]))

    def text(self) -> str:
        stages = [self._stage(s, stage) for s, stage in enumerate(self.plan.stages)]
        return "\n".join([self._own_struct(), self._panels(), *stages, self._prepare(), self._entry()])

    def _call(self, group: Group) -> list[str]:
        """The call of a product of one row or several; one goes forth and back, by the number of the step."""
        first, call, *rest = super()._call(group)
        return [first, call.replace("product<", "row_product<").replace("share,", "share, step,"), *rest]

    def _own_struct(self) -> str:
        rows = [*self.inputs, *(f"{end}_{s}" for s in self.carried for end in ("given", "left"))]
        fields = [f"  int64_t {', '.join(self.letters)};"] if self.letters else []
        fields += [f"  real* {a};" for a in dict.fromkeys([*rows, *self.arrays])]
        fields += [f"  real* panel_{k};" for k in range(len(self.groups))]
        return "// What a step works on.\nstruct Step {\n" + "\n".join(fields) + "\n};\n"

    def _prepare(self) -> str:
        sizes = [f"  all.{letter} = sizes[{k}];" for k, letter in enumerate(self.letters)]
        given = [f"  all.{name} = (real*)weights[{k}];" for k, (name, _) in enumerate(self.fixed)]
        moved = [f"  at = moved(&all.{name}, {size_text(d)}, at, memory);" for name, d in self.fixed if d]
        return _PREPARE.format(sizes="\n".join(sizes), given="\n".join(given), moved="\n".join(moved))

    def _entry(self) -> str:
        inputs = [f"  all.{name} = (real*)given[{k}];" for k, name in enumerate(self.inputs)]
        first = len(self.inputs)
        states = [
            f"  all.given_{name} = (real*)given[{first + k}], all.left_{name} = (real*)left[{k}];"
            for k, name in enumerate(self.carried)
        ]
        calls = [f"  {call}" for call in self._stages_called()]
        return _ENTRY.format(given="\n".join(inputs + states), calls="\n".join(calls))


_PREPARE = """\
// Vectors lie after the panels.
static real* moved(real** vector, int64_t size, real* at, const void* memory) {{
  if (memory) memcpy(at, *vector, size * sizeof(real));
  *vector = at;
  return at + (size + L - 1) / L * L;
}}

// Lay out what every step reads: the struct, packed matrices, vectors. Without memory: only count its bytes.
extern "C" int64_t prepare(const int64_t* sizes, const void* const* weights, void* memory) {{
  Step all = {{}};
{sizes}
{given}
  all.panels = (real*)((char*)memory + (sizeof(Step) + 63) / 64 * 64);
  real* at = all.panels + place_panels(all);
  if (memory) step_panels(&all, 0, 1);
{moved}
  if (memory) memcpy(memory, &all, sizeof(Step));
  return (char*)at - (char*)memory;
}}
"""

_ENTRY = """\
// One step of some rows: given holds the inputs and then the states, left takes the new states.
extern "C" void step(const void* memory, const void* const* given, void* const* left, void* scratch,
                     const int32_t* rows, int64_t count, int64_t turn) {{
  NoDenormals quiet;
  Step all = *(const Step*)memory;
{given}
  all.scratch = (real*)scratch;
  const Share share = {{rows, count, 0, 1}};
  const int64_t step = turn;
  real* const sums = 0;
{calls}
}}
"""


class StepKernel:
    """A built step for one type of numbers."""

    def __init__(self, graph: Graph, dtype: torch.dtype) -> None:
        self.program, self.dtype = emit_step(graph), dtype
        defines = ("-DDOUBLE",) if dtype == torch.float64 else ()
        names = ("vector.h", "half.h", "product.h", "row.h")
        prelude = "#define STREAMED\n" + "".join((_HERE / name).read_text() for name in names)
        built = library(prelude + self.program.text, f"{word(graph.name)}-step", defines)
        self.step = ctypes.cast(built.step, ctypes.c_void_p).value or 0
        self._prepare = built.prepare
        self._prepare.restype = ctypes.c_int64

    def pack(
        self, weights: Mapping[str, Tensor], sizes: Mapping[str, int], memory: Tensor | None = None
    ) -> Tensor:
        """The step's own copy of the weights, as bytes; into `memory` where it is given.

        Args:
            weights: by name, as the equations have them.
            sizes: the letters' values.
            memory: what an earlier call with the same sizes returned.
        """
        values = Values(self.program.hoisted.graph, weights, lambda: sizes)
        with torch.no_grad():
            fixed = [values[k].to(self.dtype).contiguous() for k in self.program.weights]
        numbers = (ctypes.c_int64 * max(1, len(self.program.letters)))(
            *(sizes.get(letter, 0) for letter in self.program.letters)
        )
        pointers = (ctypes.c_void_p * max(1, len(fixed)))(*(value.data_ptr() for value in fixed))
        if memory is None:
            size = self._prepare(numbers, pointers, None)
            memory = torch.zeros(size, dtype=torch.uint8, device="cpu")
        self._prepare(numbers, pointers, ctypes.c_void_p(memory.data_ptr()))
        return memory


@lru_cache(maxsize=256)
def step_kernel(graph: Graph, dtype: torch.dtype) -> StepKernel:
    """The built step of a graph; ToolchainError when it cannot be built."""
    return StepKernel(graph, dtype)
