"""What a stream asks of the thing it streams: how a step is taken, and what is carried on. Floor 5.

`LayerWay` is that of a layer. Upper rooms bring their own, by the method `way` of what they stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

# door(x, out, rows) takes a plain step at once, or answers NotImplemented and has done nothing.
Door = Callable[[Any, Any, Any], Any]


class Way(Protocol):
    """How steps are taken. Whatever is refused leaves what is carried as it was."""

    door: Door
    steps: int

    def push(self, x_t: Any, out: Any, rows: Any, inputs: Any) -> Any:
        """One step; what comes out."""

    def reset(self, state: Mapping[str, Tensor] | None, rows: Any) -> None:
        """Begin anew, all or some of the streams."""

    def refresh(self) -> None:
        """Take what it computes by anew."""

    def state(self) -> dict[str, Tensor]:
        """Copies of the states by name."""

    def carried(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """What a snapshot keeps, steps aside: tensors, and facts as JSON."""

    def carry(self, tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> None:
        """Go on from what `carried` gave."""

    def identity(self) -> dict[str, Any]:
        """What makes the streamed thing this one, as JSON: a snapshot of another one is refused."""

    def shown(self, identity: dict[str, Any]) -> str:
        """An identity in a few words."""

    def explain(self) -> str:
        """What takes the steps, and why not what is faster."""

    def __str__(self) -> str:
        """What is streamed, and how many streams, for a repr."""


@runtime_checkable
class Streamed(Protocol):
    """Something with a way of its own, such as a trained run."""

    def way(self) -> Way:
        """A fresh way."""


def closed(x_t: Any, out: Any, rows: Any) -> Any:
    """A door that nothing goes through."""
    return NotImplemented
