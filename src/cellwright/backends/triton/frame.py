"""What stands around a routine's step: the program's rows and units, the loop over time, the stores. Floor 2.

    program (row block, share of the units, part of time); rows [ROWS, 1], columns [1, P]

A call is one part of time unless it is scanned (`scan`): then every part starts from what the parts before it
left, and `ENDS` is the pass that only finds that.
"""

from __future__ import annotations

from dataclasses import dataclass

from cellwright.backends.triton.body import Body, placed
from cellwright.backends.triton.names import dim_word, field, size_text
from cellwright.backends.triton.stages import Stages
from cellwright.backends.triton.table import FUNCTIONS
from cellwright.compiler.dims import Dim
from cellwright.compiler.graph import Node
from cellwright.compiler.places import width

TAB = "    "
FLAGS = ("ROWS", "SHARE", "REAL", "HELD", "DOT", "PRECISION", "RAGGED", "RESETS", "KEEP", "ENDS", "DEPTH")
NUMBERS = ("T", "B", "STEPS")


@dataclass(frozen=True)
class Written:
    """One kernel: its text, its arrays (our names) in order, the sizes of its vectors with their words, the
    matrices it reads (units read, units made), arrays for what they multiply, what it calls; the rows it
    reads at every step; where programs share its units its stages, and the rows that each reads whole."""

    name: str
    text: str
    arrays: tuple[str, ...]
    dims: tuple[tuple[Dim, str], ...]
    tiles: tuple[tuple[Dim, Dim], ...]
    rooms: tuple[tuple[str, Dim], ...]
    functions: frozenset[str]
    stepped: tuple[Dim, ...]
    stages: Stages | None = None
    swept: tuple[Dim, ...] = ()

    @property
    def products(self) -> bool:
        """Whether it multiplies by matrices."""
        return bool(self.tiles)


