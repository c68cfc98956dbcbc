"""The library of cells, one file of equations each. Floor 2.

`cells.lstm` is a Cell; `cells.all()` lists them; `cells.get` finds one by name or in a user's file.
"""

from cellwright.cells.coupled import coupled
from cellwright.cells.coupled_peephole import coupled_peephole
from cellwright.cells.elman import elman
from cellwright.cells.find import all, get
from cellwright.cells.gru import gru
from cellwright.cells.gru_v1 import gru_v1
from cellwright.cells.lstm import lstm
from cellwright.cells.lstm_joined import lstm_joined
from cellwright.cells.lstm_projected import lstm_projected
from cellwright.cells.peephole import peephole

__all__ = [
    "all", "coupled", "coupled_peephole", "elman", "get", "gru", "gru_v1", "lstm", "lstm_joined",
    "lstm_projected", "peephole",
]  # fmt: skip
