"""Both routines of a recurrence, made from a hoisted step and its adjoint. Floor 1.

Here it is decided what is kept for the way back and what is computed anew, and where every value lies. A kept
value lies where a feed lay that nobody reads any more: it costs no memory.
"""

from __future__ import annotations

from cellwright.compiler.build import Builder
from cellwright.compiler.derive import Adjoint, derive
from cellwright.compiler.dims import ZERO, Dim
from cellwright.compiler.gradients import GradientLayout
from cellwright.compiler.graph import Graph, Node
from cellwright.compiler.hoist import Hoisted
from cellwright.compiler.inner_ops import ALL, ANY_LEAF, VALUE_OF_OPERAND, reads
from cellwright.compiler.lower import lower
from cellwright.compiler.ops import COMPARISONS
from cellwright.compiler.places import FeedBlock, Place, Recurrence, Routine, width
from cellwright.compiler.simplify import copy_node, read_by


def make_recurrence(hoisted: Hoisted, seen: tuple[str, ...] = ()) -> Recurrence:
    """Both routines of a hoisted step. `seen`: names of the values that it returns after the states, to be
    given out at every step; then nothing is kept for a way back."""
    return _Maker(hoisted, seen).make()


class _Maker:
    """The work of `make_recurrence`, in named steps over shared tables."""

    def __init__(self, hoisted: Hoisted, seen: tuple[str, ...]) -> None:
        self.hoisted, self.step, self.seen = hoisted, hoisted.step, seen
        self.blocks = _feed_blocks(hoisted)
        self.places = _leaf_places(hoisted, self.blocks)
        self.adjoint = _with_output_gradient(derive(self.step), self.step)
        self.matrices = {
            self.adjoint.nodes[leaf].name: _outers(self.adjoint.nodes, g)
            for leaf, g in self.adjoint.results
            if len(self.adjoint.nodes[leaf].shape) > 1
        }

    def make(self) -> Recurrence:
        self._lower()
        self._choose_kept()
        forward, kept_width = self._forward()
        if self.seen:
            none = Routine("backward", (), {}, ())
            return Recurrence(forward, none, self.blocks, ZERO, ZERO, ZERO, widths=self._widths())
        return self._backward(forward, kept_width)

    def _lower(self) -> None:
        """One list of nodes for both ways; every wanted value has a node of its own."""
        adjoint = self.adjoint
        self.vectors = {leaf: g for leaf, g in adjoint.results if len(adjoint.nodes[leaf].shape) < 2}
        wanted = [*adjoint.returns, *self.vectors.values()]
        wanted += [k for outers in self.matrices.values() for _, d, v in outers for k in (d, v)]
        lowered = lower(adjoint.nodes, tuple(wanted))
        builder = Builder()
        place: dict[int, int] = {}
        for k, node in enumerate(lowered.nodes):
            place[k] = copy_node(builder, node, tuple(place[o] for o in node.operands))
        at = {k: place[v] for k, v in lowered.place.items()}
        self.returns = tuple(self._own(builder, at[k]) for k in adjoint.returns)
        names = {leaf: (adjoint.nodes[leaf].op, adjoint.nodes[leaf].name) for leaf in self.vectors}
        self.gradient = {names[leaf]: self._own(builder, at[g]) for leaf, g in self.vectors.items()}
        feeds = {f.name for f in self.hoisted.feeds}
        for leaf in self.step.nodes:
            carried = leaf.op == "state" or (leaf.op == "input" and leaf.name in feeds)
            if carried and (leaf.op, leaf.name) not in self.gradient:
                self.gradient[(leaf.op, leaf.name)] = _zero(builder, leaf)
        self.outers = {
            name: [(op, self._own(builder, at[d]), self._stored(builder, at[v])) for op, d, v in outers]
            for name, outers in self.matrices.items()
        }
        self.nodes = tuple(builder.nodes)
        self.early = read_by(self.nodes, self.returns)

    @staticmethod
    def _own(builder: Builder, k: int) -> int:
        """A stored value is a row's own work: not a leaf, a product or a rearrangement."""
        op = builder.nodes[k].op
        bare = op in ANY_LEAF or ALL[op].kind in ("product", "along", "arrange")
        return builder.add("copy", k) if bare else k

    @staticmethod
    def _stored(builder: Builder, k: int) -> int:
        """A product's operand is a leaf or lies somewhere: a rearrangement does not, so it is written out."""
        op = builder.nodes[k].op
        return builder.add("copy", k) if op not in ANY_LEAF and ALL[op].kind == "arrange" else k

    def _choose_kept(self) -> None:
        """Walk back from the gradients: a forward value is kept unless it is cheap from what is there."""
        late = [*self.gradient.values(), *(d for rows in self.outers.values() for _, d, _ in rows)]
        todo, seen = list(late), set()
        wanted: set[int] = {v for rows in self.outers.values() for _, _, v in rows if self._computed(v)}
        forced = set(wanted)
        while todo:
            k = todo.pop()
            if k in seen:
                continue
            seen.add(k)
            if k in self.early and self.nodes[k].op not in ANY_LEAF:
                wanted.add(k)
                if not self._passes(k):
                    continue
            todo.extend(reads(self.nodes[k].op, self.nodes[k].operands))
        self.kept: list[int] = []
        there: set[int] = set(self.returns)
        if self.seen:
            wanted = set()
        for k in sorted(wanted):
            if k in there and k not in forced:
                continue
            if k in forced or not self._cheap(k, there):
                self.kept.append(k)
            there.add(k)
        self.there = there

    def _computed(self, k: int) -> bool:
        return self.nodes[k].op not in ANY_LEAF

    def _passes(self, k: int) -> bool:
        """Comparisons and rearrangements are never kept: their operands are."""
        node = self.nodes[k]
        return node.op in COMPARISONS or ALL[node.op].kind == "arrange" or node.op in VALUE_OF_OPERAND

    def _cheap(self, k: int, there: set[int]) -> bool:
        node = self.nodes[k]
        row = ALL[node.op]
        if row.kind not in ("pointwise", "arrange"):
            return False
        for o in reads(node.op, node.operands):
            leaf = self.nodes[o]
            feed = leaf.op == "input" and self.places[("input", leaf.name)].array.startswith(".feed")
            if feed and not self._passes(k):
                return False
            if self._computed(o) and o not in there:
                return False
        return row.cost <= 8

    def _forward(self) -> tuple[Routine, Dim]:
        slots = self._slots()
        new = zip(self.returns, self.step.states, strict=False)
        stores = [(k, Place(state.name, "step")) for k, state in new]
        shown = self.returns[len(self.step.states) :]
        stores += [(k, Place(f".seen {name}", "step")) for name, k in zip(self.seen, shown, strict=True)]
        stores += [(k, slots[k]) for k in self.kept]
        self.slots = slots
        builder = Builder()
        place: dict[int, int] = {}
        loads: dict[int, Place] = {}
        for k in sorted(read_by(self.nodes, [k for k, _ in stores])):
            self._copy(builder, k, place, loads)
        routine = Routine("forward", tuple(builder.nodes), loads, tuple((place[k], p) for k, p in stores))
        return routine, self.kept_width

    def _copy(self, builder: Builder, k: int, place: dict[int, int], loads: dict[int, Place]) -> None:
        node = self.nodes[k]
        for o in node.operands:
            if o not in place:
                # Only its shape is read: any leaf of that shape stands for it.
                place[o] = builder.leaf("input", f"shape_{o}", self.nodes[o].shape)
        place[k] = copy_node(builder, node, tuple(place[o] for o in node.operands))
        if (node.op, node.name) in self.places:
            loads[place[k]] = self.places[(node.op, node.name)]

    def _slots(self) -> dict[int, Place]:
        """A place for every kept value: over a feed of its size that is read no more, else in `.kept`."""
        readers: dict[int, list[int]] = {}
        for k in read_by(self.nodes, self.returns):
            for o in reads(self.nodes[k].op, self.nodes[k].operands):
                readers.setdefault(o, []).append(k)
        needed_late = self._needed_late()
        free = [
            k for k, n in enumerate(self.nodes)
            if n.op == "input" and n.shape and self.places[("input", n.name)].array.startswith(".feed")
            and k not in needed_late
        ]  # fmt: skip
        slots: dict[int, Place] = {}
        self.kept_width = ZERO
        for k in self.kept:
            feed = next((f for f in free if self._may_cover(f, k, readers)), None)
            if feed is not None:
                free.remove(feed)
                slots[k] = self.places[("input", self.nodes[feed].name)]
            else:
                slots[k] = Place(".kept", "step", self.kept_width)
                self.kept_width = self.kept_width + width(self.nodes[k])
        return slots

    def _may_cover(self, feed: int, k: int, readers: dict[int, list[int]]) -> bool:
        """Every reader of the feed is an ancestor of the value, or the value: all come before its store."""
        if self.nodes[feed].shape != self.nodes[k].shape:
            return False
        before = read_by(self.nodes, [k])
        return all(r in before for r in readers.get(feed, []))

    def _needed_late(self) -> set[int]:
        """Leaves that the way back reads again."""
        late = [*self.gradient.values(), *(d for rows in self.outers.values() for _, d, _ in rows)]
        todo, seen = list(late), set()
        stop = set(self.kept) | set(self.returns)
        while todo:
            k = todo.pop()
            if k not in seen:
                seen.add(k)
                if k not in stop:
                    todo.extend(reads(self.nodes[k].op, self.nodes[k].operands))
        return seen

    def _backward(self, forward: Routine, kept_width: Dim) -> Recurrence:
        layout = GradientLayout(self)
        d_of, d_stores, total = layout.of_d()
        sum_of, sums, sums_width = layout.of_sums()
        stores = [
            (self.gradient[("state", s.name)], Place(f".carry {s.name}", "carry_out"))
            for s in self.step.states
        ]
        stores += d_stores
        builder = Builder()
        place: dict[int, int] = {}
        loads: dict[int, Place] = {}
        loaded = {k: self.slots[k] for k in self.kept}
        for k, state in zip(self.returns, self.step.states, strict=False):
            loaded.setdefault(k, Place(state.name, "step"))
        self._copy_back(builder, [k for k, _ in stores] + [k for k, _ in sums], place, loads, loaded)
        backward = Routine(
            "backward",
            tuple(builder.nodes),
            loads,
            tuple((place[k], p) for k, p in stores),
            tuple((place[k], offset) for k, offset in sums),
        )
        outers = (*layout.of_feeds(d_of), *layout.of_weights())
        sums_of = (sums_width, d_of, sum_of, outers)
        return Recurrence(forward, backward, self.blocks, kept_width, total, *sums_of, self._widths())

    def _widths(self) -> dict[str, Dim]:
        """Of the states and of what is given out."""
        shown = self.returns[len(self.step.states) :]
        widths = {n.name: width(n) for n in self.step.states}
        return widths | {
            f".seen {name}": width(self.nodes[k]) for name, k in zip(self.seen, shown, strict=True)
        }

    def _copy_back(
        self,
        builder: Builder,
        roots: list[int],
        place: dict[int, int],
        loads: dict[int, Place],
        loaded: dict[int, Place],
    ) -> None:
        alive: set[int] = set()
        todo = list(roots)
        while todo:
            k = todo.pop()
            if k not in alive:
                alive.add(k)
                if k not in loaded:
                    todo.extend(reads(self.nodes[k].op, self.nodes[k].operands))
        for k in sorted(alive):
            if k in loaded:
                node = self.nodes[k]
                place[k] = builder.leaf(
                    "input", f"kept_{k}" if not node.name else f"kept {node.name}", node.shape
                )
                loads[place[k]] = loaded[k]
            else:
                self._copy(builder, k, place, loads)

    def operand_place(self, v: int) -> Place:
        """Where a product's operand lies."""
        node = self.nodes[v]
        return self.places[(node.op, node.name)] if node.op in ANY_LEAF else self.slots[v]


