"""The C++ text of one stage's row work: loops over the units of a row. Floor 2."""

from __future__ import annotations

from collections.abc import Iterable

from cellwright.backends.cpu.names import field, names_of, size_text
from cellwright.backends.cpu.table import POINTWISE, REDUCTIONS
from cellwright.compiler.dims import ONE, ZERO, Dim
from cellwright.compiler.fuse import VIEWS, Loop, Schedule
from cellwright.compiler.inner_ops import ANY_LEAF, reads
from cellwright.compiler.ops import COMPARISONS
from cellwright.compiler.places import Place, Routine, width


class Body:
    """Texts of one routine; `widths` gives every array's row width."""

    def __init__(
        self, routine: Routine, plan: Schedule, widths: dict[str, Dim], states: tuple[str, ...]
    ) -> None:
        self.routine, self.plan, self.nodes, self.widths = routine, plan, routine.nodes, widths
        self.states, self.rings = frozenset(states), frozenset(states[1:])
        self.declared: set[str] = set()
        self.names = names_of(routine.nodes)
        self.stores: dict[int, list[Place]] = {}
        for k, place in routine.stores:
            self.stores.setdefault(k, []).append(place)
        self.sums: dict[int, list[Dim]] = {}
        for k, offset in routine.sums:
            self.sums.setdefault(k, []).append(offset)
        self.users: dict[int, list[int]] = {}
        for k, node in enumerate(self.nodes):
            for o in reads(node.op, node.operands):
                self.users.setdefault(o, []).append(k)
        self.scratch = ZERO
        self.slot: dict[int, Dim] = {}
        for k in sorted(plan.memory):
            if self._home(k) is None and self.nodes[k].op not in VIEWS:
                self.slot[k] = self.scratch
                self.scratch = self.scratch + width(self.nodes[k])

    def _home(self, k: int) -> Place | None:
        """The array a value in memory lies in anyway."""
        homes = [p for p in self.stores.get(k, []) if p.array != ".kept"]
        return homes[0] if homes else None

    def address(self, place: Place) -> str:
        """The row of an array at this step and row."""
        array = f"all.{field(place.array)}"
        size = size_text(self.widths.get(place.array, ONE))
        offset = "" if place.offset == ZERO else f" + {size_text(place.offset)}"
        if place.kind == "fixed":
            return array + offset
        if place.kind == "previous":
            ring = "all.ring" if place.array in self.rings else "-1"
            return f"before(all, {array}, {array}_0, {array}_fresh, step, row, {size}, {ring}){offset}"
        turn = {"carry_in": "(step & 1)", "carry_out": "((step + 1) & 1)", "row": "0"}.get(place.kind, "step")
        if place.kind == "ring":
            turn = "(step & (all.chunk - 1))"
        if place.kind == "step" and place.array in self.rings:
            turn = "(step & all.ring)"
        if self.routine.name == "forward" and place.array.startswith(".feed"):
            turn = "(step & all.window)"
        line = "row" if turn == "0" else f"({turn} * all.B + row)"
        return f"{array} + {line} * ({size}){offset}"

    def pointer(self, k: int) -> str:
        """Where a value's row begins, for one that lies in memory."""
        node = self.nodes[k]
        if node.op in ANY_LEAF:
            return self.address(self.routine.loads[k])
        if node.op in VIEWS:
            return f"{self.pointer(node.operands[0])} + {size_text(self._view_offset(k))}"
        home = self._home(k)
        return self.address(home if home is not None else Place(".scratch", "row", self.slot[k]))

    def _view_offset(self, k: int) -> Dim:
        node = self.nodes[k]
        index = int(node.attribute("index"))
        if node.op == "part":
            return node.shape[0].scaled(index)  # type: ignore[arg-type]
        before = ZERO
        for like in node.operands[1 : 1 + index]:
            before = before + self.nodes[like].shape[0]
        return before

    def loop(self, loop: Loop, stage: int, at: int) -> list[str]:
        """One pass over a row."""
        out: list[str] = []
        for k in loop.scalars:
            out += [self._scalar(k, stage), *self._put_scalar(k)]
        for k in loop.whole:
            out += self._whole(k)
        for dim, members in loop.vectors:
            out += self._vectors(dim, members, (stage, at))
        return out

    def _vectors(self, dim: Dim, members: tuple[int, ...], here: tuple[int, int]) -> list[str]:
        folds = [k for k in members if self.nodes[k].op in REDUCTIONS]
        before = [f"V fold_{k} = splat({REDUCTIONS[self.nodes[k].op].neutral});" for k in folds]
        pointers, lines = self.vector_body(members, here, {})
        loop = [f"each_vector({size_text(dim)}, [&](int64_t unit, auto count) {{"]
        loop += [f"  {line}" for line in lines] + ["});"]
        after = []
        for k in folds:
            size = size_text(dim)
            end = REDUCTIONS[self.nodes[k].op].end.format(f"fold_{k}", size=size)
            after.append(f"const V {self.names[k]} = splat({end});")
            after += self._put_scalar(k)
        return [*pointers, *before, *loop, *after]

    def vector_body(
        self, members: tuple[int, ...], here: tuple[int, int], given: dict[int, str]
    ) -> tuple[list[str], list[str]]:
        """Pointers to set up, and the lines for one vector of units; `given` are values that are there."""
        pointers: dict[str, str] = {}
        lines: list[str] = []
        local = dict(given)
        for k in members:
            for o in reads(self.nodes[k].op, self.nodes[k].operands):
                self._fetch(o, here, members, local, pointers, lines)
            if self.nodes[k].op in REDUCTIONS:
                row = REDUCTIONS[self.nodes[k].op]
                value = f"only({self._operand(self.nodes[k].operands[0], local, True)}, count, {row.neutral})"
                lines.append(f"fold_{k} = {row.turn.format(f'fold_{k}', value)};")
                continue
            text = self._expression(k, local)
            if self._inline(k, members):
                local[k] = f"({text})" if POINTWISE[self.nodes[k].op].infix else text
                continue
            lines.append(f"const V {self.names[k]} = {text};")
            local[k] = self.names[k]
            lines += self._put_vector(k, local[k], pointers)
        for k, name in given.items():
            if k in self.plan.memory or k in self.stores:
                lines += self._put_vector(k, name, pointers)
        fresh = {name: text for name, text in pointers.items() if name not in self.declared}
        self.declared |= set(fresh)
        return [f"real* const {name} = (real*)({text});" for name, text in fresh.items()], lines

    def _fetch(
        self,
        o: int,
        here: tuple[int, int],
        members: tuple[int, ...],
        local: dict[int, str],
        pointers: dict[str, str],
        lines: list[str],
    ) -> None:
        """Make an operand's value ready: it is local, a number, a scalar of the row, or is loaded."""
        node = self.nodes[o]
        if o in local or o in members:
            return
        if node.op == "constant":
            local[o] = _number(node.attribute("value"))
        elif node.op in COMPARISONS:
            for k in node.operands:
                self._fetch(k, here, members, local, pointers, lines)
            local[o] = f"({self._expression(o, local)})"
        elif node.op == "size":
            local[o] = f"splat((real)({size_text(self.nodes[node.operands[0]].shape[0])}))"
        elif node.shape == () and node.op not in ANY_LEAF and self.plan.where[o][0] == here[0]:
            local[o] = self.names[o]
        else:
            pointer = f"at_{self.names[o]}"
            pointers.setdefault(pointer, self.pointer(o))
            text = f"load({pointer} + unit, count)" if node.shape else f"splat(*{pointer})"
            lines.append(f"const V {self.names[o]} = {text};")
            local[o] = self.names[o]

    def _inline(self, k: int, members: Iterable[int]) -> bool:
        """An unnamed value with one reader in the same loop is written where it is read."""
        users = self.users.get(k, [])
        stored = k in self.stores or k in self.sums or k in self.plan.memory
        return not self.nodes[k].name and len(users) == 1 and users[0] in members and not stored

    def _operand(self, o: int, local: dict[int, str], as_vector: bool) -> str:
        text = local[o]
        is_number = self.nodes[o].op == "constant"
        return f"splat({text})" if is_number and as_vector else text

    def _expression(self, k: int, local: dict[int, str]) -> str:
        node = self.nodes[k]
        row = POINTWISE[node.op]
        operands = reads(node.op, node.operands)
        numbers = all(self.nodes[o].op == "constant" for o in operands)
        vector = not row.infix or node.op == "where" or numbers
        return row.text.format(*(self._operand(o, local, vector) for o in operands))

    def _scalar(self, k: int, stage: int) -> str:
        """The text of one scalar of the row."""
        return f"const V {self.names[k]} = {self._scalar_text(k, stage)};"

    def _scalar_text(self, k: int, stage: int) -> str:
        node = self.nodes[k]
        texts = [self._scalar_operand(o, stage) for o in reads(node.op, node.operands)]
        return POINTWISE[node.op].text.format(*texts)

    def _scalar_operand(self, o: int, stage: int) -> str:
        node = self.nodes[o]
        if node.op == "constant":
            return f"splat({_number(node.attribute('value'))})"
        if node.op in COMPARISONS:
            return f"({self._scalar_text(o, stage)})"
        if node.op == "size":
            return f"splat((real)({size_text(self.nodes[node.operands[0]].shape[0])}))"
        if node.op not in ANY_LEAF and self.plan.where[o][0] == stage:
            return self.names[o]
        return f"splat(*(real*)({self.pointer(o)}))"

    def _put_scalar(self, k: int) -> list[str]:
        name, out = self.names[k], []
        for text in self._targets(k):
            out.append(f"{text[0]}*({text[1]}) = {name}[0];")
        out += [f"sums[{size_text(offset)}] += {name}[0];" for offset in self.sums.get(k, [])]
        return out

    def _put_vector(self, k: int, name: str, pointers: dict[str, str]) -> list[str]:
        lines = []
        for number, (guard, text) in enumerate(self._targets(k)):
            pointer = f"to_{self.names[k]}" + (f"_{number + 1}" if number else "")
            pointers.setdefault(pointer, text)
            lines.append(f"{guard}store({pointer} + unit, {name}, count);")
        for offset in self.sums.get(k, []):
            lines.append(f"collect(sums + {size_text(offset)} + unit, {name}, count);")
        return lines

    def put_result(self, k: int, text: str) -> list[str]:
        """Store one vector of a product's result everywhere it goes."""
        return [
            f"{guard}store((real*)({address}) + unit, {text}, count);" for guard, address in self._targets(k)
        ]

    def _targets(self, k: int) -> list[tuple[str, str]]:
        """(guard, address) of every place a value goes to."""
        targets = []
        home = self._home(k) if k in self.plan.memory else None
        for place in self.stores.get(k, []):
            shown = place.array in self.states or place.array.startswith(".seen")
            kept = self.routine.name == "forward" and place != home and not shown
            targets.append(("if (all.keep) " if kept else "", self.address(place)))
        if k in self.slot:
            targets.append(("", self.pointer(k)))
        return targets

    def _whole(self, k: int) -> list[str]:
        """An operation on a whole row in memory."""
        node = self.nodes[k]
        if node.op in VIEWS:
            return []
        size, name = size_text(node.shape[0]), self.names[k]
        out = ["{", f"  real* to = (real*)({self.pointer(k)});"]
        if node.op in ("cumsum", "suffix_sum"):
            order = "int64_t u = 0; u < n; u++" if node.op == "cumsum" else "int64_t u = n - 1; u >= 0; u--"
            out += [
                f"  const real* from = (real*)({self.pointer(node.operands[0])});",
                f"  const int64_t n = {size};  // {name}",
                "  real running = 0;",
                f"  for ({order}) to[u] = running += from[u];",
            ]
        elif node.op == "concat":
            at = ZERO
            for o in node.operands:
                part = self.nodes[o].shape[0]
                bytes_ = f"({size_text(part)}) * sizeof(real)"
                out.append(f"  memcpy(to + {size_text(at)}, {self.pointer(o)}, {bytes_});")
                at = at + part
        else:
            part = self.nodes[node.operands[0]].shape[0]
            at = part.scaled(node.attribute("index"))
            out += [
                f"  memset(to, 0, ({size}) * sizeof(real));",
                f"  memcpy(to + {size_text(at)}, {self.pointer(node.operands[0])},",
                f"         ({size_text(part)}) * sizeof(real));",
            ]
        out.append("}")
        out += self._copies(k)
        return out

    def _copies(self, k: int) -> list[str]:
        size = f"({size_text(self.nodes[k].shape[0])}) * sizeof(real)"
        source = self.pointer(k)
        return [
            f"{guard}memcpy({text}, {source}, {size});" for guard, text in self._targets(k) if text != source
        ]


def _number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return {"inf": "INFINITY", "-inf": "-INFINITY"}.get(str(value), "NAN")
    return str(int(value)) if value == int(value) and abs(value) < 1e6 else f"(real){value!r}"
