"""A training step of translation with attention: ours beside plain PyTorch loops, in turn in one process.

python benchmarks/tasks/translate_speed.py ../shared/data/multi30k_en_de [--rounds 5] [--out FILE.jsonl]

Words of Multi30k (German to English, seen at least twice), 64 sentences of similar length in a batch,
embedding 256, dropout 0.3, Adam, gradient clipped. Every contender trains on the same batches; a round times
each of them once on each batch, and the median over rounds of the mean is reported, in seconds of the clock
and of the processor. With other work on the machine only the second mean something: those are compared.

textbook   the program of the PyTorch seq2seq tutorials, written plainly: packed bidirectional GRU, then for
           each word additive attention (keys computed anew), a GRU step, a softmax over [h; context; word]
loop       our equations as a plain loop: keys once, a GRU step, Luong's attention, tanh, softmax word by word
ours       cellwright's Decoder without feeding; `output`: with input feeding; `context`: Bahdanau's form
"""

from __future__ import annotations

import gzip
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from rows import in_turns, keep, options, where
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from cellwright.cells import get
from cellwright.tasks.layers import Layers
from cellwright.tasks.pieces import BEGIN, END
from cellwright.tasks.training.batches import Bucketed, Padded, Ragged
from cellwright.tasks.translate.network import EncoderDecoder
from cellwright.tasks.vocab import Vocabulary

BATCH, EMBEDDING, DROPOUT, BATCHES, SKIP = 64, 256, 0.3, 6, 2
SPECIAL = 2  # begin and end stand after padding and the unknown word


class PlainEncoder(nn.Module):
    """A packed bidirectional GRU; the decoder begins with a mixture of both ends."""

    def __init__(self, words: int, units: int) -> None:
        super().__init__()
        self.embedding, self.dropout = nn.Embedding(words, EMBEDDING), nn.Dropout(DROPOUT)
        self.rnn = nn.GRU(EMBEDDING, units, bidirectional=True)
        self.bridge = nn.Linear(2 * units, units)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        packed = pack_padded_sequence(self.dropout(self.embedding(x)), lengths, enforce_sorted=False)
        y, h = self.rnn(packed)
        return pad_packed_sequence(y)[0], torch.tanh(self.bridge(torch.cat((h[-2], h[-1]), 1)))


class Textbook(nn.Module):
    """One word after another, as the tutorials do."""

    def __init__(self, words: tuple[int, int], units: int) -> None:
        super().__init__()
        self.encoder = PlainEncoder(words[0], units)
        self.embedding, self.dropout = nn.Embedding(words[1], EMBEDDING), nn.Dropout(DROPOUT)
        self.energy, self.v = nn.Linear(3 * units, units), nn.Linear(units, 1, bias=False)
        self.rnn = nn.GRU(EMBEDDING + 2 * units, units)
        self.head = nn.Linear(3 * units + EMBEDDING, words[1])

    def forward(self, batch: Padded, inputs: Tensor) -> Tensor:
        memory, h = self.encoder(batch.x, batch.lengths)
        values, steps = memory.transpose(0, 1), len(memory)
        past = (torch.arange(steps)[:, None] >= batch.lengths).T
        logits = []
        for word in inputs:
            asked = h.unsqueeze(1).expand(-1, steps, -1)
            energy = self.v(torch.tanh(self.energy(torch.cat((asked, values), 2)))).squeeze(2)
            weights = energy.masked_fill(past, -1e10).softmax(1)
            context = torch.bmm(weights.unsqueeze(1), values).squeeze(1)
            e = self.dropout(self.embedding(word))
            y, _ = self.rnn(torch.cat((e, context), 1).unsqueeze(0), h.unsqueeze(0))
            h = y.squeeze(0)
            logits.append(self.head(torch.cat((h, context, e), 1)))
        return torch.stack(logits)


class Loop(nn.Module):
    """Our equations without feeding, written as a loop."""

    def __init__(self, words: tuple[int, int], units: int) -> None:
        super().__init__()
        self.encoder = PlainEncoder(words[0], units)
        self.embedding, self.dropout = nn.Embedding(words[1], EMBEDDING), nn.Dropout(DROPOUT)
        self.keys, self.rnn = nn.Linear(2 * units, units, bias=False), nn.GRUCell(EMBEDDING, units)
        self.said, self.head = nn.Linear(3 * units, units), nn.Linear(units, words[1])

    def forward(self, batch: Padded, inputs: Tensor) -> Tensor:
        memory, h = self.encoder(batch.x, batch.lengths)
        values = self.dropout(memory.transpose(0, 1))
        keys = self.keys(values).transpose(1, 2)
        past = (torch.arange(len(memory))[:, None] >= batch.lengths).T.unsqueeze(1)
        logits = []
        for word in inputs:
            h = self.rnn(self.dropout(self.embedding(word)), h)
            weights = torch.bmm(h.unsqueeze(1), keys).masked_fill(past, -1e10).softmax(2)
            context = torch.bmm(weights, values).squeeze(1)
            y = torch.tanh(self.said(self.dropout(torch.cat((h, context), 1))))
            logits.append(self.head(self.dropout(y)))
        return torch.stack(logits)


