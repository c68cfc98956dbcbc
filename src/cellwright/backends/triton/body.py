"""The Triton text of one routine's step: one line per value, on the rows of one program. Floor 2.

A value is held whole: a vector [ROWS, P] (P is the next power of two), a number of each row [ROWS, 1], a
weight [1, P]. Matrices are read once, before the loop over time (`held`), or piece by piece at every step:
what they multiply is then laid into memory between two barriers. What lies past a row's end is arbitrary, and
cleared before a sum over units or a product reads it.
"""

from __future__ import annotations

from dataclasses import dataclass

from cellwright.backends.triton.names import dim_word, field, names_of, size_text
from cellwright.backends.triton.split import Split
from cellwright.backends.triton.table import ALONG, ARRANGE, FUNCTIONS, POINTWISE, PRODUCTS, REDUCTIONS
from cellwright.compiler.dims import ONE, ZERO, Dim
from cellwright.compiler.graph import Node
from cellwright.compiler.inner_ops import ANY_LEAF, VALUE_OF_OPERAND, reads
from cellwright.compiler.places import Place, Routine, width
from cellwright.compiler.simplify import read_by


@dataclass(frozen=True)
class Form:
    """What a value's text is: whether it has a row per sequence, and its size (None: one number)."""

    rows: bool
    dim: Dim | None


