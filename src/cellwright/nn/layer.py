"""The algorithm of every recurrent layer: layers, directions, lengths, resets, parts. Floor 4.

`Layer` is abstract in one thing: where its weights are kept. `Recurrent` keeps each under its equation's
name, the drop-ins keep torch.nn's packed tensors.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from cellwright.backends.call import Call, Outcome
from cellwright.compiler.trace import Cell
from cellwright.errors import KindError, SettingError
from cellwright.nn.dropout import dropout
from cellwright.nn.frame import Frame, States, need_size
from cellwright.nn.part import Around, Begin, Inside, Make, OnWeights, Part
from cellwright.nn.run import Executor, Given, Run, Step, Wanted, begin_run
from cellwright.nn.shapes import lower_type, need_finite, own_type, reversed_steps, zero_past
from cellwright.runtime import segments
from cellwright.runtime.choose import execute
from cellwright.runtime.function import text_of, traced

# Shorter segments than of so many numbers take longer to begin than to run.
LEAST = 1 << 21
KINDS = (Around, Inside, OnWeights, Begin)


class Layer(nn.Module, ABC):
    """Any cell over a sequence."""

    def __init__(
        self,
        frame: Frame,
        batch_first: bool = False,
        dropout: float = 0.0,
        backend: str | None = None,
        checkpoint: str | int | None = None,
    ) -> None:
        super().__init__()
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise SettingError("dropout is a probability", got=dropout, expected="0 to 1")
        if isinstance(checkpoint, str) and checkpoint != "sqrt":
            raise SettingError("no such checkpoint", got=checkpoint, expected='"sqrt" or a number of steps')
        if checkpoint is not None and checkpoint != "sqrt":
            need_size("checkpoint", checkpoint, 1)
        self.frame, self.cell = frame, frame.cells[0]
        self.input_size, self.num_layers = frame.input_size, frame.layers
        same = len(set(frame.hidden)) == 1
        self.hidden_size: int | tuple[int, ...] = frame.hidden[0] if same else frame.hidden
        self.batch_first, self.bidirectional = batch_first, frame.directions == 2
        self.dropout, self.backend, self.checkpoint = float(dropout), backend, checkpoint
        self._parts: tuple[Part, ...] = ()
        self._steps = self._made_steps()

    def take(self, parts: Sequence[Part], make: Make) -> None:
        """Fit parts to this layer. Called once, after the layer's own weights are made.

        Raises:
            SettingError: what is no part, a part of another layer, one kind twice, or one that does not suit.
        """
        if not isinstance(parts, (list, tuple)):
            raise KindError("parts", parts, "list")
        for part in parts:
            if not isinstance(part, KINDS):
                raise SettingError("this is no part of a layer", got=type(part).__name__)
            if part.fitted:
                raise SettingError(f"{type(part).__name__} is part of another layer", fix="make a new one")
            part.fit(self.frame, make)
            part.fitted = True
        kinds = [type(part).__name__ for part in parts]
        twice = [name for name in dict.fromkeys(kinds) if kinds.count(name) > 1]
        if twice:
            raise SettingError("a layer takes each kind of part once", got=f"{twice[0]} twice")
        self.parts = nn.ModuleList(parts)
        self._parts = tuple(parts)
        self._steps = self._made_steps()

    def _made_steps(self) -> dict[bool, list[Step]]:
        """The steps by layer, while training and in evaluation."""
        inside = sorted((p for p in self._parts if isinstance(p, Inside)), key=lambda part: part.order)
        made: dict[bool, list[Step]] = {}
        for training in (True, False):
            made[training] = []
            for at, cell in enumerate(self.frame.cells):
                graph = cell.graph
                for part in inside:
                    graph = part.derive(graph, training)
                sizes = self.frame.sizes(at)
                own_inputs = {n.name for n in cell.graph.inputs}
                added = [n for n in graph.inputs if n.name not in own_inputs]
                widths = {n.name: n.shape[0].evaluate(sizes) if n.shape else 1 for n in added}
                own = cell if graph is cell.graph else Cell(graph)
                beside = tuple(n.name for n in cell.graph.inputs[1:])
                weights = tuple(n.name for n in graph.parameters)
                names = tuple(graph.named)
                made[training].append(Step(own, text_of(graph), names, weights, beside, widths))
        return made

    @abstractmethod
    def weights(self, layer: int = 0, reverse: bool = False) -> dict[str, Tensor]:
        """The weights of one layer and direction under the names of the equations."""

    @property
    def directions(self) -> int:
        """D: 2 when bidirectional."""
        return self.frame.directions

    @property
    def output_size(self) -> int:
        """The width of y: the size of the last layer's first state, times D where directions are joined."""
        return self.frame.gives(self.num_layers - 1)

    def sizes(self, layer: int = 0) -> dict[str, int]:
        """H and I of one layer."""
        return self.frame.sizes(layer)

    def state_sizes(self, layer: int = 0) -> dict[str, int]:
        """The size of every state of a layer by name; a scalar state has size 1."""
        return self.frame.state_sizes(layer)

    def running(self, layer: int = 0, training: bool | None = None) -> Cell:
        """The cell that a layer runs: the one it was given, as its parts changed it for its present mode."""
        return self._steps[self.training if training is None else training][layer].cell

    def run_weights(self, layer: int, reverse: bool, training: bool) -> dict[str, Tensor]:
        """The weights that one run reads: `weights`, as the layer's parts changed them."""
        weights = self.weights(layer, reverse)
        for part in self._parts:
            if isinstance(part, OnWeights):
                weights = part.changed(weights, layer, training)
        return weights

    def connections(self) -> list[str]:
        """The names of the parts that compute something between layers in evaluation too."""
        return [type(p).__name__ for p in self._parts if isinstance(p, Around) and not p.only_trains]

    def start(self, batch: int, like: Tensor) -> States:
        """The states before the first step, [L*D, B, size]: zero, what the cell declares, or learned ones."""
        return self.frame.join(self._start(batch, like))

    def _start(self, batch: int, like: Tensor) -> list[States]:
        starts: list[States] = []
        learned = [part for part in self._parts if isinstance(part, Begin)]
        for place in range(self.num_layers * self.directions):
            at = place // self.directions
            facts = dict(self.frame.cells[at].graph.facts.start)
            sizes = self.frame.state_sizes(at)
            start = {name: like.new_full((batch, size), facts.get(name, 0.0)) for name, size in sizes.items()}
            starts.append(learned[0].start(start, place) if learned else start)
        return starts

    def call(
        self,
        x: Tensor,
        lengths: Tensor | Sequence[int] | None = None,
        inputs: Mapping[str, Tensor] | None = None,
    ) -> Call:
        """What the first layer's forward direction would hand to a backend: for `explain`."""
        x, like = x.transpose(0, 1) if self.batch_first else x, next(self.parameters())
        x = own_type(x, like)
        given = Given(x, None, lengths, None, inputs)
        return self._call(x, 0, 0, begin_run(self.frame, given, Wanted(), like, self._start))

    def run(
        self,
        x: Tensor,
        state: Mapping[str, Tensor] | None = None,
        lengths: Tensor | Sequence[int] | None = None,
        record: bool | tuple[str, ...] = (),
        stop: bool = True,
        resets: Tensor | None = None,
        check: bool = False,
        execute: Executor | None = None,
        inputs: Mapping[str, Tensor] | None = None,
    ) -> tuple[Tensor, States, list[States]]:
        """x [T, B, I] -> y [T, B, D*H], states [L*D, B, size], recorded values by layer and direction.

        Without `stop` the cells run on over the padding: y before each length is the same, the rest is not.
        `check` refuses what is not finite. `execute` runs a cell over time in the place of the backends: for
        those who look inside.
        """
        like, wanted = next(self.parameters()), Wanted(record, stop, check, execute)
        x = own_type(x, like)
        run = begin_run(self.frame, Given(x, state, lengths, resets, inputs), wanted, like, self._start)
        if check:
            need_finite(x, "the input")
        around = [part for part in self._parts if isinstance(part, Around)]
        for at in range(self.num_layers):
            inner: Callable[[Tensor], Tensor] = partial(self._directions, at=at, run=run)
            for part in reversed(around):
                inner = partial(part.around, inner=inner, at=at, training=self.training)
            x = inner(x)
            if check:
                need_finite(x, f"the output of layer {at}")
        return x, self.frame.join(run.last), run.kept

    def outputs(self, x: Tensor, lengths: Tensor | Sequence[int] | None = None) -> Tensor:
        """y alone, [T, B, D*H] from x [T, B, I] (time first always), zero past each length.

        The same numbers as the call gives, sooner: no state has to be caught at each end, so that a backend
        may run through the padding (2 to 5 times as fast with torch's own kernels).
        """
        y, _, _ = self.run(x, None, lengths, stop=False)
        return y if lengths is None else zero_past(y, torch.as_tensor(lengths, device=y.device))

    def _directions(self, x: Tensor, at: int, run: Run) -> Tensor:
        """What one layer gives for x, its directions merged; its states and recorded values go to the run."""
        if at:
            x = dropout(x, self.dropout, self.training)
        outputs = []
        for way in range(self.directions):
            call = self._call(x, at, way, run)
            step = self._steps[self.training][at]
            execute = run.wanted.execute
            out = execute(step.cell.graph, call) if execute else self._execute(step, call)
            kept = {name: zero_past(value, call.lengths) for name, value in out.recorded.items()}
            if way:
                kept = {name: reversed_steps(value, run.counts) for name, value in kept.items()}
            outputs.append(reversed_steps(out.y, run.counts) if way else out.y)
            run.last.append(out.states)
            run.kept.append(kept)
        return _merged(outputs, self.frame.merge)

    def _call(self, x: Tensor, at: int, way: int, run: Run) -> Call:
        """What a backend is handed for one layer and direction."""
        step, place, record = self._steps[self.training][at], at * self.directions + way, run.wanted.record
        resets, inputs = run.resets, run.inputs
        x = own_type(x, next(iter(run.begin[place].values())))
        if way:
            x, resets, inputs = run.turned(x)
        extra = {name: inputs[name] for name in step.inputs}
        for part in self._parts:
            if isinstance(part, Inside) and step.added:
                extra |= part.feeds(step.added, x.shape[0], x.shape[1], x)
        weights = self.run_weights(at, bool(way), self.training)
        # In the graph's own order: by it the compiled operator takes them apart again.
        extra = {name: extra[name] for name in (*step.inputs, *step.added)}
        return Call(
            x,
            run.begin[place],
            {name: weights[name] for name in step.weights},
            run.counts if run.wanted.stop else None,
            extra or None,
            step.names if record is True else tuple(record or ()),
            resets,
            None if resets is None else run.fresh[place],
            self._segment(x.shape[0], x.shape[1] * self.frame.hidden[at]),
            lower_type(x.device.type),
        )

    def _segment(self, steps: int, width: int) -> int | None:
        """How many steps the way back computes at a time, if not all at once; `width` numbers in each."""
        if self.checkpoint is None or torch.compiler.is_exporting():
            return None
        length = self.checkpoint
        if length == "sqrt":
            length = max(math.isqrt(max(steps - 1, 0)) + 1, -(-LEAST // max(width, 1)))
        return length if isinstance(length, int) and length < steps else None

    def _execute(self, step: Step, call: Call) -> Outcome:
        if torch.compiler.is_compiling():
            return traced(step.text, call, self.backend)
        if call.segment is not None:
            return segments.run(step.cell.graph, call, self.backend)
        return execute(step.cell.graph, call, self.backend)


def _merged(outputs: list[Tensor], merge: str) -> Tensor:
    """The outputs of both directions as one."""
    if len(outputs) == 1:
        return outputs[0]
    if merge == "concat":
        return torch.cat(outputs, -1)
    ahead, back = outputs
    if merge == "mul":
        return ahead * back
    return ahead + back if merge == "sum" else (ahead + back) / 2
