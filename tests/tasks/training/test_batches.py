"""Batches hold every sequence once, padded with nothing but padding; chunks follow on one another."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cellwright.errors import DataError
from cellwright.tasks.training.batches import Bucketed, Chunks, Padded, Ragged


def numbers(count: int, longest: int = 40) -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    return [rng.integers(1, 100, n) for n in rng.integers(1, longest, count)]


@pytest.mark.parametrize("channels", [None, 1, 3])
def test_padding_equals_a_loop_over_the_sequences(channels: int | None) -> None:
    data = numbers(9)
    if channels is not None:
        data = [np.stack([x] * channels, 1).astype(np.float32) / 7 for x in data]
    index = [5, 0, 8, 5]
    x, lengths = Ragged(data, pad=-1).pad(index)
    assert x.shape == (max(len(data[k]) for k in index), 4, *([channels] if channels else []))
    assert x.dtype == (torch.int64 if channels is None else torch.float32)
    for column, k in enumerate(index):
        n = len(data[k])
        assert lengths[column] == n
        np.testing.assert_array_equal(x[:n, column].numpy(), data[k])
        assert (x[n:, column] == -1).all()


@pytest.mark.parametrize("count, size", [(1, 4), (7, 3), (8, 4), (500, 3)])
def test_an_epoch_holds_every_sequence_once_with_its_own_target(count: int, size: int) -> None:
    data = numbers(count)
    feed = Bucketed(Ragged(data), torch.tensor([float(x.sum()) for x in data]), batch_size=size, seed=1)
    batches = list(feed.epoch(0))
    assert len(batches) == len(feed)
    assert sorted(torch.cat([b.index for b in batches]).tolist()) == list(range(count))
    for batch in batches:
        assert len(batch.index) <= size
        assert torch.equal(batch.x.sum(0).float(), batch.y)
        assert torch.equal((batch.x > 0).sum(0), batch.lengths)


def test_the_order_is_the_seed_s_and_the_epoch_s_alone() -> None:
    def order(seed: int, epoch: int, start: int = 0) -> list[list[int]]:
        feed = Bucketed(Ragged(numbers(40)), batch_size=4, seed=seed)
        return [b.index.tolist() for b in feed.epoch(epoch, start)]

    expected = order(1, 3)
    torch.rand(7)
    assert order(1, 3) == expected
    assert order(1, 3, start=4) == expected[4:]
    assert order(1, 3, start=10) == []
    assert order(1, 4) != expected
    assert order(2, 3) != expected
    assert {frozenset(b) for b in map(tuple, order(1, 4))} != {frozenset(b) for b in map(tuple, expected)}


def test_similar_lengths_go_together() -> None:
    data = numbers(400, longest=100)
    padded = sum(b.x.numel() for b in Bucketed(Ragged(data), batch_size=8).epoch(0))
    arbitrary = sum(8 * max(len(x) for x in data[k : k + 8]) for k in range(0, 400, 8))
    real = sum(map(len, data))
    assert real <= padded < 1.1 * real < arbitrary


def test_the_order_for_evaluation_goes_by_length() -> None:
    data = numbers(11)
    batches = list(Bucketed(Ragged(data), batch_size=4, seed=5).ordered())
    lengths = torch.cat([b.lengths for b in batches]).tolist()
    assert lengths == sorted(map(len, data))
    back = torch.empty(11, dtype=torch.int64)
    for batch in batches:
        back[batch.index] = batch.x.sum(0)
    assert back.tolist() == [x.sum() for x in data]


def test_targets_may_be_sequences_themselves() -> None:
    data = numbers(6)
    doubled = Ragged([np.concatenate([x, x]) for x in data], pad=-100)
    for batch in Bucketed(Ragged(data), doubled, batch_size=4).epoch(0):
        assert torch.equal(batch.y_lengths, 2 * batch.lengths)
        assert torch.equal(batch.y.clamp(min=0).sum(0), 2 * batch.x.sum(0))


def test_a_batch_moves_whole() -> None:
    batch = Padded(torch.zeros(2, 1), torch.tensor([2]), torch.tensor([0]), torch.ones(1))
    assert batch.to(torch.device("cpu")) is batch
    moved = batch.to(torch.device("meta"))
    assert {moved.x.device.type, moved.lengths.device.type, moved.y.device.type} == {"meta"}
    assert moved.y_lengths is None


@pytest.mark.parametrize(
    "sequences, message",
    [
        ([], "there are no sequences"),
        ([[1], []], r"empty or of the wrong shape \(sequence 2\): got shape \[0\]"),
        (
            [np.zeros((2, 3)), np.zeros((2, 4))],
            r"differ in their channels \(sequence 2\): got \[4\], expected \[3\]",
        ),
        ([np.zeros((2, 3, 4))], "wrong shape"),
    ],
)
def test_what_cannot_be_a_batch_is_refused(sequences: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Ragged(sequences)


def test_targets_must_be_as_many_as_inputs() -> None:
    with pytest.raises(DataError, match="differ in number: got 2, expected 3"):
        Bucketed(Ragged([[1], [2], [3]]), torch.zeros(2), batch_size=2)


@pytest.mark.parametrize(
    "size, columns, length", [(103, 4, 6), (100, 1, 7), (3, 8, 5), (2, 1, 1), (25, 4, 6)]
)
def test_chunks_follow_on_one_another_and_predict_the_next_step(size: int, columns: int, length: int) -> None:
    stream = torch.arange(size)
    feed = Chunks(stream, batch_size=columns, length=length)
    chunks = list(feed.epoch(0))
    assert len(chunks) == len(feed)
    x, y = torch.cat([c.x for c in chunks]), torch.cat([c.y for c in chunks])
    assert torch.equal(y, x + 1)
    assert torch.equal(x[1:], x[:-1] + 1)
    assert sorted(x.flatten().tolist()) == list(range(x.numel()))
    assert size - 1 - x.numel() < columns
    assert max(len(c.x) for c in chunks) <= length
    later = list(feed.epoch(5, start=1))
    assert len(later) == len(chunks) - 1
    assert all(torch.equal(a.x, b.x) for a, b in zip(later, chunks[1:], strict=True))


def test_chunks_take_vectors_and_refuse_a_single_step() -> None:
    chunk = next(Chunks(torch.rand(9, 3), batch_size=2, length=3).epoch())
    assert chunk.x.shape == (3, 2, 3)
    with pytest.raises(DataError, match="too short"):
        Chunks(torch.zeros(1), batch_size=1, length=1)


def test_varied_chunks_are_as_many_and_as_long_on_the_whole() -> None:
    stream = torch.arange(701)
    feed = Chunks(stream, batch_size=1, length=7, vary=3)
    epochs = [list(feed.epoch(number)) for number in range(3)]
    lengths = [[len(chunk.x) for chunk in epoch] for epoch in epochs]
    assert all(len(found) == len(feed) == 100 and sum(found) == 700 for found in lengths)
    assert len({tuple(found) for found in lengths}) == 3
    assert min(map(min, lengths)) >= 1 and len(set(lengths[0])) > 2
    assert torch.equal(torch.cat([chunk.x for chunk in epochs[1]])[:, 0], stream[:700])
    assert [c.x.tolist() for c in feed.epoch(1, 40)] == [c.x.tolist() for c in epochs[1][40:]]