class Body:
    """Texts of one routine. `widths`: of every array's row; `split`: whether programs share the units."""

    def __init__(
        self, routine: Routine, widths: dict[str, Dim], split: Split | None, held: bool = True
    ) -> None:
        self.routine, self.nodes, self.widths, self.split = routine, routine.nodes, dict(widths), split
        self.held = held
        self.rooms: dict[str, Dim] = {}
        self.names = names_of(routine.nodes)
        roots = [k for k, _ in (*routine.stores, *routine.sums)]
        self.roots = set(roots)
        self.read = read_by(self.nodes, roots)
        self.arrays: dict[str, None] = {}
        self.dims: dict[Dim, str] = {}
        self.deep: dict[Dim, None] = {}
        self.functions: set[str] = set()
        self.fixed: list[str] = []
        self.lines: list[str] = []
        self.text: dict[int, str] = {}
        self.form: dict[int, Form] = {}
        self.users: dict[int, list[int]] = {}
        for k in sorted(self.read):
            for o in reads(self.nodes[k].op, self.nodes[k].operands):
                self.users.setdefault(o, []).append(k)
        self._held: dict[int, str] = {}
        self.tiles: list[tuple[Dim, Dim]] = []
        # Read at every step from arrays that lie there before the launch.
        self.stepped: list[Dim] = []
        for k in sorted(self.read):
            self._write(k)

    def array(self, name: str) -> str:
        """The pointer of an array."""
        self.arrays.setdefault(name)
        return f"{field(name)}_ptr"

    def dim(self, dim: Dim) -> str:
        """A size's word; its columns and masks are made before the loop."""
        return self.dims.setdefault(dim, dim_word(dim))

    def address(
        self, array: str, row: str, dim: Dim | None, offset: Dim = ZERO, cols: str = "", back: bool = False
    ) -> str:
        """Where the values of some rows lie: at the program's columns of a size, or at `cols`; `back`: a step
        earlier. What is one number is added to the pointer first; rows and columns are the same for all
        arrays of a width, so they are computed once, and the compiler has less to follow."""
        size = size_text(self.widths.get(array, ONE))
        place = row if size == "1" else f"{row} * ({size})"
        cols = cols or ("" if dim is None else f"cols_{self.dim(dim)}")
        start = self.array(array) + ("" if offset == ZERO else f" + ({size_text(offset)})")
        start += f" - batch * ({size})" if back else ""
        return f"{start} + ({place} + {cols})" if cols else f"{start} + {place}"

    def mask(self, dim: Dim | None, real: bool) -> str:
        """Which of them are there: of the rows that are real at this step, or of all."""
        if dim is None:
            return "real" if real else "here"
        return f"{'now' if real else 'at'}_{self.dim(dim)}"

    def load(self, array: str, row: str, dim: Dim | None, real: bool = True, offset: Dim = ZERO) -> str:
        """Values of some rows."""
        return f"tl.load({self.address(array, row, dim, offset)}, {self.mask(dim, real)}, 0).to(REAL)"

    def full(self, k: int, dim: Dim | None) -> str:
        """A value with all its rows and units."""
        form, text = self.form[k], self.text[k]
        if form == Form(True, dim):
            return text
        shape = "1" if dim is None else f"P_{self.dim(dim)}"
        return f"({text} + tl.zeros([ROWS, {shape}], REAL))"

    def size(self, k: int) -> Dim | None:
        """A value's size; None for a number."""
        return self.nodes[k].shape[0] if self.nodes[k].shape else None

    def _write(self, k: int) -> None:
        node = self.nodes[k]
        if len(node.shape) > 1:
            return
        if node.op == "constant":
            self.text[k], self.form[k] = _number(node.attribute("value")), Form(False, None)
        elif node.op == "size":
            (dim,) = self.nodes[node.operands[0]].shape
            self.text[k], self.form[k] = f"({size_text(dim)})", Form(False, None)
        elif node.op in ANY_LEAF:
            self._leaf(k)
        else:
            self._operation(k)

    def _leaf(self, k: int) -> None:
        place, name, dim = self.routine.loads[k], self.names[k], self.size(k)
        self.text[k], self.form[k] = name, Form(place.kind != "fixed", dim)
        if place.kind in ("step", "previous") and dim is not None:
            self.stepped.append(dim)
        if place.kind == "fixed":
            column = "" if dim is None else f" + cols_{self.dim(dim)}, in_{self.dim(dim)}, 0"
            self.fixed.append(f"{name} = tl.load({self.array(place.array)}{column}).to(REAL)")
        elif place.kind == "step":
            self.lines.append(f"{name} = {self.load(place.array, 'at', dim, offset=place.offset)}")
        elif place.kind == "previous" and self.routine.name == "backward":
            self.lines += self.before(place.array, name, dim)
        # What is carried has its name from the loop.

    def before(self, state: str, name: str, dim: Dim | None, at: tuple[str, str] | None = None) -> list[str]:
        """A state before the step, from its history, its start or its fresh value; `at`: other columns than
        the program's, and which of them are there."""
        there, cols = (self.mask(dim, True), "") if at is None else (f"real & {at[1]}", at[0])
        history = f"{self.address(state, 'at', dim, cols=cols, back=True)}, {there} & (step > 0), 0"
        start = f"{self.address(f'.start {state}', 'rows', dim, cols=cols)}, {there} & (step == 0), 0"
        fresh = f"tl.load({self.address(f'.fresh {state}', 'rows', dim, cols=cols)}, {there}, 0).to(REAL)"
        return [
            f"{name} = tl.load({history}).to(REAL) + tl.load({start}).to(REAL)",
            "if RESETS:",
            f"    {name} = tl.where(anew, {fresh}, {name})",
        ]

    def _operation(self, k: int) -> None:
        node = self.nodes[k]
        operands = reads(node.op, node.operands)
        wide = [o for o in operands if len(self.nodes[o].shape) < 2]
        self.form[k] = Form(any(self.form[o].rows for o in wide), self.size(k))
        if node.op in POINTWISE:
            dims = [self.form[o].dim for o in wide if self.form[o].dim is not None]
            self.form[k] = Form(self.form[k].rows, dims[0] if dims else None)
            text = self._pointwise(node, operands)
            if self._inline(k):
                self.text[k] = f"({text})" if POINTWISE[node.op].infix else text
                return
        elif node.op in REDUCTIONS:
            neutral, shape = REDUCTIONS[node.op]
            (o,) = operands
            dim = self.size(o)
            assert dim is not None
            text = shape.format(self._cleared(o, neutral), size_text(dim))
        elif node.op in ALONG:
            text = ALONG[node.op].format(self._cleared(operands[0], "0.0"))
        elif node.op in ARRANGE:
            self.form[k] = Form(True, self.size(k))
            text = self._arranged(node)
        else:
            assert node.op in PRODUCTS, node.op
            self.form[k] = Form(True, self.size(k))
            text = self._product(k)
        self.lines.append(f"{self.names[k]} = {text}")
        self.text[k] = self.names[k]

    def _pointwise(self, node: Node, operands: tuple[int, ...]) -> str:
        row = POINTWISE[node.op]
        texts = [self.text[o] if row.infix else self._number_as_value(o, node.op) for o in operands]
        self._need(row.text)
        return row.text.format(*texts)

    def _number_as_value(self, o: int, op: str) -> str:
        """A number as a function takes it: one that stands alone would be a float32."""
        node = self.nodes[o]
        exact = node.op == "constant" and node.attribute("value") == int_or_half(node.attribute("value"))
        number = node.op in ("constant", "size") and (op == "pow" or not exact)
        return f"tl.full([1, 1], {self.text[o]}, REAL)" if number else self.text[o]

    def _inline(self, k: int) -> bool:
        """An unnamed value with one reader is written where it is read."""
        users = self.users.get(k, [])
        plain = POINTWISE[self.nodes[k].op].infix or self.nodes[k].op in VALUE_OF_OPERAND
        once = len(users) == 1 and self.nodes[users[0]].op in POINTWISE
        return plain and once and not self.nodes[k].name and k not in self.roots

    def _cleared(self, o: int, neutral: str) -> str:
        dim = self.size(o)
        assert dim is not None
        text = self.text[o] if self.form[o].dim == dim else self.full(o, dim)
        if self.split is not None:
            return f"tl.where(in_{self.dim(dim)}, {text}, {neutral})"
        self._need("inside(")
        word = self.dim(dim)
        return f"inside({text}, in_{word}, {size_text(dim)}, P_{word}, {neutral})"

    def _need(self, text: str) -> None:
        self.functions |= {name for name in FUNCTIONS if f"{name}(" in text}

    def _arranged(self, node: Node) -> str:
        (out,) = node.shape
        if node.op == "concat":
            return self._concat(node)
        source = node.operands[0]
        size = width(self.nodes[source])
        if node.op == "place":
            start = size.scaled(node.attribute("index"))
            moved = self._shifted(source, f"-({size_text(start)})", out)
            return f"tl.where({self._between(out, start, size)}, {moved}, 0.0)"
        if node.op == "part":
            start = out.scaled(node.attribute("index"))
        else:
            before = node.operands[1 : 1 + int(node.attribute("index"))]
            start = sum((width(self.nodes[o]) for o in before), ZERO)
        return self._shifted(source, size_text(start), out)

    def _concat(self, node: Node) -> str:
        (out,) = node.shape
        text, start = "0.0", ZERO
        for o in node.operands:
            size = width(self.nodes[o])
            moved = self._shifted(o, f"-({size_text(start)})", out)
            text = f"tl.where({self._between(out, start, size)}, {moved}, {text})"
            start = start + size
        return text

    def _between(self, out: Dim, start: Dim, size: Dim) -> str:
        cols = f"cols_{self.dim(out)}"
        return f"({cols} >= {size_text(start)}) & ({cols} < {size_text(start + size)})"

    def _shifted(self, o: int, start: str, out: Dim) -> str:
        self._need("shifted(")
        dim = self.size(o)
        assert dim is not None
        words = self.dim(dim), self.dim(out)
        return f"shifted({self.full(o, dim)}, cols_{words[1]}, {start}, P_{words[0]}, ROWS, P_{words[1]})"

    def _product(self, k: int) -> str:
        node = self.nodes[k]
        terms = []
        for matrix, vector in zip(node.operands[::2], node.operands[1::2], strict=True):
            operand = self._operand(vector)
            place, inside, name = self._tile(matrix, node.op)
            if self.held:
                tile = self._hold(name, place, inside)
                terms.append(f"tl.dot({operand}, {tile}, input_precision=PRECISION, out_dtype=REAL)")
            else:
                terms.append(self._streamed(k, len(terms), operand, (vector, place, inside)))
        return " + ".join(terms)

    def _hold(self, name: str, place: str, inside: str) -> str:
        line = f"{name} = tl.load({place}, {inside}, 0).to(HELD).to(DOT)"
        if line not in self.fixed:
            self.fixed.append(line)
        return name

    def _streamed(self, k: int, number: int, room: str, at: tuple[int, str, str]) -> str:
        """A product piece by piece: DEPTH of the units read at a time."""
        vector, place, inside = at
        out, dim = self.size(k), self.size(vector)
        assert out is not None and dim is not None
        total = f"{self.names[k]}_{number}"
        size, begin = ("SHARE", "group * SHARE + ") if self.split else (size_text(dim), "")
        row = self.address(room, "rows", None, cols=f"{begin}along")
        self.lines += [
            f"{total} = tl.zeros([ROWS, P_{self.dim(out)}], REAL)",
            f"for first in range(0, {size}, DEPTH):",
            "    deep, along = first + tl.arange(0, DEPTH)[:, None], first + tl.arange(0, DEPTH)[None, :]",
            f"    piece = tl.load({row}, here & (along < {size}), 0).to(DOT)",
            f"    tile = tl.load({place}, {inside}, 0).to(HELD).to(DOT)",
            f"    {total} += tl.dot(piece, tile, input_precision=PRECISION, out_dtype=REAL)",
        ]
        return total

    def _operand(self, o: int) -> str:
        """A vector as a product reads it: in the products' type, or the array where it was laid."""
        if o not in self._held:
            dim = self.size(o)
            assert dim is not None
            if self.form[o] != Form(True, dim):
                self.text[o], self.form[o] = self.full(o, dim), Form(True, dim)
            if self.held:
                self._held[o] = f"{self.names[o]}_held"
                self.lines.append(f"{self._held[o]} = {self._cleared(o, '0.0')}.to(HELD).to(DOT)")
            else:
                self._held[o] = room = f".room {self.names[o]}"
                self.rooms[room] = self.widths[room] = dim
                address, mask = self.address(room, "rows", dim), self.mask(dim, False)
                self.lines += ["tl.debug_barrier()", f"tl.store({address}, {self.text[o]}, {mask})"]
                self.lines.append("tl.debug_barrier()")
        return self._held[o]

    def _tile(self, k: int, op: str) -> tuple[str, str, str]:
        """A matrix [units read, units made]: where it lies, what of it is there, its name."""
        node, turned = self.nodes[k], self.nodes[k].op in ("transpose", "turn_blocks")
        leaf = self.nodes[node.operands[0]] if turned else node
        assert leaf.op == "parameter", f"a product with a matrix that is no weight: {leaf.op}"
        name = f"{field(leaf.name)}{'_T' if turned else ''}"
        pointer = self.array(leaf.name)
        if op == "blocks":
            place, inside = self._block_place(leaf, turned)
            return f"{pointer} + {place}", inside, name
        high, wide = leaf.shape
        read, made = (high, wide) if turned else (wide, high)
        deep, cols = self._holds(read, made), f"cols_{self.dim(made)}"
        size = size_text(wide)
        place = f"{deep} * ({size}) + {cols}" if turned else f"{cols} * ({size}) + {deep}"
        return f"{pointer} + {place}", f"({deep} < {size_text(read)}) & in_{self.dim(made)}", name

    def _holds(self, read: Dim, made: Dim) -> str:
        """The name of the units read."""
        self.tiles.append((read, made))
        word = self.dim(read)
        if not self.held:
            return "deep"
        self.deep.setdefault(read)
        return f"deep_{word}"

    def _block_place(self, leaf: Node, turned: bool) -> tuple[str, str]:
        """Of blocks on a diagonal: those of one share, or as the whole matrix that they are."""
        count, high, wide = leaf.shape
        rows, columns = (d.scaled(dict(count.terms)[""]) for d in (high, wide))
        read, made = (rows, columns) if turned else (columns, rows)
        deep, cols = self._holds(read, made), f"cols_{self.dim(made)}"
        if self.split is not None:
            own = "group * SHARE * SHARE + {} * SHARE + {}"
            slot = "slot"
            place = own.format(deep, slot) if turned else own.format(slot, deep)
            return place, f"({deep} < SHARE) & in_{self.dim(made)}"
        p, q = size_text(high), size_text(wide)
        place = f"{deep} * ({q}) + {cols} % ({q})" if turned else f"{cols} * ({q}) + {deep} % ({q})"
        blocks = (p, q) if turned else (q, p)
        same = f"({deep} // ({blocks[0]}) == {cols} // ({blocks[1]}))"
        return place, f"{same} & ({deep} < {size_text(read)}) & in_{self.dim(made)}"


def _number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    return repr(float(value))


def int_or_half(value: float) -> float:
    """The nearest number that every type holds."""
    return round(2 * value) / 2 if abs(value) < 1000 else value


def placed(routine: Routine) -> dict[int, list[Place]]:
    """Where each value of a routine goes."""
    found: dict[int, list[Place]] = {}
    for k, place in routine.stores:
        found.setdefault(k, []).append(place)
    return found
