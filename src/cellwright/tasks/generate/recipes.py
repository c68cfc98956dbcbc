"""Settings that were published together, by name. Floor 6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Zaremba, Sutskever & Vinyals 2014 (arXiv 1409.2329), the small net; numbers of TensorFlow's ptb_word_lm.py.
# Its loss is a sum over 20 steps: a rate of 1 and a longest gradient of 5 there are 20 and 0.25 for a mean.
_ZAREMBA = {
    "cell": "lstm",
    "units": 200,
    "layers": 2,
    "dropout": 0.0,
    "init_range": 0.1,
    "unit": "blank",
    "batch_size": 20,
    "chunk": 20,
    "epochs": 13,
    "patience": 0,
    "optimizer": "sgd",
    "learning_rate": 20.0,
    "clip": 0.25,
    "weight_decay": 0.0,
    "warmup": 0.0,
    "schedule": "step",
    "decay": 0.5,
    "decay_after": 4,
}
# Adam and tied weights, 2 x 512: Harvard's course CS 287, homework 2 (srush/cs287). Its loss is a sum over
# the batch, so that its clip of 2 shortens the gradient of every step, and its pull of 1e-4 is a part of that
# gradient. Our loss is a mean: both are a fortieth here, which makes the same steps of Adam's. Its plateau
# schedule divides the rate by four, ours by two; it pulls biases too.
_TIED = {
    "cell": "lstm",
    "units": 512,
    "layers": 2,
    "tied": True,
    "unit": "blank",
    "dropout": 0.5,
    "batch_size": 128,
    "chunk": 32,
    "epochs": 30,
    "learning_rate": 0.01,
    "optimizer": "adam",
    "clip": 0.05,
    "weight_decay": 2.5e-6,
    "warmup": 0.0,
    "schedule": "plateau",
}
# Merity, Keskar & Socher 2018 (arXiv 1708.02182), Penn Treebank.
_AWD = {
    "cell": "lstm",
    "units": 1150,
    "layers": 3,
    "embedding": 400,
    "tied": True,
    "narrow": True,
    "locked": True,
    "dropout": 0.4,
    "dropout_between": 0.25,
    "dropout_input": 0.4,
    "dropout_token": 0.1,
    "dropout_weights": 0.5,
    "penalty_size": 2.0,
    "penalty_change": 1.0,
    "batch_size": 20,
    "chunk": 70,
    "vary_chunk": True,
    "epochs": 500,
    "patience": 0,
    "average": 5,
    "optimizer": "sgd",
    "learning_rate": 30.0,
    "clip": 0.25,
    "weight_decay": 1.2e-6,
    "schedule": "constant",
    "warmup": 0.0,
}

RECIPES: Mapping[str, Mapping[str, Any]] = {"awd": _AWD, "zaremba": _ZAREMBA, "tied": _TIED}
