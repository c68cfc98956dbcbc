"""A recurrence as C++: both routines, their loops over time, and the two entries that ctypes calls. Floor 2.

The text is meant to be read: gates have their names, the equations stand at the top. It is the same for every
size, type and machine; `vector.h` and `product.h` give it vectors and matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from cellwright.backends.cpu.body import Body
from cellwright.backends.cpu.names import field, letters_of, size_text, word
from cellwright.compiler.dims import ONE, Dim
from cellwright.compiler.fuse import Group, Schedule, Stage, schedule
from cellwright.compiler.graph import Graph
from cellwright.compiler.hoist import Hoisted, hoist
from cellwright.compiler.places import Recurrence, Routine, width
from cellwright.compiler.routine import make_recurrence
from cellwright.compiler.show import equations

NUMBERS = ("T", "B", "ring", "keep", "threads")


@dataclass(frozen=True)
class Entry:
    """One entry of the library: the arrays it takes, in order; the width of a row of scratch."""

    name: str
    arrays: tuple[str, ...]
    scratch: Dim


@dataclass(frozen=True)
class Program:
    """All that is derived from a graph: the plan, the text, and how to call it."""

    hoisted: Hoisted
    recurrence: Recurrence
    letters: tuple[str, ...]
    forward: Entry
    backward: Entry
    text: str


@lru_cache(maxsize=256)
def emit(graph: Graph) -> Program:
    """Everything a graph needs to run here."""
    hoisted = hoist(graph)
    made = make_recurrence(hoisted)
    widths = _widths(hoisted, made)
    letters = letters_of([*widths.values(), *(d for n in hoisted.graph.nodes for d in n.shape)])
    states = tuple(n.name for n in hoisted.step.states)
    texts, entries = [], []
    for routine in (made.forward, made.backward):
        writer = _Writer(routine, schedule(routine), widths, letters, states, made.sums)
        texts.append(writer.text())
        entries.append(Entry(routine.name, writer.arrays, writer.body.scratch))
    head = [f"// {line}".rstrip() for line in _header(graph)]
    text = "\n".join([*head, "", _COMMON, *texts])
    return Program(hoisted, made, letters, entries[0], entries[1], text)


def _header(graph: Graph) -> list[str]:
    return [
        f"{graph.name}: one step forward and one step back, carried through time.",
        "Emitted by Cellwright; do not edit.",
        f"graph {graph.fingerprint}",
        "",
        *equations(graph).splitlines(),
    ]


def _widths(hoisted: Hoisted, made: Recurrence) -> dict[str, Dim]:
    """The width of a row of every array."""
    widths: dict[str, Dim] = {b.array: b.width for b in made.blocks}
    nodes = {(n.op, n.name): n for n in hoisted.step.nodes}
    for state in hoisted.step.states:
        size = width(state)
        widths |= {state.name: size, f".carry {state.name}": size}
    widths[".dy"] = width(hoisted.step.states[0])
    for o in hoisted.outside:
        node = nodes[("parameter" if o.kind == "parameter" else "input", o.name)]
        if len(node.shape) < 2:
            widths[o.name] = width(node)
    return widths | {".kept": made.kept, ".d": made.d}


_COMMON = """\
typedef void (*Run)(void (*task)(void* data, int part, int parts), void* data, int n);

// The rows of thread `part`: the longest sequences first.
template <class All> INLINE Share share_of(const All& all, int part) {
  const int64_t begin = all.B * part / all.threads, end = all.B * (part + 1) / all.threads;
  return {all.rows + begin, end - begin, 0, 1};
}
template <class All> INLINE int64_t steps_of(const All& all, int64_t row) {
  return all.lengths ? all.lengths[row] : all.T;
}

