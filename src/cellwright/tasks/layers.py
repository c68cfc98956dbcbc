"""The recurrent layers of a task's network, as its settings name them. Floor 6."""

from __future__ import annotations

from dataclasses import dataclass

from cellwright.compiler.trace import Cell
from cellwright.nn import Recurrent
from cellwright.tasks.training.general import Settings


@dataclass(frozen=True)
class Layers:
    """What a network is told of its recurrent layers; see `Settings` for what each means.

    `dropout` is also the share of what is dropped elsewhere in most networks, before the head above all.
    """

    cell: Cell
    units: int
    layers: int = 1
    bidirectional: bool = False
    dropout: float = 0.0

    @classmethod
    def of(cls, settings: Settings, cell: Cell) -> Layers:
        """Those that a task's settings ask for, of this cell."""
        return cls(cell, settings.units, settings.layers, settings.bidirectional, settings.dropout)

    def over(self, inputs: int) -> Recurrent:
        """The layers themselves, untrained, over steps of `inputs` numbers; one drops nothing between."""
        return Recurrent(
            self.cell,
            inputs,
            self.units,
            self.layers,
            bidirectional=self.bidirectional,
            dropout=self.dropout if self.layers > 1 else 0.0,
        )
