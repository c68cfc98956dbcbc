"""Layers. Floor 4: `Recurrent` for any cell, with parts; `RNN`, `LSTM`, `GRU` as torch.nn's; `CRF`."""

from cellwright.nn.around import Highway, LayerNorm, LockedDropout, Residual
from cellwright.nn.attention import Additive, Attention, Memory, Multiplicative
from cellwright.nn.carry import carry_state
from cellwright.nn.convert import convert
from cellwright.nn.crf import CRF
from cellwright.nn.decoder import Decoded, Decoder
from cellwright.nn.drop_connect import DropConnect
from cellwright.nn.dropin import GRU, LSTM, RNN
from cellwright.nn.dropout import Dropout
from cellwright.nn.inside import ClipGradient, StateDropout, Zoneout
from cellwright.nn.layer import Layer
from cellwright.nn.learned_start import LearnedStart
from cellwright.nn.linear_cross_entropy import linear_cross_entropy
from cellwright.nn.part import Around, Begin, Inside, OnWeights, Part
from cellwright.nn.recurrent import Recurrent
from cellwright.nn.tie import tie

__all__ = [
    "CRF",
    "GRU",
    "LSTM",
    "RNN",
    "Additive",
    "Around",
    "Attention",
    "Begin",
    "ClipGradient",
    "Decoded",
    "Decoder",
    "DropConnect",
    "Dropout",
    "Highway",
    "Inside",
    "Layer",
    "LayerNorm",
    "LearnedStart",
    "LockedDropout",
    "Memory",
    "Multiplicative",
    "OnWeights",
    "Part",
    "Recurrent",
    "Residual",
    "StateDropout",
    "Zoneout",
    "carry_state",
    "convert",
    "linear_cross_entropy",
    "tie",
]
