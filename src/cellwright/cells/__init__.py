"""The library of cells, one file of equations each. Floor 2.

`cells.lstm` is a Cell; `cells.all()` lists them; `cells.get` finds one by name or in a user's file.
"""

from cellwright.cells.coupled import coupled
from cellwright.cells.coupled_peephole import coupled_peephole
from cellwright.cells.elman import elman
from cellwright.cells.fastgrnn import fastgrnn
from cellwright.cells.find import all, get
from cellwright.cells.gru import gru
from cellwright.cells.gru_layer_norm import gru_layer_norm
from cellwright.cells.gru_v1 import gru_v1
from cellwright.cells.indrnn import indrnn
from cellwright.cells.janet import janet
from cellwright.cells.lem import lem
from cellwright.cells.ligru import ligru
from cellwright.cells.lstm import lstm
from cellwright.cells.lstm_joined import lstm_joined
from cellwright.cells.lstm_layer_norm import lstm_layer_norm
from cellwright.cells.lstm_layer_norm_stored import lstm_layer_norm_stored
from cellwright.cells.lstm_multiplicative import lstm_multiplicative
from cellwright.cells.lstm_projected import lstm_projected
from cellwright.cells.mgu import mgu
from cellwright.cells.mingru import mingru
from cellwright.cells.minlstm import minlstm
from cellwright.cells.peephole import peephole
from cellwright.cells.qrnn import qrnn
from cellwright.cells.rhn import rhn
from cellwright.cells.slstm import slstm
from cellwright.cells.sru import sru
from cellwright.cells.ugrnn import ugrnn

__all__ = [
    "all", "coupled", "coupled_peephole", "elman", "fastgrnn", "get", "gru", "gru_layer_norm", "gru_v1",
    "indrnn", "janet", "lem", "ligru", "lstm", "lstm_joined", "lstm_layer_norm", "lstm_layer_norm_stored",
    "lstm_multiplicative", "lstm_projected", "mgu", "mingru", "minlstm", "peephole", "qrnn", "rhn", "slstm",
    "sru", "ugrnn",
]  # fmt: skip
