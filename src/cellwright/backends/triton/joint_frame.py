"""What stands around a step whose units programs share: the loop over time, meetings, stores. Floor 2.

    program (row block, share of the units)    one launch for all steps, and a meeting of all after each stage
                                               or a launch for every stage of every step (`APART`)

States lie in memory twice, [2, B, size]: one is read while the other is written.
"""

from __future__ import annotations

from cellwright.backends.triton.body import placed
from cellwright.backends.triton.frame import TAB, Written, indented, state_dim, wrapped
from cellwright.backends.triton.joint_body import OTHER, TURN, JointBody, store_mask
from cellwright.backends.triton.names import dim_word, field, size_text
from cellwright.compiler.dims import Dim
from cellwright.compiler.graph import Node
from cellwright.compiler.places import width

FLAGS = (
    *("ROWS", "SHARES", "REAL", "HELD", "DOT", "PRECISION", "RAGGED", "RESETS", "KEEP"),
    *("DEPTH", "WIDE", "AHEAD", "PARTS", "APART"),
)
NUMBERS = ("T", "B", "FIRST", "COUNT", "BLOCK")


class JointFrame:
    """The text of one kernel around a body."""

    def __init__(self, body: JointBody, states: tuple[Node, ...], letters: tuple[str, ...]) -> None:
        self.body, self.states, self.letters = body, states, letters
        self.stages = body.stages
        self.places = placed(body.routine)
        # By stage: what others read, stored before they meet; what they do not, after it.
        self.told: list[list[str]] = [[] for _ in range(self.stages.count)]
        self.stored: list[list[str]] = [[] for _ in range(self.stages.count)]
        self._lay()

    def forward(self) -> Written:
        """All steps, first to last."""
        before, loop = [], ["step = n"]
        for state in self.states:
            name = field(state.name)
            before.append(f"{name}_now = {self._handed(state)}")
            fresh = self.body.load(f".fresh {state.name}", "rows", state_dim(state))
            loop += [f"{name}_prev = {name}_now", "if RESETS:"]
            loop.append(f"{TAB}{name}_prev = tl.where(anew, {fresh}, {name}_now)")
        names = {s.name: number for number, s in enumerate(self.states)}
        kept: list[tuple[int, str]] = []
        for k, places in self.places.items():
            level, dim = self.stages.level[k], self.body.size(k)
            for place in places:
                if place.array in names:
                    self._new_state(self.states[names[place.array]], k, names[place.array] == 0)
                    continue
                address = self.body.address(place.array, "at", dim, place.offset)
                text = f"tl.store({address}, {self._real(k)}, {store_mask(self.body, dim)})"
                if place.array.startswith(".seen"):
                    self.stored[level].append(text)
                else:
                    kept.append((level, text))
        for level in sorted({level for level, _ in kept}):
            # A kept value may lie where a feed lay: all threads must have read it before any writes.
            texts = ["tl.debug_barrier()", *(text for at, text in kept if at == level)]
            self.stored[level] += ["if KEEP:", *indented(texts)]
        return self._written("forward", before, loop, [])

    def backward(self, slots: list[tuple[int, Dim]]) -> Written:
        """All steps, last to first; `slots`: what is added up here, by its place in the sums."""
        body = self.body
        before, loop, after = [], ["step = T - 1 - n"], []
        for state in self.states:
            name = field(state.name)
            before.append(f"carry_{name} = {self._handed(state)}")
            before += ["if RESETS:", f"{TAB}sum_fresh_{name} = {self._zero(state_dim(state))}"]
            loop.append(f"d{name}_next = carry_{name}")
        for k, places in self.places.items():
            for place in places:
                self._gradient(k, place.array, place.offset, place.kind == "carry_out")
        for state in self.states:
            name, dim = field(state.name), state_dim(state)
            fresh = body.address(f".left_fresh {state.name}", "rows", dim)
            after += ["if RESETS:", TAB + self._added(fresh, f"sum_fresh_{name}", store_mask(body, dim))]
        sums: dict[int, list[str]] = {}
        for n, (k, offset) in enumerate(slots):
            dim, level = body.size(k), self.stages.level[k]
            before.append(f"sum_{n} = {self._zero(dim)}")
            self.stored[level].append(f"sum_{n} += {self._real(k)}")
            column = "tl.zeros([1, 1], tl.int32)" if dim is None else ""
            address = body.address(".totals", "block", dim, offset, column)
            inside = (
                f"in_{body.dim(dim)}" if dim is not None else "(tl.full([1, 1], 1, tl.int1) & (group == 0))"
            )
            total = f"tl.sum(sum_{n}, axis=0, keep_dims=True)"
            sums.setdefault(level, []).append(self._added(address, total, inside))
        after += [line for level, adds in sums.items() for line in (f"if DO_{level}:", *indented(adds))]
        return self._written("backward", before, loop, after)

    def _lay(self) -> None:
        """The stores of what others read of a step, and of what later launches do."""
        body = self.body
        for held, values in body.own_laid.items():
            for k in values:
                dim, kind = body.size(k), ".to(HELD)" if held else ""
                address = body.address(body.room(k, held), TURN, dim)
                text = f"tl.store({address}, {body.full(k, dim)}{kind}, {store_mask(body, dim)})"
                self.told[self.stages.level[k]].append(text)
        for k in self._handed_on():
            dim = body.size(k)
            address = body.address(body.apart(k), "rows", dim)
            store = f"tl.store({address}, {body.full(k, dim)}, {store_mask(body, dim)})"
            self.told[self.stages.level[k]] += ["if APART:", TAB + store]

    def _handed_on(self) -> list[int]:
        """Values that a later stage than their own reads; leaves are read again."""
        later = {
            k
            for stage, values in enumerate(self.body.reads_in)
            for k in values
            if k not in self.body.fetched and self.stages.level[k] < stage
        }
        return sorted(later)

    def _handed(self, state: Node) -> str:
        room, dim = self.body.made(f".now {state.name}", width(state)), state_dim(state)
        address = self.body.address(room, "(FIRST % 2 * B + rows)", dim)
        return f"tl.load({address}, {self.body.mask(dim, False)}, 0)"

    def _hand(self, state: Node, text: str) -> list[str]:
        """The lines that hand a state, or its gradient, to the next step."""
        body, dim = self.body, state_dim(state)
        mask = store_mask(body, dim)
        lines = [f"tl.store({body.address(f'.now {state.name}', OTHER, dim)}, {text}, {mask})"]
        room = f".next {state.name}"
        if room in body.rooms:
            lines.append(f"tl.store({body.address(room, OTHER, dim)}, {text}.to(HELD), {mask})")
        return lines

    def _new_state(self, state: Node, k: int, first: bool) -> None:
        body, name, dim, level = self.body, field(state.name), self.body.size(k), self.stages.level[k]
        text, mask = body.full(k, dim), store_mask(body, dim)
        self.told[level].append(f"{name}_now = tl.where(real, {text}, {name}_now)")
        self.told[level] += self._hand(state, f"{name}_now")
        address = body.address(state.name, "at", dim)
        if first:
            self.stored[level].append(f"tl.store({address}, tl.where(real, {text}, 0.0), {mask})")
        else:
            self.stored[level] += ["if KEEP:", f"{TAB}tl.store({address}, {name}_now, {mask})"]

    def _gradient(self, k: int, array: str, offset: Dim, carried: bool) -> None:
        body, dim, level = self.body, self.body.size(k), self.stages.level[k]
        if not carried:
            address = body.address(array, "at", dim, offset)
            store = f"tl.store({address}, {self._real(k)}, {store_mask(body, dim)})"
            self.stored[level].append(store)
            return
        state = next(s for s in self.states if s.name == array.removeprefix(".carry "))
        name = field(state.name)
        self.told[level] += [
            f"carry_{name} = tl.where(real, {body.full(k, dim)}, carry_{name})",
            "if RESETS:",
            f"{TAB}sum_fresh_{name} += tl.where(anew, carry_{name}, 0.0)",
            f"{TAB}carry_{name} = tl.where(anew, 0.0, carry_{name})",
            *self._hand(state, f"carry_{name}"),
        ]

    @staticmethod
    def _added(address: str, text: str, mask: str) -> str:
        """More of a sum: each launch adds its part."""
        return f"tl.store({address}, tl.load({address}, {mask}, 0) + {text}, {mask})"

    def _zero(self, dim: Dim | None) -> str:
        return f"tl.zeros([ROWS, {'1' if dim is None else f'P_{self.body.dim(dim)}'}], REAL)"

    def _real(self, k: int) -> str:
        """A value, 0 where a sequence has ended."""
        return f"tl.where(real, {self.body.full(k, self.body.size(k))}, 0.0)"

    def _steps(self) -> list[str]:
        """The stages of a step, and the meetings between them."""
        lines, seen, count = [], set(), self.stages.count
        for stage in range(count):
            read = sorted(self.body.reads_in[stage])
            first = [
                line for k in read if k in self.body.fetched and k not in seen for line in self.body.reload(k)
            ]
            again = [
                k for k in read if k in seen or (k not in self.body.fetched and self.stages.level[k] < stage)
            ]
            seen |= {k for k in read if k in self.body.fetched}
            if again:
                first += ["if APART:", *indented([line for k in again for line in self.body.reload(k)])]
            lines += [
                f"if DO_{stage}:",
                *indented([*first, *self.body.in_stage[stage], *self.told[stage]] or ["pass"]),
            ]
            if stage < count - 1 or self.stages.wrap:
                lines += ["if not APART:", f"{TAB}met += SHARES", f"{TAB}meet(met_ptr + block, met)"]
            if self.stored[stage]:
                lines += [f"if DO_{stage}:", *indented(self.stored[stage])]
        return lines

    def _written(self, name: str, before: list[str], loop: list[str], after: list[str]) -> Written:
        body = self.body
        stages = self._steps()
        step, rest = loop[0], loop[1:]
        whole = [
            step,
            "turn, other = n % 2, (n + 1) % 2",
            "at = step * batch + rows",
            "real = step < length",
            "if RESETS:",
            f"{TAB}anew = tl.load(resets_ptr + at, real, 0) != 0",
            *(f"now_{w} = real & in_{w}" for w in body.dims.values()),
            *rest,
            *stages,
        ]
        steps = "for n in tl.range(FIRST, FIRST + COUNT, num_stages=1):"
        lines = [*self._columns(), *body.fixed, *before, "met = 0", steps, *indented(whole), *after]
        words = list(body.dims.values())
        sizes = [f"{letter}_{w}" for w in words for letter in "PSW"]
        does = [f"DO_{stage}" for stage in range(self.stages.count)]
        constants = [f"{n}: tl.constexpr" for n in (*self.letters, *sizes, *FLAGS, *does)]
        arrays = [f"{field(a)}_ptr" for a in body.arrays]
        arguments = [*arrays, "lengths_ptr", "resets_ptr", "met_ptr", *NUMBERS, *constants]
        head = [f"@triton.jit(do_not_specialize={list(NUMBERS)})", f"def {name}(", *wrapped(arguments), "):"]
        return Written(
            name,
            "\n".join([*head, *indented(lines), ""]),
            tuple(body.arrays),
            tuple(body.dims.items()),
            tuple(body.tiles),
            tuple(body.rooms.items()),
            frozenset(body.functions | {"meet"}),
            tuple(body.stepped),
            self.stages,
            tuple(body.swept),
        )

    def _columns(self) -> list[str]:
        """The program's rows and units."""
        lines = [
            # Steps times sequences may be more than 2^31.
            "batch = tl.cast(B, tl.int64)",
            "block = (tl.program_id(0) + BLOCK).to(tl.int64)",
            "rows = block * ROWS + tl.arange(0, ROWS)[:, None]",
            "here = rows < B",
            "group = tl.program_id(1)",
            *(["others = tl.arange(0, PARTS)[None, :]"] if self.stages.parts else []),
            "if RAGGED:",
            f"{TAB}length = tl.load(lengths_ptr + rows, here, 0)",
            "else:",
            f"{TAB}length = tl.where(here, T, 0).to(tl.int64)",
        ]
        for dim, w in self.body.dims.items():
            lines += [
                f"slot = tl.arange(0, P_{w})[None, :]",
                f"cols_{w} = group * S_{w} + slot",
                f"in_{w} = (slot < S_{w}) & (cols_{w} < {size_text(dim)})",
                f"at_{w} = here & in_{w}",
            ]
            if dim in self.body.counted:
                count = f"tl.minimum(tl.maximum({size_text(dim)} - {{}} * S_{w}, {{}}), S_{w}).to(REAL)"
                lines.append(f"own_{w}, count_{w} = {count.format('group', 1)}, {count.format('others', 0)}")
        for dim in self.body.deep:
            w = dim_word(dim)
            lines += [f"deep_{w} = tl.arange(0, W_{w})[:, None]", f"along_{w} = tl.arange(0, W_{w})[None, :]"]
        return lines