def _feed_blocks(hoisted: Hoisted) -> tuple[FeedBlock, ...]:
    """Matrix products of one operand lie side by side; a block-diagonal one has its own array."""
    groups: dict[tuple[int, int], list[int]] = {}
    for k, feed in enumerate(hoisted.feeds):
        alone = -1 if feed.op == "matmul" else k
        groups.setdefault((feed.operand, alone), []).append(k)
    blocks = []
    for number, members in enumerate(groups.values()):
        offsets, total = [], ZERO
        for k in members:
            offsets.append(total)
            node = hoisted.graph.nodes[hoisted.feeds[k].matrix]
            total = total + (node.shape[0] if len(node.shape) == 2 else _rows(node))
        blocks.append(FeedBlock(f".feed_{number}", tuple(members), tuple(offsets), total))
    return tuple(blocks)


def _rows(blocks: Node) -> Dim:
    return blocks.shape[1].scaled(dict(blocks.shape[0].terms)[""])


def _leaf_places(hoisted: Hoisted, blocks: tuple[FeedBlock, ...]) -> dict[tuple[str, str], Place]:
    kinds = {"state": "previous", "parameter": "fixed", "input": "step"}
    places = {(n.op, n.name): Place(n.name, kinds[n.op]) for n in hoisted.step.nodes if n.op in kinds}
    for block in blocks:
        for k, offset in zip(block.feeds, block.offsets, strict=False):
            places[("input", hoisted.feeds[k].name)] = Place(block.array, "step", offset)
    for position, state in enumerate(hoisted.step.states):
        places[("gradient", state.name)] = Place(f".carry {state.name}", "carry_in")
        if position == 0:
            places[("gradient", "")] = Place(".dy", "step")
    return places


