"""Learned states before the first step. Floor 4."""

from __future__ import annotations

from cellwright.nn.frame import Frame, States
from cellwright.nn.part import Begin, Make


class LearnedStart(Begin):
    """The states before the first step are parameters, `h_l0` [size], one for each layer and direction.

    They begin where the cell says (at 0 where it says nothing) and are learned with the weights. A state
    given to the layer takes their place; a reset inside a sequence goes back to them.
    """

    def fit(self, frame: Frame, make: Make) -> None:
        """A parameter for every state."""
        self._names: list[dict[str, str]] = []
        for at, cell in enumerate(frame.cells):
            declared = dict(cell.graph.facts.start)
            for end in ("", "_reverse")[: frame.directions]:
                names = {name: f"{name}_l{at}{end}" for name in frame.state_sizes(at)}
                for name, size in frame.state_sizes(at).items():
                    self.register_parameter(names[name], make.parameter(size, value=declared.get(name, 0.0)))
                self._names.append(names)

    def start(self, start: States, place: int) -> States:
        """The parameters, for every sequence of the batch."""
        return {name: getattr(self, self._names[place][name]).expand_as(v) for name, v in start.items()}
