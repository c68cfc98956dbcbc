"""The bundled samples: every one is there, says what it is, and is what it says."""

from __future__ import annotations

from collections import Counter

import pytest

from cellwright import samples
from cellwright.errors import DataError
from cellwright.samples import word_order
from cellwright.tasks.data import load_texts, read_table, read_text


def test_every_sample_is_described_and_readable():
    for sample in samples.describe():
        assert sample.task in ("forecast", "classify", "generate", "answer")
        assert sample.about
        assert sample.origin
        assert len(samples.text(sample.name)) > 1000
    assert [sample.name for sample in samples.describe()] == list(samples.names())


def test_samples_hold_what_they_say():
    assert read_table("sunspots").shape == (309, 2)
    assert read_table("air_passengers").shape == (144, 2)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("sunspots", "sunspots_yearly/sunspots.csv"),
        ("air_passengers", "air_passengers/AirPassengers.csv"),
    ],
)
def test_facts_are_those_of_the_shared_files(shared_data, name, file):
    assert read_table(name).rows() == read_table(shared_data / file).rows()


def test_pydoc_is_prose_of_this_python():
    text = read_text("pydoc")
    assert "Compound statements" in text or "compound statements" in text
    assert len(text) > 100_000
    assert text == samples.text("pydoc")


def test_pydoc_has_no_file():
    with pytest.raises(DataError, match=r'text without a file.*use samples\.text\("pydoc"\)'):
        samples.path("pydoc")


def test_an_unknown_sample_names_the_nearest():
    with pytest.raises(DataError, match="no such sample: got sunspot, .*did you mean sunspots"):
        samples.get("sunspot")


def test_word_order_file_is_what_its_function_makes():
    assert samples.path("word_order").read_text(encoding="utf-8") == word_order.as_csv()


def test_word_order_labels_lie_in_the_order_alone():
    """Every bag of words occurs with both labels equally often, so no bag of words is right more than half."""
    loaded = load_texts("word_order")
    bags: dict[tuple[str, ...], Counter[str]] = {}
    for text, label in zip(loaded.texts, loaded.labels, strict=True):
        tokens = text.split() if " " in text else list(text)
        bags.setdefault(tuple(sorted(tokens)), Counter())[label] += 1
    assert all(counts["person"] == counts["place"] > 0 for counts in bags.values())
    assert len(loaded.texts) == len(set(loaded.texts)) == 2 * word_order.PAIRS
    assert {"我爱中国", "中国爱我"} <= set(loaded.texts)


def test_word_order_is_seeded():
    assert word_order.rows(20, seed=1) == word_order.rows(20, seed=1)
    assert word_order.rows(20, seed=1) != word_order.rows(20, seed=2)