def _with_output_gradient(adjoint: Adjoint, step: Graph) -> Adjoint:
    """The gradient of the first new state is what later steps hand back plus that of the output y."""
    builder = Builder()
    place: dict[int, int] = {}
    for k, node in enumerate(adjoint.nodes):
        if k == adjoint.seeds[0]:
            first = step.states[0]
            carried = builder.leaf("gradient", first.name, first.shape)
            place[k] = builder.add("add", carried, builder.leaf("gradient", "", first.shape))
        else:
            place[k] = copy_node(builder, node, tuple(place[o] for o in node.operands))
    results = tuple((place[a], place[b]) for a, b in adjoint.results)
    returns = tuple(place[k] for k in adjoint.returns)
    return Adjoint(tuple(builder.nodes), returns, tuple(place[k] for k in adjoint.seeds), results)


def _zero(builder: Builder, leaf: Node) -> int:
    zero = builder.constant(0.0)
    like = builder.leaf(leaf.op, leaf.name, leaf.shape)
    return builder.add("spread", zero, like) if leaf.shape else builder.add("copy", zero)


def _outers(nodes: tuple[Node, ...], k: int) -> list[tuple[str, int, int]]:
    """The terms outer(d, v) whose sum is a matrix's gradient."""
    node = nodes[k]
    if node.op == "add":
        return [pair for o in node.operands for pair in _outers(nodes, o)]
    return [(node.op, *node.operands)]  # type: ignore[list-item]
