"""Settings that go together, by name. Floor 6."""

from __future__ import annotations

from collections.abc import Mapping

# A hundred proteins with a letter of structure for each residue: chosen by cross-validation over families
# (docs/results.md, Genes and proteins). All proteins are learnt from, for as long as was found best.
_RESIDUES = {
    "cell": "gru",
    "units": 32,
    "embedding": 32,
    "character_units": 0,
    "pairs": False,
    "window": 7,
    "batch_size": 2,
    "learning_rate": 0.015,
    "epochs": 12,
    "patience": 0,
    "valid": 0,
    "dropout": 0.5,
    "word_dropout": 0.1,
    "ensemble": 5,
}

RECIPES: Mapping[str, Mapping[str, object]] = {"residues": _RESIDUES}
"""The recipes of `Tagger.recipe`."""