// A state before a step: its history one step earlier, or the initial state.
// The history of all but the output is a ring of two steps (`ring` = 1) where no way back follows.
INLINE const real* previous(const real* history, const real* start, int64_t step, int64_t row, int64_t B,
                            int64_t size, int64_t ring) {
  return step == 0 ? start + row * size : history + (((step - 1) & ring) * B + row) * size;
}
"""


class _Writer:
    """The text of one routine."""

    def __init__(
        self,
        routine: Routine,
        plan: Schedule,
        widths: dict[str, Dim],
        letters: tuple[str, ...],
        states: tuple[str, ...],
        sums: Dim,
    ) -> None:
        self.sums_width = sums
        self.routine, self.plan, self.letters, self.states = routine, plan, letters, states
        self.widths = {**widths, ".scratch": ONE}
        self.body = Body(routine, plan, self.widths, states)
        self.widths[".scratch"] = self.body.scratch
        self.name, self.type = routine.name, routine.name.capitalize()
        self.groups = [g for stage in plan.stages for g in stage.groups]
        self.arrays = self._arrays()

    def _arrays(self) -> tuple[str, ...]:
        """Every array the entry is handed, in order."""
        used = [p.array for p in self.routine.loads.values()] + [p.array for _, p in self.routine.stores]
        names = list(dict.fromkeys(field(a) for a in used))
        extra = [f"{word(s)}_0" for s in self.states]
        if self.name == "forward":
            extra += [word(s) for s in self.states] + [f"{word(s)}_last" for s in self.states]
        else:
            extra += [f"{end}_{word(s)}" for s in self.states for end in ("carry", "given", "left")] + ["dy"]
            extra += ["sums", "totals"]
        return tuple(dict.fromkeys([*names, *extra, "scratch", "panels"]))

    def text(self) -> str:
        parts = [self._struct(), self._panels()]
        parts += [self._stage(s, stage) for s, stage in enumerate(self.plan.stages)]
        parts += [self._over_time(), self._entry()]
        return "\n".join(parts)

    def _struct(self) -> str:
        fields = [f"  int64_t {', '.join(NUMBERS)};"]
        if self.letters:
            fields.append(f"  int64_t {', '.join(self.letters)};")
        fields += ["  const int32_t* rows;", "  const int64_t* lengths;"]
        fields += [f"  {'double' if a == 'totals' else 'real'}* {a};" for a in self.arrays]
        fields += [f"  real* panel_{k};" for k in range(len(self.groups))]
        return (
            f"// What one call of {self.name} works on.\nstruct {self.type} {{\n"
            + "\n".join(fields)
            + "\n};\n"
        )

    def _group_sizes(self, group: Group) -> tuple[int, str, str, list[str]]:
        """gates, blocks, units per block, widths of the operands per block."""
        nodes = self.routine.nodes
        gates = len(group.outputs)
        if group.op == "blocks":
            count, rows, columns = nodes[group.matrices[0][0]].shape
            return gates, size_text(count), size_text(rows), [size_text(columns)]
        units = size_text(nodes[group.outputs[0]].shape[0])
        return gates, "1", units, [size_text(nodes[o].shape[0]) for o in group.operands]

    def _panels(self) -> str:
        """Where each product's packed matrix lies, and how it is packed."""
        sizes, packs = [], []
        for k, group in enumerate(self.groups):
            gates, blocks, units, widths = self._group_sizes(group)
            sizes.append(
                f"  all.panel_{k} = at;\n"
                f"  at += panel_size<{gates}>({blocks}, {units}, {' + '.join(widths)});"
            )
            fields, turned = [], []
            for row in group.matrices:
                for m in row:
                    node = self.routine.nodes[m]
                    flipped = node.op in ("transpose", "turn_blocks")
                    leaf = node.operands[0] if flipped else m
                    fields.append(f"all.{field(self.routine.loads[leaf].array)}")
                    turned.append("true" if flipped else "false")
            packs.append(
                f"  {{\n    const int64_t widths[] = {{{', '.join(widths)}}};\n"
                f"    const real* matrices[] = {{{', '.join(fields)}}};\n"
                f"    const bool turned[] = {{{', '.join(turned)}}};\n"
                f"    pack<{gates}>(all.panel_{k}, {blocks}, {units}, {len(widths)}, widths, matrices,"
                " turned);\n"
                "  }"
            )
        return (
            f"static int64_t place_panels({self.type}& all) {{\n  real* at = all.panels;\n"
            + "".join(f"{s}\n" for s in sizes)
            + "  return at - all.panels;\n}\n"
            + f"static void pack_panels(const {self.type}& all) {{\n"
            + "".join(f"{p}\n" for p in packs)
            + "}\n"
        )

    def _stage(self, s: int, stage: Stage) -> str:
        self.body.declared.clear()
        lines: list[str] = []
        if stage.hot:
            lines += self._hot(s, stage)
        elif stage.loops:
            lines.append("for (int64_t n = 0; n < share.count; n++) {")
            lines.append("  const int64_t row = share.rows[n];")
            for at, loop in enumerate(stage.loops):
                lines += [f"  {line}" for line in self.body.loop(loop, s, at)]
            lines.append("}")
        following_hot = s + 1 < len(self.plan.stages) and self.plan.stages[s + 1].hot
        if not following_hot:
            for group in stage.groups:
                lines += self._cold_product(group)
        if not lines:
            return ""
        arguments = f"const {self.type}& all, int64_t step, const Share& share, real* sums"
        head = f"static void {self.name}_{s}({arguments}) {{"
        return "\n".join([head, *(f"  {line}" for line in lines), "}", ""])

    def _call(self, group: Group) -> list[str]:
        gates, blocks, units, widths = self._group_sizes(group)
        number = next(k for k, g in enumerate(self.groups) if g is group)
        return [
            f"const int64_t widths_{number}[] = {{{', '.join(widths)}}};",
            f"product<{gates}>(all.panel_{number}, {blocks}, {units}, widths_{number}, share,",
            f"  [&](int term, int64_t row) -> const real* {{ return {self._operands(group)}; }},",
        ]

    def _operands(self, group: Group) -> str:
        texts = [f"({self.body.pointer(o)})" for o in group.operands]
        text = texts[-1]
        for term in range(len(texts) - 2, -1, -1):
            text = f"term == {term} ? {texts[term]}\n      : {text}"
        return text

    def _cold_product(self, group: Group) -> list[str]:
        lines = self._call(group)
        lines.append("  [&](int64_t row, int64_t unit, auto count, const V* result) {")
        for gate, k in enumerate(group.outputs):
            lines += [f"    {line}" for line in self.body.put_result(k, f"result[{gate}]")]
        return [*lines, "  });"]

    def _hot(self, s: int, stage: Stage) -> list[str]:
        group = self.plan.stages[s - 1].groups[0]
        given = {k: f"result[{gate}]" for gate, k in enumerate(group.outputs)}
        pointers, body = self.body.vector_body(stage.loops[0].vectors[0][1], (s, 0), given)
        lines = self._call(group)
        lines.append("  [&](int64_t row, int64_t unit, auto count, const V* result) {")
        return [*lines, *(f"    {line}" for line in (*pointers, *body)), "  });"]

    def _stages_called(self) -> list[str]:
        names = []
        for s, stage in enumerate(self.plan.stages):
            following_hot = s + 1 < len(self.plan.stages) and self.plan.stages[s + 1].hot
            if stage.hot or stage.loops or (stage.groups and not following_hot):
                names.append(f"{self.name}_{s}(all, step, share, sums);")
        return names

    def _over_time(self) -> str:
        calls = "\n    ".join(self._stages_called())
        return _forward_time(self, calls) if self.name == "forward" else _backward_time(self, calls)

    def _entry(self) -> str:
        numbers = [f"  all.{n} = numbers[{k}];" for k, n in enumerate((*NUMBERS, *self.letters))]
        arrays = [
            f"  all.{a} = ({'double' if a == 'totals' else 'real'}*)arrays[{k + 2}];"
            for k, a in enumerate(self.arrays)
        ]
        return _ENTRY.format(
            type=self.type,
            name=self.name,
            numbers="\n".join(numbers),
            arrays="\n".join(arrays),
        )


