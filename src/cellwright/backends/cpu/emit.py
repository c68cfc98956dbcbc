"""A recurrence as C++: both routines and the entries that ctypes calls. Floor 2.

The text is meant to be read: gates have their names, the equations stand at the top. It is the same for every
size, type and machine; `vector.h` and `product.h` give it vectors and matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from cellwright.backends.cpu.chunks import backward_chunks, forward_chunks
from cellwright.backends.cpu.names import letters_of
from cellwright.backends.cpu.writer import Writer
from cellwright.compiler.dims import Dim
from cellwright.compiler.fuse import schedule
from cellwright.compiler.graph import Graph
from cellwright.compiler.hoist import Hoisted, hoist
from cellwright.compiler.places import Recurrence, width
from cellwright.compiler.routine import make_recurrence
from cellwright.compiler.show import equations


@dataclass(frozen=True)
class Entry:
    """One entry of the library: the arrays it takes, in order; the width of a row of scratch."""

    name: str
    arrays: tuple[str, ...]
    scratch: Dim


@dataclass(frozen=True, eq=False)
class Program:
    """All that is derived from a graph: the plan, the text, and how to call it."""

    hoisted: Hoisted
    recurrence: Recurrence
    letters: tuple[str, ...]
    entries: tuple[Entry, ...]
    text: str


@lru_cache(maxsize=256)
def emit(graph: Graph, record: tuple[str, ...] = ()) -> Program:
    """Everything a graph needs to run here; `record` names values to give out at every step, without a way
    back."""
    seen = tuple(graph.named[name] for name in record)
    hoisted = hoist(replace(graph, returns=(*graph.returns, *seen)))
    made = make_recurrence(hoisted, record)
    widths = _widths(hoisted, made)
    letters = letters_of([*widths.values(), *(d for n in hoisted.graph.nodes for d in n.shape)])
    states = tuple(n.name for n in hoisted.step.states)
    texts, entries = [], []
    ways = ((made.forward, forward_chunks), (made.backward, backward_chunks))
    for routine, make in ways[:1] if record else ways:
        writer = Writer(routine, schedule(routine), widths, letters, states, made.sums, make(hoisted, made))
        texts.append(writer.text())
        entries.append(Entry(routine.name, writer.arrays, writer.body.scratch))
    head = [f"// {line}".rstrip() for line in _header(graph)]
    text = "\n".join([*head, "", _COMMON, *texts])
    return Program(hoisted, made, letters, tuple(entries), text)


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
    widths |= {name: size for name, size in made.widths.items() if name.startswith(".seen")}
    widths[".dy"] = width(hoisted.step.states[0])
    for number, block in enumerate(made.blocks):
        widths[f".operand_{number}"] = width(hoisted.graph.nodes[hoisted.feeds[block.feeds[0]].operand])
    for o in hoisted.outside:
        node = nodes[("parameter" if o.kind == "parameter" else "input", o.name)]
        if len(node.shape) < 2:
            widths |= {o.name: width(node), f".d {o.name}": width(node)}
    return widths | {".kept": made.kept, ".d": made.d}


_COMMON = """\
struct Needs {
  int64_t panels, pile, room;
};
typedef void (*Run)(void (*task)(void* data, int part, int parts), void* data, int n);
#if defined(__x86_64__) || defined(__i386__)
#define REST __builtin_ia32_pause()
#else
#define REST __asm__ volatile("" ::: "memory")
#endif

// What a thread works on: its own rows, the longest sequences first; or, where the weights are too large for
// one thread's cache, its own units of all rows, with the others at its side (`together`).
template <class All> INLINE Share share_of(const All& all, int part, int parts) {
  real* const room = all.room + part * all.room_each;
  if (all.together) return {all.rows, all.B, part, parts, room};
  const int64_t begin = all.B * part / parts, end = all.B * (part + 1) / parts;
  return {all.rows + begin, end - begin, 0, 1, room};
}
// Threads that work together wait here until all have come.
template <class All> INLINE void wait_for_all(const All& all, const Share& share) {
  if (share.parts == 1) return;
  int64_t *const come = all.gate, *const round = all.gate + 8;
  const int64_t now = __atomic_load_n(round, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(come, 1, __ATOMIC_ACQ_REL) == share.parts) {
    __atomic_store_n(come, 0, __ATOMIC_RELAXED);
    __atomic_store_n(round, now + 1, __ATOMIC_RELEASE);
    return;
  }
  for (int spin = 0; __atomic_load_n(round, __ATOMIC_ACQUIRE) == now; spin++) {
    if (spin < 4000) REST;
    else sched_yield();
  }
}
template <class All> INLINE int64_t steps_of(const All& all, int64_t row) {
  return all.lengths ? all.lengths[row] : all.T;
}

// A state as a step left it: its history, or the initial state where `step` is the number of steps done.
// The history of all but the output is a ring of two steps (`ring` = 1) where no way back follows.
INLINE const real* previous(const real* history, const real* start, int64_t step, int64_t row, int64_t B,
                            int64_t size, int64_t ring) {
  return step == 0 ? start + row * size : history + (((step - 1) & ring) * B + row) * size;
}

// A state before a step: what the step before left, or where a sequence begins anew, its fresh state.
template <class All> INLINE const real* before(const All& all, const real* history, const real* start, const
real* fresh, int64_t step,
                          int64_t row, int64_t size, int64_t ring) {
  if (all.resets && all.resets[step * all.B + row]) return fresh + row * size;
  return previous(history, start, step, row, all.B, size, ring);
}

// The gradient of a state that was put aside goes to the fresh one instead.
INLINE void begin_anew(real* carry, real* fresh, int64_t size) {
  for (int64_t k = 0; k < size; k++) fresh[k] += carry[k], carry[k] = 0;
}

// All steps and rows of a chunk that are real: row (step - first) * B + row of an array with a row for each.
template <class All>
INLINE Share chunk_of(const All& all, const Share& share, int64_t first, int32_t* marks) {
  int64_t count = 0;
  for (int64_t step = first; step < first + all.chunk && step < all.T; step++)
    for (int64_t n = 0; n < share.count && steps_of(all, share.rows[n]) > step; n++)
      marks[count++] = (int32_t)((step - first) * all.B + share.rows[n]);
  return {marks, count, share.part, share.parts, share.room};
}
"""
