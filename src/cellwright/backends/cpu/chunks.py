"""Products over all rows of a chunk of steps: the hoisted ones before it, gradients after it. Floor 2."""

from __future__ import annotations

from dataclasses import dataclass

from cellwright.backends.cpu.body import Body
from cellwright.backends.cpu.names import field, size_text
from cellwright.compiler.dims import ONE, Dim
from cellwright.compiler.hoist import Hoisted
from cellwright.compiler.places import OuterSum, Recurrence


@dataclass(frozen=True)
class Packing:
    """Matrices side by side as `product` takes them: sizes and matrices as C++ expressions."""

    gates: int
    blocks: str
    units: str
    widths: tuple[str, ...]
    matrices: tuple[str, ...]
    turned: tuple[bool, ...]
    when: str = ""

    @property
    def depth(self) -> str:
        """The numbers of a packed row of a block, as the kernel lays them."""
        return " + ".join(f"deep({width})" for width in self.widths)

    def place(self, k: int) -> list[str]:
        """The lines that give panel k its place."""
        size = f"panel_size<{self.gates}>({self.blocks}, {self.units}, {self.depth})"
        return [f"  all.panel_{k} = at;", f"  at += {size};"]

    def pack(self, k: int) -> list[str]:
        """The lines that fill it."""
        turned = ", ".join("true" if t else "false" for t in self.turned)
        return [
            f"  {self.when}{{",
            f"    const int64_t widths[] = {{{', '.join(self.widths)}}};",
            f"    const real* matrices[] = {{{', '.join(self.matrices)}}};",
            f"    const bool turned[] = {{{turned}}};",
            f"    pack<{self.gates}>(all.panel_{k}, {self.blocks}, {self.units}, {len(self.widths)}, widths,"
            " matrices, turned, part, parts);",
            "  }",
        ]

    def call(self, k: int, operand: str, use: list[str]) -> list[str]:
        """One product over all rows of a share."""
        return [
            f"{self.when}{{",
            f"  const int64_t widths[] = {{{', '.join(self.widths)}}};",
            f"  product<{self.gates}>(all.panel_{k}, {self.blocks}, {self.units}, widths, share,",
            f"    [&](int term, int64_t row) -> const real* {{ return {operand}; }},",
            "    [&](int64_t row, int64_t unit, auto count, const V* result) {",
            *(f"      {line}" for line in use),
            "    });",
            "}",
        ]


@dataclass(frozen=True)
class Chunks:
    """What one routine does once per chunk, the matrices packed for it, and the arrays it reads."""

    hoisted: Hoisted
    recurrence: Recurrence
    packings: tuple[Packing, ...]
    arrays: tuple[str, ...]
    back: bool

    @property
    def products(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.packings or (self.back and self.recurrence.outers))

    def text(self, body: Body, first_panel: int) -> list[str]:
        """The functions, for panels numbered on from `first_panel`."""
        return _back(self, body, first_panel) if self.back else _feeds(self, first_panel)


def _matrix_sizes(hoisted: Hoisted, feed: int) -> tuple[Dim, Dim, Dim]:
    """blocks, rows, columns."""
    shape = hoisted.graph.nodes[hoisted.feeds[feed].matrix].shape
    return (ONE, *shape) if len(shape) == 2 else shape  # type: ignore[return-value]


def forward_chunks(hoisted: Hoisted, made: Recurrence) -> Chunks:
    """Before each chunk: the feeds."""
    packings, arrays = [], []
    for number, block in enumerate(made.blocks):
        arrays.append(f"operand_{number}")
        for k in block.feeds:
            blocks, rows, columns = (size_text(d) for d in _matrix_sizes(hoisted, k))
            packings.append(Packing(1, blocks, rows, (columns,), (f"all.matrix_{k}",), (False,)))
            arrays += [f"matrix_{k}"] + [f"bias_{k}"] * (hoisted.feeds[k].bias is not None)
    return Chunks(hoisted, made, tuple(packings), (*arrays, *["marks"] * bool(arrays)), False)