def _forward_time(w: _Writer, calls: str) -> str:
    ends = []
    for state in w.states:
        name, size = word(state), size_text(w.widths[state])
        ends.append(
            f"    memcpy(all.{name}_last + row * ({size}), "
            f"previous(all.{name}, all.{name}_0, steps_of(all, row), row, all.B, {size}, "
            f"{'-1' if state == w.states[0] else 'all.ring'}), ({size}) * sizeof(real));"
        )
    return f"""\
static void forward_through_time(void* data, int part, int parts) {{
  const Forward& all = *(const Forward*)data;
  NoDenormals quiet;
  const Share mine = share_of(all, part);
  Share share = mine;
  real* const sums = 0;
  for (int64_t step = 0; step < all.T; step++) {{
    while (share.count > 0 && steps_of(all, share.rows[share.count - 1]) <= step) share.count--;
    if (share.count == 0) break;
    {calls}
  }}
  for (int64_t n = 0; n < mine.count; n++) {{
    const int64_t row = mine.rows[n];
{chr(10).join(ends)}
  }}
}}
"""


def _backward_time(w: _Writer, calls: str) -> str:
    begins, ends = [], []
    for state in w.states:
        name, size = word(state), size_text(w.widths[state])
        bytes_ = f"({size}) * sizeof(real)"
        begins.append(
            f"      memcpy(all.carry_{name} + ((step & 1) * all.B + row) * ({size}), "
            f"all.given_{name} + row * ({size}), {bytes_});"
        )
        ends.append(
            f"    memcpy(all.left_{name} + row * ({size}), steps_of(all, row)\n"
            f"               ? all.carry_{name} + (all.B + row) * ({size})\n"
            f"               : all.given_{name} + row * ({size}), {bytes_});"
        )
    from_dim = size_text(w.sums_width)
    return f"""\
static void backward_through_time(void* data, int part, int parts) {{
  const Backward& all = *(const Backward*)data;
  NoDenormals quiet;
  const Share mine = share_of(all, part);
  Share share = mine;
  const int64_t size = {from_dim};
  real* const sums = all.sums + part * size;
  double* const totals = all.totals + part * size;
  memset(sums, 0, size * sizeof(real));
  memset(totals, 0, size * sizeof(double));
  share.count = 0;
  for (int64_t step = all.T - 1; step >= 0; step--) {{
    while (share.count < mine.count && steps_of(all, mine.rows[share.count]) > step) {{
      const int64_t row = mine.rows[share.count++];
{chr(10).join(begins)}
    }}
    if (share.count == 0) continue;
    {calls}
    if (step % 32 == 0)
      for (int64_t k = 0; k < size; k++) totals[k] += sums[k], sums[k] = 0;
  }}
  for (int64_t n = 0; n < mine.count; n++) {{
    const int64_t row = mine.rows[n];
{chr(10).join(ends)}
  }}
}}
"""


_ENTRY = """\
static void read_{name}({type}& all, const int64_t* numbers, void* const* arrays) {{
{numbers}
  all.rows = (const int32_t*)arrays[0];
  all.lengths = (const int64_t*)arrays[1];
{arrays}
}}
// The reals that the packed matrices take.
extern "C" int64_t {name}_panels(const int64_t* numbers, void* const* arrays) {{
  {type} all;
  read_{name}(all, numbers, arrays);
  return place_panels(all);
}}
extern "C" void {name}(const int64_t* numbers, void* const* arrays, Run run) {{
  {type} all;
  read_{name}(all, numbers, arrays);
  place_panels(all);
  pack_panels(all);
  run({name}_through_time, &all, (int)all.threads);
}}
"""
