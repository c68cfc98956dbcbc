"""Splits: disjoint, complete, stratified, seeded."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.tasks.data.test_refusals import refused

from cellwright.errors import DataError, SettingError
from cellwright.tasks.data import split_examples, split_time


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("abcde"), min_size=10, max_size=80), st.integers(0, 5))
def test_parts_are_disjoint_complete_and_hold_every_class(labels, seed):
    assume(len(set(labels)) > 1)
    try:
        parts = split_examples(len(labels), labels, (0.6, 0.2, 0.2), seed)
    except DataError:
        assume(False)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    assert {labels[index] for index in parts[0]} == set(labels)


def test_classes_are_in_proportion():
    labels = ["a"] * 500 + ["b"] * 300 + ["c"] * 20
    parts = split_examples(len(labels), labels, (0.8, 0.1, 0.1), seed=3)
    counts = [Counter(labels[index] for index in part) for part in parts]
    for count, share in zip(counts, (0.8, 0.1, 0.1), strict=True):
        for label, total in (("a", 500), ("b", 300), ("c", 20)):
            assert abs(count[label] - share * total) <= 1


def test_many_small_classes_still_fill_the_small_part():
    labels = [f"class {index // 4}" for index in range(200)]
    train, valid = split_examples(200, labels, (0.9, 0.1), seed=0)
    assert len(valid) == 20
    assert {labels[index] for index in train} == set(labels)


@pytest.mark.parametrize("seed", range(10))
def test_a_class_of_one_is_learnt_from(seed):
    labels = ["a"] * 9 + ["b"] * 10 + ["alone"]
    train, test = split_examples(20, labels, (0.5, 0.5), seed)
    assert 19 in train
    assert abs(len(train) - len(test)) <= 2


def test_the_seed_decides():
    labels = ["a", "b"] * 50
    first, again, other = (split_examples(100, labels, (0.8, 0.2), seed)[1].tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_the_order_of_rows_does_not_leak_into_a_sorted_file():
    """A file sorted by label, and by some trait within each label, gives parts with the trait's mean."""
    labels = ["a"] * 1000 + ["b"] * 1000
    _, test = split_examples(2000, labels, (0.9, 0.1), seed=0)
    assert abs(np.mean(test % 1000) - 500) < 80


def test_without_labels():
    parts = split_examples(50, None, (0.5, 0.5), seed=0)
    assert sorted(np.concatenate(parts).tolist()) == list(range(50))


@pytest.mark.parametrize(("n", "fractions"), [(100, (0.7, 0.1, 0.2)), (11, (0.5, 0.5)), (7, (1.0,))])
def test_time_parts_follow_each_other(n, fractions):
    parts = split_time(n, fractions)
    assert np.concatenate([np.arange(n)[part] for part in parts]).tolist() == list(range(n))
    for part, share in zip(parts, fractions, strict=True):
        assert abs(part.stop - part.start - share * n) <= 1


def test_splits():
    refused(
        lambda: split_examples(4, ["a"] * 4, (0.5, 0.5), 0),
        ["one class only", "got a", "at least two classes"],
    )
    refused(lambda: split_examples(2, None, (0.8, 0.1, 0.1), 0), ["too few examples to split", "got 2"])
    refused(lambda: split_examples(3, list("abc"), (0.8, 0.2), 0), ["too few examples to split", "got 3"])
    refused(lambda: split_time(4, (0.8, 0.1, 0.1)), ["too few rows to split", "got 4"])


@pytest.mark.parametrize("fractions", [(), (0.5, 0.4), (1.2, -0.2), (1.0, 0.0)])
def test_fractions(fractions):
    for split in (lambda: split_examples(9, None, fractions, 0), lambda: split_time(9, fractions)):
        with pytest.raises(SettingError, match="shares that do not make a whole.*add up to 1"):
            split()