class Frame:
    """The text of one kernel around a body."""

    def __init__(self, body: Body, states: tuple[Node, ...], letters: tuple[str, ...]) -> None:
        self.body, self.states, self.letters = body, states, letters
        self.places = placed(body.routine)

    def forward(self) -> Written:
        """All steps of a part, first to last."""
        body = self.body
        before, loop, after = [], [], []
        for state in self.states:
            name, dim = field(state.name), state_dim(state)
            row = f"({self._part()} + rows)"
            before.append(f"{name}_now = {self._start(state, row)}")
            loop.append(f"{name}_prev = {name}_now")
            loop += ["if RESETS:", f"{TAB}{name}_prev = tl.where(anew, {self._fresh(state)}, {name}_now)"]
            last = body.address(f".last {state.name}", "rows", dim)
            after.append(f"tl.store({last}, {name}_now, {body.mask(dim, False)} & ends)")
        loop += body.lines
        loop += self._forward_stores()
        factors = self._factors()
        if factors:
            before += [f"end_{n} = tl.full([ROWS, {self._pad(d)}], 1.0, REAL)" for n, d, _ in factors]
            ends = self._ends(factors)
            after = ["if ENDS:", *indented(ends), "else:", *indented(after)]
        return self._whole("forward", "step in range(begin, end)", before, loop, after)

    def backward(self, slots: list[tuple[int, Dim]]) -> Written:
        """All steps of a part, last to first; `slots`: what is added up here, by its place in the sums."""
        body = self.body
        slot = "slot_of = (tl.num_programs(0) * part + tl.program_id(0)).to(tl.int64)"
        before, loop, after = [slot], ["step = end - 1 - n"], []
        for state in self.states:
            name, dim = field(state.name), state_dim(state)
            given = body.load(f".given {state.name}", "rows", dim, False)
            before.append(f"carry_{name} = tl.where(ends, {given}, 0.0)")
            incoming = body.load(f".incoming {state.name}", f"({self._part()} + rows)", dim, False)
            before += ["if SCANNED:", f"{TAB}carry_{name} += {incoming}"]
            before += ["if RESETS:", f"{TAB}sum_fresh_{name} = tl.zeros([ROWS, {self._pad(dim)}], REAL)"]
            loop.append(f"d{name}_next = carry_{name}")
        before += [f"sum_{n} = {self._zero(body.size(k))}" for n, (k, _) in enumerate(slots)]
        stores, carries = self._backward_stores()
        adds = [f"sum_{n} += {self._real(k)}" for n, (k, _) in enumerate(slots)]
        loop += [*body.lines, "if not ENDS:", *indented([*stores, *adds] or ["pass"]), *carries]
        for state in self.states:
            name, dim = field(state.name), state_dim(state)
            left = body.address(f".left {state.name}", f"({self._part()} + rows)", dim)
            after.append(f"tl.store({left}, carry_{name}, {body.mask(dim, False)})")
            fresh = body.address(f".left_fresh {state.name}", f"({self._part()} + rows)", dim)
            after += ["if RESETS:", f"{TAB}tl.store({fresh}, sum_fresh_{name}, {body.mask(dim, False)})"]
        sums = [line for n, (k, offset) in enumerate(slots) for line in self._sum_out(n, k, offset)]
        after += ["if not ENDS:", *indented(sums)] if sums else []
        return self._whole("backward", "n in range(0, end - begin)", before, loop, after)

    def _part(self) -> str:
        return "part * B"

    def _pad(self, dim: Dim | None) -> str:
        return "1" if dim is None else f"P_{self.body.dim(dim)}"

    def _start(self, state: Node, row: str) -> str:
        start = self.body.load(f".start {state.name}", row, state_dim(state), False)
        return start if not self._factors() else f"{start} if not ENDS else {self._zero(state_dim(state))}"

    def _zero(self, dim: Dim | None) -> str:
        return f"tl.zeros([ROWS, {self._pad(dim)}], REAL)"

    def _real(self, k: int) -> str:
        """A value, 0 where a sequence has ended."""
        return f"tl.where(real, {self.body.full(k, self.body.size(k))}, 0.0)"

    def _fresh(self, state: Node) -> str:
        return self.body.load(f".fresh {state.name}", "rows", state_dim(state))

    def _factors(self) -> list[tuple[str, Dim | None, int]]:
        """The factor of each linear state: (its name, its size, the value)."""
        found = [(p.array, k) for k, places in self.places.items() for p in places if p.kind == "factor"]
        dims = {s.name: state_dim(s) for s in self.states}
        names = [(array.removeprefix(".factor "), k) for array, k in found]
        return [(field(name), dims[name], k) for name, k in names]

    def _forward_stores(self) -> list[str]:
        body = self.body
        kept: list[str] = []
        shown: list[str] = []
        carried: list[str] = []
        names = {s.name: n for n, s in enumerate(self.states)}
        dims = {s.name: state_dim(s) for s in self.states}
        for k, places in self.places.items():
            dim = body.size(k)
            for place in places:
                if place.kind == "factor":
                    name = field(place.array.removeprefix(".factor "))
                    factor = body.full(k, dims[place.array.removeprefix(".factor ")])
                    carried += ["if ENDS:", f"{TAB}factor = {factor}"]
                    carried += [f"{TAB}if RESETS:", f"{TAB}{TAB}factor = tl.where(anew, 0.0, factor)"]
                    carried.append(f"{TAB}end_{name} = tl.where(real, end_{name} * factor, end_{name})")
                elif place.array in names:
                    carried += self._new_state(place.array, k, names[place.array] == 0)
                else:
                    address = body.address(place.array, "at", dim, place.offset)
                    text = f"tl.store({address}, {self._real(k)}, {body.mask(dim, False)})"
                    (shown if place.array.startswith(".seen") else kept).append(text)
        if kept:
            # A kept value may lie where a feed lay: all must have read it before any writes.
            kept = ["if KEEP:", f"{TAB}tl.debug_barrier()", *indented(kept)]
        return [*kept, *shown, *carried]

    def _new_state(self, state: str, k: int, first: bool) -> list[str]:
        body, name, dim = self.body, field(state), self.body.size(k)
        address, mask, text = body.address(state, "at", dim), body.mask(dim, False), body.full(k, dim)
        now = f"{name}_now = tl.where(real, {text}, {name}_now)"
        guard = ["if not ENDS:"] if self._factors() else []
        if first:
            y = [f"tl.store({address}, tl.where(real, {text}, 0.0), {mask})"]
            return [*guard, *(indented(y) if guard else y), now]
        return [now, "if KEEP:", f"{TAB}tl.store({address}, {name}_now, {mask})"]

    def _ends(self, factors: list[tuple[str, Dim | None, int]]) -> list[str]:
        found, row = [], f"({self._part()} + rows)"
        for name, dim, _ in factors:
            state = next(s.name for s in self.states if field(s.name) == name)
            for array, text in ((f".end {state}", f"{name}_now"), (f".through {state}", f"end_{name}")):
                address = self.body.address(array, row, dim)
                found.append(f"tl.store({address}, {text}, {self.body.mask(dim, False)})")
        return found

    def _backward_stores(self) -> tuple[list[str], list[str]]:
        """What is stored at each step, and the gradients that are carried on."""
        body, stores, carries, later = self.body, [], [], []
        for k, places in self.places.items():
            dim = body.size(k)
            for place in places:
                text = body.full(k, dim)
                if place.kind == "carry_out":
                    name = field(place.array.removeprefix(".carry "))
                    carries.append(f"going_{name} = tl.where(real, {text}, carry_{name})")
                    later += [
                        "if RESETS:",
                        f"{TAB}sum_fresh_{name} += tl.where(anew, going_{name}, 0.0)",
                        f"{TAB}going_{name} = tl.where(anew, 0.0, going_{name})",
                        f"carry_{name} = going_{name}",
                    ]
                else:
                    address = body.address(place.array, "at", dim, place.offset)
                    stores.append(f"tl.store({address}, {self._real(k)}, {body.mask(dim, False)})")
        return stores, [*carries, *later]

    def _sum_out(self, n: int, k: int, offset: Dim) -> list[str]:
        dim = self.body.size(k)
        column = "tl.zeros([1, 1], tl.int32)" if dim is None else ""
        address = self.body.address(".totals", "slot_of", dim, offset, column)
        total = f"tl.sum(sum_{n}, axis=0, keep_dims=True)"
        inside = "tl.full([1, 1], 1, tl.int1)" if dim is None else f"in_{self.body.dim(dim)}"
        return [f"tl.store({address}, {total}, {inside})"]

    def _whole(
        self, name: str, loop_of: str, before: list[str], loop: list[str], after: list[str]
    ) -> Written:
        body = self.body
        shared = [
            "at = step * batch + rows",
            "real = step < length",
            "if RESETS:",
            f"{TAB}anew = tl.load(resets_ptr + at, real, 0) != 0",
            *(f"now_{w} = real & in_{w}" for w in body.dims.values()),
        ]
        head = loop[:1] if name == "backward" else []
        loop = [*head, *shared, *loop[len(head) :]]
        lines = [*self._columns(), *body.fixed, *before, f"for {loop_of}:", *indented(loop), *after]
        flags = (*FLAGS, "SCANNED") if name == "backward" else FLAGS
        pads = [f"P_{w}" for w in body.dims.values()]
        constants = [f"{n}: tl.constexpr" for n in (*self.letters, *pads, *flags)]
        arrays = [f"{field(a)}_ptr" for a in body.arrays]
        arguments = [*arrays, "lengths_ptr", "resets_ptr", *NUMBERS, *constants]
        text = "\n".join(
            [
                f"@triton.jit(do_not_specialize={list(NUMBERS)})",
                f"def {name}(",
                *wrapped(arguments),
                "):",
                *indented(lines),
                "",
            ]
        )
        dims = tuple(body.dims.items())
        return Written(
            name,
            text,
            tuple(body.arrays),
            dims,
            tuple(body.tiles),
            tuple(body.rooms.items()),
            frozenset(body.functions),
            tuple(body.stepped),
        )

    def _columns(self) -> list[str]:
        """The program's rows, units and steps."""
        lines = [
            # Steps times sequences may be more than 2^31.
            "batch = tl.cast(B, tl.int64)",
            "rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]",
            "here = rows < B",
            "group = tl.program_id(1)",
            "part = tl.program_id(2)",
            "begin = part * STEPS",
            "end = tl.minimum(begin + STEPS, T)",
            "if RAGGED:",
            f"{TAB}length = tl.load(lengths_ptr + rows, here, 0)",
            "else:",
            f"{TAB}length = tl.where(here, T, 0).to(tl.int64)",
            "ends = ((length > begin) & (length <= end)) | ((length == 0) & (part == 0))",
        ]
        for dim, w in self.body.dims.items():
            lines.append(f"slot = tl.arange(0, P_{w})[None, :]")
            if self.body.split is None:
                lines += [f"cols_{w} = slot", f"in_{w} = cols_{w} < {size_text(dim)}"]
            else:
                lines += [
                    f"cols_{w} = group * SHARE + slot",
                    f"in_{w} = (slot < SHARE) & (cols_{w} < {size_text(dim)})",
                ]
            lines.append(f"at_{w} = here & in_{w}")
        lines += [f"deep_{dim_word(d)} = tl.arange(0, P_{dim_word(d)})[:, None]" for d in self.body.deep]
        return lines


def state_dim(node: Node) -> Dim | None:
    """A state's size; None for a number."""
    return None if not node.shape else width(node)


def indented(lines: list[str]) -> list[str]:
    """Lines a level deeper."""
    return [TAB + line for line in lines]


def wrapped(words: list[str], room: int = 100) -> list[str]:
    """Arguments in lines."""
    lines, line = [], TAB
    for word in words:
        if len(line) + len(word) > room:
            lines.append(line.rstrip())
            line = TAB
        line += f"{word}, "
    return [*lines, line.rstrip()]


def functions(names: frozenset[str]) -> list[str]:
    """The texts of the functions that kernels call."""
    return [text for name, text in FUNCTIONS.items() if name in names]


def widths_of(states: tuple[Node, ...], more: dict[str, Dim]) -> dict[str, Dim]:
    """The width of a row of every array that goes with a state, and `more`."""
    kinds = ("start", "fresh", "last", "given", "incoming", "left", "left_fresh", "end", "through", "now")
    found = {f".{kind} {s.name}": width(s) for s in states for kind in kinds}
    return found | {s.name: width(s) for s in states} | {".dy": width(states[0])} | more
