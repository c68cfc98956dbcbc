"""Settings that go together, by name. Floor 6."""

from __future__ import annotations

from collections.abc import Mapping

# A few thousand windows of genes around a site: chosen by the validation part of splice junctions (UCI).
_SITES = {
    "units": 32,
    "embedding": 32,
    "kmer": 3,
    "pooling": "attention",
    "batch_size": 64,
    "learning_rate": 0.005,
    "epochs": 14,
    "passes": 1,
    "patience": 0,
    "dropout": 0.3,
    "embedding_dropout": 0.1,
    "word_dropout": 0.05,
}
# Thousands of short texts: a schedule that ends, chosen on held-out parts of trec's and sst's training files.
_TEXTS = {"units": 64, "epochs": 6, "patience": 0}

RECIPES: Mapping[str, Mapping[str, object]] = {"sites": _SITES, "texts": _TEXTS}
"""The recipes of `Classifier.recipe`."""