def plain_loss(network: nn.Module, batch: Padded) -> Tensor:
    """The cross-entropy of a plain network."""
    assert batch.y is not None
    begin = torch.full_like(batch.y[:1], BEGIN)
    logits = network(batch, torch.cat((begin, batch.y[:-1])))
    return cross_entropy(logits.flatten(0, 1), batch.y.flatten(), ignore_index=0)


def our_loss(network: nn.Module, batch: Padded) -> Tensor:
    """The cross-entropy of ours."""
    assert isinstance(network, EncoderDecoder)
    assert batch.y is not None
    return network.speaker.nats(network.read(batch.x, batch.lengths), batch.y)


def ours(words: tuple[int, int], units: int, attention: str, feed: str) -> EncoderDecoder:
    """Our network at the same sizes, its softmax not tied."""
    return EncoderDecoder(
        Layers(get("gru"), units, bidirectional=True, dropout=DROPOUT), words, embedding=EMBEDDING,
        attention=attention, feed=feed, hidden_words=0.0, tied=False,
    )  # fmt: skip


Stepper = Callable[[Padded], None]


def stepper(network: nn.Module, loss: Callable[[nn.Module, Padded], Tensor]) -> Stepper:
    """A training step."""
    optimiser = torch.optim.Adam(network.parameters(), fused=True)

    def step(batch: Padded) -> None:
        optimiser.zero_grad()
        loss(network, batch).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()

    return step


def batches(folder: Path) -> tuple[list[Padded], tuple[int, int]]:
    """Batches of words, and how many words there are."""
    parts, sizes = [], []
    for language in ("de", "en"):
        with gzip.open(folder / f"train.lc.norm.tok.{language}.gz", "rt", encoding="utf-8") as file:
            lines = file.read().split("\n")[:-1]
        vocabulary = Vocabulary.build(lines, "blank", min_count=2)
        numbers = [[n + SPECIAL * (n > 1) for n in vocabulary.encode(line)] for line in lines[:3200]]
        parts.append(Ragged([[*row, END] for row in numbers]))
        sizes.append(len(vocabulary) + SPECIAL)
    feed: Iterator[Padded] = Bucketed(*parts, batch_size=BATCH).epoch(0)
    return [next(feed) for _ in range(BATCHES)], (sizes[0], sizes[1])


def main() -> None:
    """Measure, and print a line for each contender."""
    parser = options(__doc__)
    parser.add_argument("data", type=Path, help="the folder of Multi30k")
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    data, words = batches(given.data)
    networks: dict[str, tuple[nn.Module, Callable[[nn.Module, Padded], Tensor]]] = {
        "textbook": (Textbook(words, given.units), plain_loss),
        "loop": (Loop(words, given.units), plain_loss),
        "ours": (ours(words, given.units, "multiplicative", "none"), our_loss),
        "ours, output": (ours(words, given.units, "multiplicative", "output"), our_loss),
        "ours, context": (ours(words, given.units, "additive", "context"), our_loss),
    }
    steps = {name: stepper(*pair) for name, pair in networks.items()}
    for step in steps.values():
        for batch in data[:SKIP]:
            step(batch)
    taken = in_turns({name: partial(_train, step, data) for name, step in steps.items()}, given.rounds)
    tokens = sum(int(batch.y_lengths.sum()) for batch in data if batch.y_lengths is not None) / len(data)
    textbook = statistics.median(taken["textbook"].worked) / len(data)
    for name, each in taken.items():
        seconds = [whole / len(data) for whole in each.clock]
        median, cpu = statistics.median(seconds), statistics.median(each.worked) / len(data)
        row = {
            "contender": name,
            "units": given.units,
            "seconds_a_batch": round(median, 3),
            "least": round(min(seconds), 3),
            "most": round(max(seconds), 3),
            "cpu_seconds_a_batch": round(cpu, 3),
            "textbook_over_this": round(textbook / cpu, 2),
            "target_tokens_per_cpu_second": round(tokens / cpu),
            "parameters": sum(p.numel() for p in networks[name][0].parameters()),
            "words": words,
            "rounds": given.rounds,
            **where(),
        }
        keep(row, given.out)


def _train(step: Stepper, data: list[Padded]) -> None:
    for batch in data:
        step(batch)


if __name__ == "__main__":
    main()
