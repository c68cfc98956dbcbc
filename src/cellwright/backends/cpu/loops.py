"""The loops over time, forward and back, and the entries that ctypes calls. Floor 2.

Steps go in chunks: what needs no state is computed for all rows of a chunk at once, before its steps (the
hoisted products) or after them (the gradients of matrices and of the hoisted products' operands), while they
are in cache.
"""

from __future__ import annotations

from cellwright.backends.cpu.chunks import Chunks
from cellwright.backends.cpu.names import size_text, word
from cellwright.compiler.dims import Dim

NUMBERS = ("T", "B", "ring", "keep", "threads", "together", "chunk", "window")


# The arrays that every entry takes before its own: rows, lengths, resets.
FIXED = 3


def type_of(array: str) -> str:
    """The numbers of an array."""
    return {"totals": "double", "marks": "int32_t", "gate": "int64_t"}.get(array, "real")


def forward_time(states: tuple[str, ...], widths: dict[str, Dim], calls: str, chunks: Chunks) -> str:
    """The loop over time."""
    ends = []
    for state in states:
        name, size = word(state), size_text(widths[state])
        ends.append(
            f"    memcpy(all.{name}_last + row * ({size}), "
            f"previous(all.{name}, all.{name}_0, steps_of(all, row), row, all.B, {size}, "
            f"{'-1' if state == states[0] else 'all.ring'}), ({size}) * sizeof(real));"
        )
    feeds = """
    if ((step & (all.chunk - 1)) == 0) {
      forward_feeds(all, step, chunk_of(all, share, step, marks));
      wait_for_all(all, share);
    }"""
    return f"""\
static void forward_through_time(void* data, int part, int parts) {{
  const Forward& all = *(const Forward*)data;
  NoDenormals quiet;
  const Share mine = share_of(all, part, parts);
  Share share = mine;
  real* const sums = 0;{MARKS if chunks.products else ""}
  for (int64_t step = 0; step < all.T; step++) {{
    while (share.count > 0 && steps_of(all, share.rows[share.count - 1]) <= step) share.count--;
    if (share.count == 0) break;{feeds if chunks.products else ""}
    {calls}
  }}
  EACH_ROW(mine) {{
    const int64_t row = mine.rows[n];
{chr(10).join(ends)}
  }}
}}
"""


def backward_time(
    states: tuple[str, ...], widths: dict[str, Dim], calls: str, chunks: Chunks, sums: Dim
) -> str:
    """The loop back."""
    begins, resets, ends = [], [], []
    for state in states:
        name, size = word(state), size_text(widths[state])
        resets.append(
            f"        begin_anew(all.carry_{name} + (((step + 1) & 1) * all.B + row) * ({size}), "
            f"all.left_fresh_{name} + row * ({size}), {size});"
        )
        bytes_ = f"({size}) * sizeof(real)"
        begins.append(
            f"        memcpy(all.carry_{name} + ((step & 1) * all.B + row) * ({size}), "
            f"all.given_{name} + row * ({size}), {bytes_});"
        )
        ends.append(
            f"    memcpy(all.left_{name} + row * ({size}), steps_of(all, row)\n"
            f"               ? all.carry_{name} + (all.B + row) * ({size})\n"
            f"               : all.given_{name} + row * ({size}), {bytes_});"
        )
    products = """
    if ((step & (all.chunk - 1)) == 0) {
      backward_products(all, step, chunk_of(all, share, step, marks), part);
      wait_for_all(all, share);
    }"""
    return f"""\
static void backward_through_time(void* data, int part, int parts) {{
  const Backward& all = *(const Backward*)data;
  NoDenormals quiet;
  const Share mine = share_of(all, part, parts);
  Share share = mine;
  const int64_t size = {size_text(sums)};
  real* const sums = all.sums + part * size;
  double* const totals = all.totals + part * size;
  memset(sums, 0, size * sizeof(real));
  memset(totals, 0, size * sizeof(double));{MARKS + PILES if chunks.products else ""}
  share.count = 0;
  for (int64_t step = all.T - 1; step >= 0; step--) {{
    const int64_t before = share.count;
    while (share.count < mine.count && steps_of(all, mine.rows[share.count]) > step) share.count++;
    if (share.count == 0) continue;
    if (share.count > before) {{
      for (int64_t n = before; n < share.count && share.part == 0; n++) {{
        const int64_t row = mine.rows[n];
{chr(10).join(begins)}
      }}
      wait_for_all(all, share);
    }}
    {calls}
    if (all.resets) {{
      EACH_ROW(share) {{
        const int64_t row = share.rows[n];
        if (!all.resets[step * all.B + row]) continue;
{chr(10).join(resets)}
      }}
      wait_for_all(all, share);
    }}{products if chunks.products else ""}
    if (step % 32 == 0 || share.count > 32)
      for (int64_t k = 0; k < size; k++) totals[k] += sums[k], sums[k] = 0;
  }}
  EACH_ROW(mine) {{
    const int64_t row = mine.rows[n];
{chr(10).join(ends)}
  }}
}}
"""


MARKS = """
  const int64_t first_mark = all.together ? part * all.B : mine.rows - all.rows;
  int32_t* const marks = all.marks + all.chunk * first_mark;"""
PILES = """
  real* const piles = all.piles + (all.together ? 0 : part * all.pile);
  const int64_t zero = all.pile * share.part / share.parts, zeros = all.pile * (share.part + 1) / share.parts;
  memset(piles + zero, 0, (zeros - zero) * sizeof(real));"""


def entry(name: str, type_: str, letters: tuple[str, ...], arrays: tuple[str, ...], chunks: Chunks) -> str:
    """The two functions that ctypes calls: what memory is needed, and the run itself."""
    numbers = [f"  all.{n} = numbers[{k}];" for k, n in enumerate((*NUMBERS, *letters))]
    fields = [f"  all.{a} = ({type_of(a)}*)arrays[{k + FIXED}];" for k, a in enumerate(arrays)]
    pile = ["  all.pile = pile_of(all);"] if name == "backward" else []
    pile += ["  all.room_each = room_of(all);"]
    needs = "pile_of(all)" if name == "backward" else "0"
    after = [f"  run({name}_sums, &all, (int)all.threads);"] if name == "backward" and chunks.products else []
    return "\n".join(
        [
            f"static void read_{name}({type_}& all, const int64_t* numbers, void* const* arrays) {{",
            *numbers,
            "  all.rows = (const int32_t*)arrays[0];",
            "  all.lengths = (const int64_t*)arrays[1];",
            "  all.resets = (const uint8_t*)arrays[2];",
            *fields,
            *pile,
            "}",
            "// The reals that packed matrices, sums of outer products and a thread's packed rows take.",
            f'extern "C" void {name}_needs(const int64_t* numbers, void* const* arrays, Needs* needs) {{',
            f"  {type_} all;",
            f"  read_{name}(all, numbers, arrays);",
            f"  *needs = {{place_panels(all), {needs}, all.room_each}};",
            "}",
            f'extern "C" void {name}(const int64_t* numbers, void* const* arrays, Run run, Run together) {{',
            f"  {type_} all;",
            f"  read_{name}(all, numbers, arrays);",
            "  place_panels(all);",
            f"  run({name}_panels, &all, (int)all.threads);",
            f"  (all.together ? together : run)({name}_through_time, &all, (int)all.threads);",
            *after,
            "}\n",
        ]
    )