def _feeds(chunks: Chunks, panel: int) -> list[str]:
    if not chunks.packings:
        return []
    lines = []
    for number, block in enumerate(chunks.recurrence.blocks):
        packings = chunks.packings[panel_count(chunks, number) : panel_count(chunks, number + 1)]
        first = panel + panel_count(chunks, number)
        node = chunks.hoisted.graph.nodes[chunks.hoisted.feeds[block.feeds[0]].operand]
        row = f"(first * all.B + row) * ({size_text(node.shape[0] if node.shape else ONE)})"
        biases = [f"all.bias_{k}" if chunks.hoisted.feeds[k].bias is not None else "0" for k in block.feeds]
        count = len(block.feeds)
        panels = ", ".join(f"all.panel_{first + k}" for k in range(count))
        width = size_text(block.width)
        lines += [
            "{",
            f"  const int64_t widths[] = {{{packings[0].widths[0]}}};",
            f"  const real* const panels[] = {{{panels}}};",
            f"  const real* const biases[] = {{{', '.join(biases)}}};",
            f"  const int64_t units[] = {{{', '.join(p.units for p in packings)}}};",
            f"  const int64_t offsets[] = {{{', '.join(size_text(o) for o in block.offsets)}}};",
            f"  for (int k = 0; k < {count}; k++)",
            f"    product<1>(panels[k], {packings[0].blocks}, units[k], widths, share,",
            f"      [&](int term, int64_t row) -> const real* {{ return all.operand_{number} + {row}; }},",
            "      [&](int64_t row, int64_t unit, auto count, const V* result) {",
            f"        real* const to = all.feed_{number} + ((first & all.window) * all.B + row) * ({width});",
            "        const V bias = biases[k] ? load(biases[k] + unit, count) : (V){};",
            "        store(to + offsets[k] + unit, result[0] + bias, count);",
            "      });",
            "}",
        ]
    return [
        "\n".join(
            [
                "// The hoisted products of a chunk of steps, for one thread's sequences.",
                "static void forward_feeds(const Forward& all, int64_t first, const Share& share) {",
                *(f"  {line}" for line in lines),
                "}\n",
            ]
        )
    ]


def panel_count(chunks: Chunks, blocks: int) -> int:
    """The panels of the first blocks."""
    return sum(len(b.feeds) for b in chunks.recurrence.blocks[:blocks])


def backward_chunks(hoisted: Hoisted, made: Recurrence) -> Chunks:
    """After each chunk: the gradients of the feeds' operands and of all matrices."""
    packings, arrays = [], []
    for number, block in enumerate(made.blocks):
        sizes = [_matrix_sizes(hoisted, k) for k in block.feeds]
        blocks, _, columns = (size_text(d) for d in sizes[0])
        widths = tuple(size_text(rows) for _, rows, _ in sizes)
        matrices = tuple(f"all.matrix_{k}" for k in block.feeds)
        turned = (True,) * len(block.feeds)
        when = f"if (all.d_operand_{number}) "
        packings.append(Packing(1, blocks, columns, widths, matrices, turned, when))
        arrays += [f"operand_{number}", f"d_operand_{number}", *(f"matrix_{k}" for k in block.feeds)]
    arrays += [field(o.v.array) for o in made.outers]
    arrays += [f"outer_{k}" for k in range(len(made.outers))] + ["piles", "marks"]
    return Chunks(hoisted, made, tuple(packings), tuple(arrays), True)


