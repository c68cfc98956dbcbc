"""The C++ text of one routine: its arrays, its stages and their products. Floor 2."""

from __future__ import annotations

from cellwright.backends.cpu.body import Body
from cellwright.backends.cpu.chunks import Chunks, Packing, room_text
from cellwright.backends.cpu.loops import NUMBERS, backward_time, entry, forward_time, type_of
from cellwright.backends.cpu.names import field, size_text, word
from cellwright.compiler.dims import ONE, Dim
from cellwright.compiler.fuse import Group, Schedule, Stage
from cellwright.compiler.places import Routine


class Writer:
    """The text of one routine. `between`: what threads that share the rows' units do between stages."""

    between: tuple[str, ...] = ("wait_for_all(all, share);",)

    def __init__(
        self,
        routine: Routine,
        plan: Schedule,
        widths: dict[str, Dim],
        letters: tuple[str, ...],
        states: tuple[str, ...],
        sums: Dim,
        chunks: Chunks,
    ) -> None:
        self.sums_width, self.chunks = sums, chunks
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
        extra = [f"{word(s)}_{start}" for s in self.states for start in ("0", "fresh")]
        if self.name == "forward":
            extra += [word(s) for s in self.states] + [f"{word(s)}_last" for s in self.states]
        else:
            extra += [
                f"{end}_{word(s)}" for s in self.states for end in ("carry", "given", "left", "left_fresh")
            ]
            extra += ["dy"]
            extra += ["sums", "totals"]
        return tuple(
            dict.fromkeys([*names, *self.chunks.arrays, *extra, "scratch", "room", "panels", "gate"])
        )

    def text(self) -> str:
        packings, own = self._packings(), len(self.groups)
        parts = [
            self._struct(),
            self._panels(),
            room_text(self.type, packings, own, self.chunks),
            *self.chunks.text(self.body, len(self.groups)),
        ]
        parts += [self._stage(s, stage) for s, stage in enumerate(self.plan.stages)]
        parts += [self._over_time(), entry(self.name, self.type, self.letters, self.arrays, self.chunks)]
        return "\n".join(parts)

    def _struct(self) -> str:
        fields = [f"  int64_t {', '.join(NUMBERS)};"]
        if self.letters:
            fields.append(f"  int64_t {', '.join(self.letters)};")
        fields += ["  const int32_t* rows;", "  const int64_t* lengths;", "  const uint8_t* resets;"]
        fields += ["  int64_t pile, room_each;" if self.name == "backward" else "  int64_t room_each;"]
        fields += [f"  {type_of(a)}* {a};" for a in self.arrays]
        fields += [f"  real* panel_{k};" for k in range(len(self._packings()))]
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

    def _packings(self) -> list[Packing]:
        """Each group of products' matrices, then those of the chunk's products."""
        found = []
        for group in self.groups:
            gates, blocks, units, widths = self._group_sizes(group)
            matrices, turned = [], []
            for m in (m for row in group.matrices for m in row):
                node = self.routine.nodes[m]
                flipped = node.op in ("transpose", "turn_blocks")
                leaf = node.operands[0] if flipped else m
                matrices.append(f"all.{field(self.routine.loads[leaf].array)}")
                turned.append(flipped)
            found.append(Packing(gates, blocks, units, tuple(widths), tuple(matrices), tuple(turned)))
        return [*found, *self.chunks.packings]

    def _panels(self) -> str:
        """Where each product's packed matrix lies, and how it is packed."""
        packings = self._packings()
        places = [line for k, p in enumerate(packings) for line in p.place(k)]
        packs = [line for k, p in enumerate(packings) for line in p.pack(k)]
        return "\n".join(
            [
                f"static int64_t place_panels({self.type}& all) {{",
                *("  real* at = all.panels;", *places, "  return at - all.panels;", "}"),
                f"static void {self.name}_panels(void* data, int part, int parts) {{",
                *(f"  const {self.type}& all = *(const {self.type}*)data;", *packs, "}\n"),
            ]
        )

    def _stage(self, s: int, stage: Stage) -> str:
        self.body.declared.clear()
        lines: list[str] = []
        if stage.hot:
            lines += self._hot(s, stage)
        elif stage.loops:
            lines.append("EACH_ROW(share) {")
            lines.append("  const int64_t row = share.rows[n];")
            for at, loop in enumerate(stage.loops):
                lines += [f"  {line}" for line in self.body.loop(loop, s, at)]
            lines.append("}")
        following_hot = s + 1 < len(self.plan.stages) and self.plan.stages[s + 1].hot
        if not following_hot and stage.groups:
            lines += self.between if lines else ()
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
                names += [f"{self.name}_{s}(all, step, share, sums);", *self.between]
        return names

    def _over_time(self) -> str:
        calls = "\n    ".join(self._stages_called())
        return (
            forward_time(self.states, self.widths, calls, self.chunks)
            if self.name == "forward"
            else backward_time(self.states, self.widths, calls, self.chunks, self.sums_width)
        )
