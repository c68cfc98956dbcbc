"""Layers. Floor 4: `Recurrent` for any cell; `RNN`, `LSTM`, `GRU` in the place of torch.nn's."""

from cellwright.nn.dropin import GRU, LSTM, RNN
from cellwright.nn.layer import Layer
from cellwright.nn.recurrent import Recurrent

__all__ = ["GRU", "LSTM", "RNN", "Layer", "Recurrent"]