def _back(chunks: Chunks, body: Body, panel: int) -> list[str]:
    made, lines = chunks.recurrence, []
    width = size_text(made.d)
    for number, (block, packing) in enumerate(zip(made.blocks, chunks.packings, strict=True)):
        starts = [size_text(made.d_of[chunks.hoisted.feeds[k].name]) for k in block.feeds]
        start = starts[-1]
        for term in range(len(starts) - 2, -1, -1):
            start = f"term == {term} ? {starts[term]} : {start}"
        node = chunks.hoisted.graph.nodes[chunks.hoisted.feeds[block.feeds[0]].operand]
        size = size_text(node.shape[0] if node.shape else ONE)
        use = [f"store(all.d_operand_{number} + (first * all.B + row) * ({size}) + unit, result[0], count);"]
        lines += packing.call(panel + number, f"all.d + row * ({width}) + ({start})", use)
    lines += [
        "real* pile = all.piles + (all.together ? 0 : part * all.pile);",
    ]
    for k, outer in enumerate(made.outers):
        lines += _pile(k, outer, width, body)
    return [
        _sizes(made),
        "\n".join(
            [
                "// The gradients that a chunk of steps adds to matrices, and those of the hoisted operands.",
                "static void backward_products(const Backward& all, int64_t first, const Share& share,",
                "                              int part) {",
                *(f"  {line}" for line in lines),
                "}\n",
            ]
        ),
        _sums(made),
    ]


def _sizes_of(outer: OuterSum) -> str:
    """blocks, rows and columns of a gradient, as arguments."""
    blocks = size_text(outer.blocks)
    if outer.op == "outer":
        return f"1, {size_text(outer.size)}, {size_text(outer.width)}"
    return f"{blocks}, ({size_text(outer.size)}) / ({blocks}), ({size_text(outer.width)}) / ({blocks})"


def _pile(k: int, outer: OuterSum, width: str, body: Body) -> list[str]:
    sizes, offset = _sizes_of(outer), size_text(outer.d)
    return [
        f"if (all.outer_{k})",
        f"  pile_up(share, {sizes},",
        f"    [&](int64_t row) -> const real* {{ return all.d + row * ({width}) + {offset}; }},",
        "    [&](int64_t at) -> const real* {",
        "      const int64_t step = first + at / all.B, row = at % all.B;",
        f"      return {body.address(outer.v)};",
        "    }, pile);",
        f"pile += pile_size({sizes});",
    ]


def _sizes(made: Recurrence) -> str:
    piles = [f"pile_size({_sizes_of(o)})" for o in made.outers]
    return "\n".join(
        [
            "static int64_t pile_of(const Backward& all) {",
            f"  return {' + '.join(piles) or '0'};",
            "}\n",
        ]
    )


def room_text(type_: str, packings: list[Packing], own: int, chunks: Chunks) -> str:
    """The function that tells what room a thread needs: for operands in bfloat16, for packed rows. The first
    `own` products are a step's, the others a chunk's."""
    sizes = [
        f"rounded_size({'mine' if k < own else 'mine * all.chunk'}, {p.blocks}, {p.depth})"
        for k, p in enumerate(packings)
    ]
    if chunks.back:
        outers = chunks.recurrence.outers
        sizes += [f"room_size({_sizes_of(o)}) * deep(mine * all.chunk)" for o in outers]
    lines = [f"  size = {size};\n  if (size > most) most = size;" for size in sizes]
    return "\n".join(
        [
            f"static int64_t room_of(const {type_}& all) {{",
            "  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;",
            "  int64_t most = 0, size;",
            *lines,
            "  return most;",
            "}\n",
        ]
    )


def _sums(made: Recurrence) -> str:
    lines = []
    for k, outer in enumerate(made.outers):
        add = "false" if outer.first else "true"
        lines += [
            f"  if (all.outer_{k})",
            f"    from_piles(pile, all.pile, all.together ? 1 : all.threads, {_sizes_of(outer)},",
            f"               all.outer_{k}, {add}, part, parts);",
            f"  pile += pile_size({_sizes_of(outer)});",
        ]
    return "\n".join(
        [
            "// The gradients of the matrices, from the sums of all threads.",
            "static void backward_sums(void* data, int part, int parts) {",
            "  const Backward& all = *(const Backward*)data;",
            "  const real* pile = all.piles;",
            *lines,
            "}\n",
        ]
    )
