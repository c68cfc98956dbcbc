"""The Triton text of a step whose units programs share: what `body` writes, cut into stages. Floor 2.

A value is the program's own units of it. What reads all units reads them from memory, piece by piece; a
matrix is held (the program's columns of it, before the loop) or read piece by piece too.
"""

from __future__ import annotations

from cellwright.backends.triton.body import Body, Form
from cellwright.backends.triton.names import size_text
from cellwright.backends.triton.stages import Stages
from cellwright.backends.triton.table import POINTWISE, PRODUCTS, REDUCTIONS
from cellwright.compiler.dims import ZERO, Dim
from cellwright.compiler.graph import Node
from cellwright.compiler.inner_ops import ANY_LEAF, reads
from cellwright.compiler.ops import COMPARISONS
from cellwright.compiler.places import Routine, width

# What programs tell each other is read past the first cache, which knows nothing of the others' stores.
FRESH = 'cache_modifier=".cg"'
TURN, OTHER = "(turn * B + rows)", "(other * B + rows)"
# One number of every program.
SHARES = Dim.parse("SHARES")


class JointBody(Body):
    """Texts of one routine by stage. `fetched`: the lines that read a leaf; `reads_in`: the values whose
    names a stage's text has; `rooms`: the arrays that values are laid in; `swept`: the rows that every
    program reads whole for a sum; `counted`: the sizes of which programs know how many units are whose."""

    def __init__(self, routine: Routine, widths: dict[str, Dim], held: bool, stages: Stages) -> None:
        self.stages = stages
        self.in_stage: list[list[str]] = [[] for _ in range(stages.count)]
        self.reads_in: list[set[int]] = [set() for _ in range(stages.count)]
        self.fetched: dict[int, list[str]] = {}
        self._names_in: dict[int, frozenset[int]] = {}
        self._multiplied: set[int] = set()
        self._moved = 0
        self.swept: list[Dim] = []
        self.counted: dict[Dim, None] = {}
        super().__init__(routine, widths, None, held)
        # What is carried lies there already.
        self.own_laid = {
            held: sorted(
                k for k in values & stages.own if k in self.fetched or self.nodes[k].op not in ANY_LEAF
            )
            for held, values in ((True, stages.multiplied), (False, stages.laid))
        }
        for k in (*self.own_laid[True], *self.own_laid[False]):
            self.took(stages.level[k], k)
        for k in self.roots:
            self.took(stages.level[k], k)

    def took(self, stage: int, k: int) -> None:
        """A value is read in a stage's text."""
        self.reads_in[stage] |= self._names_in[k]

    def room(self, k: int, held: bool) -> str:
        """The array that a value's units are laid in: in the products' type, or as they are."""
        place = self.routine.loads.get(k)
        if place is not None and place.kind in ("previous", "carry_in"):
            state = place.array.removeprefix(".carry ")
            name = f".next {state}" if held else f".now {state}"
        else:
            name = f".{'room' if held else 'row'} {self.names[k]}"
        return self.made(name, width(self.nodes[k]))

    def made(self, room: str, dim: Dim) -> str:
        """An array of ours with a row for every sequence, twice."""
        self.rooms[room] = self.widths[room] = dim
        return room

    def _write(self, k: int) -> None:
        if k not in self.stages.own:
            self.form[k] = Form(True, self.size(k) if len(self.nodes[k].shape) < 2 else None)
            return
        level = self.stages.level[k]
        self.lines = self.in_stage[level]
        super()._write(k)
        node = self.nodes[k]
        if k not in self.text:
            return
        if node.op in ANY_LEAF or node.op == "size":
            self._names_in[k] = frozenset({k} if k in self.fetched else ())
            return
        read = reads(node.op, node.operands) if node.op in POINTWISE else ()
        names = frozenset().union(*(self._names_in[o] for o in read))
        if self.text[k] == self.names[k]:
            self.reads_in[level] |= names
            names = frozenset({k})
        self._names_in[k] = names

    def _leaf(self, k: int) -> None:
        place, name, dim = self.routine.loads[k], self.names[k], self.size(k)
        if place.kind == "fixed":
            super()._leaf(k)
            return
        self.text[k], self.form[k] = name, Form(True, dim)
        if place.kind == "step":
            self.fetched[k] = [f"{name} = {self.load(place.array, 'at', dim, offset=place.offset)}"]
        elif place.kind == "previous" and self.routine.name == "backward":
            self.fetched[k] = self.before(place.array, name, dim)

    def reload(self, k: int) -> list[str]:
        """The lines that read a value of an earlier stage, where stages are launched one by one."""
        if k in self.fetched:
            return self.fetched[k]
        dim, truth = self.size(k), " != 0" if self.nodes[k].op in COMPARISONS else ""
        address = self.address(self.apart(k), "rows", dim)
        return [f"{self.names[k]} = tl.load({address}, {self.mask(dim, False)}, 0){truth}"]

    def apart(self, k: int) -> str:
        """The array that hands a value from one launch to the next."""
        return self.made(f".apart {self.names[k]}", width(self.nodes[k]))

    def _operation(self, k: int) -> None:
        node = self.nodes[k]
        if node.op not in REDUCTIONS:
            super()._operation(k)
            return
        if k in self.stages.parts:
            self._in_parts(k)
            self.text[k], self.form[k] = self.names[k], Form(True, None)
            return
        (o,), name = reads(node.op, node.operands), self.names[k]
        neutral, shape = REDUCTIONS[node.op]
        dim = self.size(o)
        assert dim is not None
        size = size_text(dim)
        found: list[str] = []
        text = self._whole(o, "along", "there", found, self.stages.level[k])
        part = shape.format(f"tl.where(there, {text}, {neutral})", size)
        total = f"tl.maximum({name}, {part})" if node.op == "max" else f"{name} + {part}"
        self.lines += [
            f"{name} = tl.full([ROWS, 1], {neutral}, REAL)",
            f"for first in range(0, {size}, WIDE):",
            "    along = first + tl.arange(0, WIDE)[None, :]",
            f"    there = along < {size}",
            *(f"    {line}" for line in found),
            f"    {name} = {total}",
        ]
        self.swept += [dim] * sum("tl.load(" in line for line in found)
        self.text[k], self.form[k] = name, Form(True, None)

    def _in_parts(self, k: int) -> None:
        """A program's part of a sum, which it lays before all meet; after that, the sum of all parts."""
        node, name, mean = self.nodes[k], self.names[k], self.stages.parts[k]
        (o,) = reads(node.op, node.operands) if mean is None else reads("mean", self.nodes[mean].operands)
        dim, before = self.size(o), self.stages.level[o]
        assert dim is not None
        self.took(before, o)
        word, (neutral, whole), lines = self.dim(dim), REDUCTIONS[node.op], self.in_stage[before]
        fold = REDUCTIONS["max" if node.op == "max" else "sum"][1]
        found, parts = f"tl.where(in_{word}, {self.full(o, dim)}, {neutral})", f"parts_{name}"
        each = ""
        if k in self.stages.parts.values():
            # Others are about this mean: a part is the mean of so many.
            self.counted.setdefault(dim)
            each, parts = f" / own_{word}", f"{parts} * count_{word}"
        elif mean is not None:
            about = self.names[mean]
            lines.append(f"off_{name} = tl.where(in_{word}, {self.full(o, dim)} - part_{about}, 0.0)")
            found, off = f"off_{name} * off_{name}", f"(parts_{about} - {about})"
            parts = f"{parts} + count_{word} * {off} * {off}"
        room = self.made(f".part {name}", SHARES)
        own, others = (self.address(room, TURN, None, cols=which) for which in ("group", "others"))
        lines.append(f"part_{name} = {fold.format(found, '')}{each}")
        lines.append(f"tl.store({own}, part_{name}, here)")
        inside = "here & (others < SHARES)"
        self.lines.append(f"parts_{name} = tl.load({others}, {inside}, {neutral}, {FRESH})")
        self.lines.append(f"{name} = {whole.format(parts, size_text(dim))}")

    def _arranged(self, node: Node) -> str:
        (out,) = node.shape
        cols, inside = f"cols_{self.dim(out)}", f"in_{self.dim(out)}"
        source = node.operands[0]
        size = width(self.nodes[source])
        if node.op == "concat":
            text, start = "0.0", ZERO
            for o in node.operands:
                end = start + width(self.nodes[o])
                within = f"({cols} >= {size_text(start)}) & ({cols} < {size_text(end)})"
                moved = self._shift(o, f"({cols} - ({size_text(start)}))", f"({inside} & {within})")
                text, start = f"tl.where({within}, {moved}, {text})", end
            return text
        if node.op == "place":
            start = size.scaled(node.attribute("index"))
            within = f"({cols} >= {size_text(start)}) & ({cols} < {size_text(start + size)})"
            moved = self._shift(source, f"({cols} - ({size_text(start)}))", f"({inside} & {within})")
            return f"tl.where({within}, {moved}, 0.0)"
        if node.op == "part":
            start = out.scaled(node.attribute("index"))
        else:
            before = node.operands[1 : 1 + int(node.attribute("index"))]
            start = sum((width(self.nodes[o]) for o in before), ZERO)
        return self._shift(source, f"({cols} + {size_text(start)})", inside)

    def _shift(self, o: int, cols: str, inside: str) -> str:
        """A value at other columns than the program's own."""
        found: list[str] = []
        # A step's stage is that of the node being written: `lines` is its text.
        level = next(s for s, lines in enumerate(self.in_stage) if lines is self.lines)
        text = self._whole(o, cols, inside, found, level)
        self.lines += found
        return text

    def _whole(self, o: int, cols: str, inside: str, found: list[str], level: int) -> str:
        """The text of a value at any columns, after the lines `found`: read from memory, or computed anew."""
        self._moved += 1
        mark, texts = f"_{self._moved}", dict(self.text)

        def write(k: int) -> None:
            node = self.nodes[k]
            if k in done:
                return
            done.add(k)
            if not node.shape:
                self.took(level, k)
                return
            name = f"{self.names[k]}_at{mark}"
            if k in self.stages.anew:
                operands = reads(node.op, node.operands)
                for x in operands:
                    write(x)
                found.append(f"{name} = {self._pointwise(node, operands)}")
            else:
                found.extend(self._read(k, name, cols, inside, held=False))
            self.text[k] = name

        done: set[int] = set()
        write(o)
        text = self.text[o]
        self.text = texts
        return text

    def _read(self, k: int, name: str, cols: str, inside: str, held: bool) -> list[str]:
        """The lines that read a value at any columns from where all programs laid it, or from its array."""
        place, kind = self.routine.loads.get(k), ".to(HELD)" if held else ".to(REAL)"
        if k in self.stages.multiplied if held else k in self.stages.laid:
            text = self._laid(self.room(k, held), cols, inside) + kind
            lines = [f"{name} = {text}"]
            if place is not None and place.kind == "previous":
                fresh = self.address(f".fresh {place.array}", "rows", None, cols=cols)
                fresh = f"tl.load({fresh}, real & {inside}, 0){kind}"
                lines += ["if RESETS:", f"    {name} = tl.where(anew, {fresh}, {name})"]
            return lines
        assert place is not None, f"nobody laid {self.names[k]}"
        if place.kind == "previous":
            return [*self.before(place.array, name, None, (cols, inside)), f"{name} = {name}{kind}"]
        if place.kind == "fixed":
            return [f"{name} = tl.load({self.array(place.array)} + {cols}, {inside}, 0){kind}"]
        address = self.address(place.array, "at", None, place.offset, cols)
        return [f"{name} = tl.load({address}, real & {inside}, 0){kind}"]

    def _laid(self, room: str, cols: str, inside: str) -> str:
        return f"tl.load({self.address(room, TURN, None, cols=cols)}, here & {inside}, 0, {FRESH})"

    def _product(self, k: int) -> str:
        """All products of a stage are done side by side, when its first is written."""
        level = self.stages.level[k]
        if level not in self._multiplied:
            self._multiplied.add(level)
            own = [n for n in sorted(self.stages.own) if self.stages.level[n] == level]
            self._multiply([n for n in own if self.nodes[n].op in PRODUCTS])
        count = len(self.nodes[k].operands) // 2
        return " + ".join(f"{self.names[k]}_{number}" for number in range(count))

    def _multiply(self, products: list[int]) -> None:
        """A loop over the units read, for all products that read so many."""
        loops: dict[tuple[Dim, str], list[tuple[str, int, int, int]]] = {}
        for k in products:
            operands = self.nodes[k].operands
            for number, (matrix, vector) in enumerate(zip(operands[::2], operands[1::2], strict=True)):
                dim = self.size(vector)
                assert dim is not None
                of = self._blocks(matrix, k) if self.nodes[k].op == "blocks" else ""
                loops.setdefault((dim, of), []).append((f"{self.names[k]}_{number}", k, matrix, vector))
        for (dim, of), terms in loops.items():
            (self._at_once if self.held else self._in_pieces)(dim, of, terms)

    def _at_once(self, dim: Dim, _: str, terms: list[tuple[str, int, int, int]]) -> None:
        """Products with matrices that are held."""
        word = self.dim(dim)
        for vector in dict.fromkeys(v for *_, v in terms):
            inside = f"(along_{word} < {size_text(dim)})"
            self.lines += self._read(vector, f"{self.names[vector]}_piece", f"along_{word}", inside, True)
        for total, k, matrix, vector in terms:
            place, inside, name = self._tile(matrix, self.nodes[k].op)
            self.lines.append(f"{total} = {self._dot(vector, self._hold(name, place, inside))}")

    def _in_pieces(self, dim: Dim, blocks: str, terms: list[tuple[str, int, int, int]]) -> None:
        """Products with matrices that are read at every step, DEPTH units at a time."""
        size = size_text(dim)
        for total, k, *_ in terms:
            out = self.size(k)
            assert out is not None
            self.lines.append(f"{total} = tl.zeros([ROWS, P_{self.dim(out)}], REAL)")
        self.lines += [
            f"for first in tl.range({blocks or f'0, {size}'}, DEPTH, num_stages=AHEAD):",
            "    deep, along = first + tl.arange(0, DEPTH)[:, None], first + tl.arange(0, DEPTH)[None, :]",
        ]
        for vector in dict.fromkeys(v for *_, v in terms):
            found = self._read(vector, f"{self.names[vector]}_piece", "along", f"(along < {size})", True)
            self.lines += [f"    {line}" for line in found]
        for total, k, matrix, vector in terms:
            place, inside, _ = self._tile(matrix, self.nodes[k].op)
            self.lines += [
                f"    tile = tl.load({place}, {inside}, 0).to(HELD).to(DOT)",
                f"    {total} += {self._dot(vector, 'tile')}",
            ]

    def _dot(self, vector: int, tile: str) -> str:
        left = f"{self.names[vector]}_piece.to(DOT)"
        return f"tl.dot({left}, {tile}, input_precision=PRECISION, out_dtype=REAL)"

    def _blocks(self, matrix: int, k: int) -> str:
        """The units that blocks on a diagonal read for the program's own: from, to."""
        node, turned = self.nodes[matrix], self.nodes[matrix].op == "turn_blocks"
        leaf = self.nodes[node.operands[0]] if turned else node
        _, high, wide = leaf.shape
        read, made = (high, wide) if turned else (wide, high)
        out = self.size(k)
        assert out is not None
        share = f"S_{self.dim(out)}"
        last = f"tl.minimum(group * {share} + {share}, {size_text(out)}) - 1"
        own, other = size_text(made), size_text(read)
        return f"group * {share} // ({own}) * ({other}), (({last}) // ({own}) + 1) * ({other})"


def store_mask(body: Body, dim: Dim | None) -> str:
    """Who stores a value: every program its own units, one of them a number."""
    return "(here & (group == 0))" if dim is None else body.mask(dim, False)
