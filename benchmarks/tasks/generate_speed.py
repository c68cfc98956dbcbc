"""Training speed of a language model, beside a plain PyTorch program, in one run.

python benchmarks/tasks/generate_speed.py ../shared/data/ptb/ptb.train.txt.gz [--rounds 5]
    [--precision bfloat16] [--out FILE.jsonl]

Zaremba's small net on Penn Treebank: 200 numbers a word, two LSTM layers of 200, a softmax over 10,000 words,
20 columns, 20 steps, SGD, clipped gradients. Ours is the training loop of `cellwright train generate --recipe
zaremba`; the peer is the program one writes with torch.nn.LSTM. Both get the same batches, in turn. Before
the clock runs, ours gets the peer's weights, and the losses of the first steps must be the same. Tokens per
second of the process's own time and of the clock; the quotient is that of medians over rounds.

`--parts` times what the peer's step is made of: the products of the softmax alone are most of it.
`--precision bfloat16` puts both under autocast, and the peer as it is beside them; ours and the peer's losses
are compared in float32 before that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from rows import in_turns, keep, medians, options, where
from torch import nn
from torch.nn.functional import cross_entropy

from cellwright.cells import get
from cellwright.tasks.generate.network import LanguageModel
from cellwright.tasks.generate.task import Generator
from cellwright.tasks.training import loop
from cellwright.tasks.training.batches import Chunk
from cellwright.tasks.training.plan import Plan
from cellwright.tasks.training.progress import Quiet

STEPS, ALIKE = 40, 10
RATE, CLIP = 20.0, 0.25


class Peer(nn.Module):
    """The program one would write with torch.nn."""

    def __init__(self, tokens: int, units: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, units)
        self.lstm = nn.LSTM(units, units, layers)
        self.head = nn.Linear(units, tokens)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.1, 0.1)

    def train_on(self, chunks: Iterator[Chunk], precision: str = "float32") -> list[float]:
        """The losses of so many steps of SGD."""
        optimiser, hx, losses = torch.optim.SGD(self.parameters(), lr=RATE), None, []
        for chunk in chunks:
            optimiser.zero_grad()
            with Plan(precision=precision).autocast():
                y, hx = self.lstm(self.embedding(chunk.x), hx)
                hx = (hx[0].detach(), hx[1].detach())
                loss = cross_entropy(self.head(y).flatten(0, 1), chunk.y.flatten())
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.parameters(), CLIP)
            optimiser.step()
            losses.append(loss.item())
        return losses


class Some:
    """A feed of the first chunks only."""

    def __init__(self, chunks: list[Chunk]) -> None:
        self.chunks = chunks

    def __len__(self) -> int:
        return len(self.chunks)

    def epoch(self, number: int, start: int = 0) -> Iterator[Chunk]:
        """The chunks."""
        return islice(self.chunks, start, None)


class Losses(Quiet):
    """An observer that keeps every loss."""

    def __init__(self) -> None:
        self.all: list[float] = []

    def batch(self, epoch: int, batch: int, loss: float) -> None:
        """Keep it."""
        self.all.append(loss)


def ours(
    estimator: Generator, network: LanguageModel, chunks: list[Chunk], precision: str = "float32"
) -> list[float]:
    """The losses of the library's own training loop."""
    plan = Plan(
        epochs=1, learning_rate=RATE, weight_decay=0.0, clip=CLIP, optimizer="sgd", schedule="constant",
        warmup=0.0, patience=0, precision=precision,
    )  # fmt: skip
    seen = Losses()
    loop.train(network, Some(chunks), estimator.loss, plan, observer=seen)
    return seen.all


def take_weights(network: LanguageModel, peer: Peer, layers: int) -> None:
    """Ours begins where the peer does; torch's two biases are one."""
    with torch.no_grad():
        network.embedding.weight.copy_(peer.embedding.weight)
        network.head.load_state_dict(peer.head.state_dict())
        for layer in range(layers):
            own = network.recurrent.weights(layer)
            for theirs, letter in (("weight_ih", "W"), ("weight_hh", "U"), ("bias_ih", "b")):
                parts = getattr(peer.lstm, f"{theirs}_l{layer}").chunk(4)
                for gate, part in zip("ifgo", parts, strict=True):
                    own[f"{letter}_{gate}"].copy_(part)
            getattr(peer.lstm, f"bias_hh_l{layer}").zero_().requires_grad_(False)


def parts_of(peer: Peer, chunk: Chunk, rounds: int) -> dict[str, float]:
    """Milliseconds of the processor: the recurrent part, the softmax, and the softmax's three products."""
    y = peer.lstm(peer.embedding(chunk.x))[0].detach().flatten(0, 1)
    weight, wanted = peer.head.weight.detach(), chunk.y.flatten()
    slope = torch.softmax(peer.head(y), -1).detach()

    def recurrent() -> None:
        peer.lstm(peer.embedding(chunk.x))[0].sum().backward()

    def softmax() -> None:
        cross_entropy(peer.head(y.requires_grad_()), wanted).backward()  # type: ignore[no-untyped-call]

    def products() -> None:
        torch.mm(y.detach(), weight.T), torch.mm(slope, weight), torch.mm(slope.T, y.detach())

    return {one.__name__: round(1e3 * least(one, rounds), 1) for one in (recurrent, softmax, products)}


def least(work: Callable[[], None], rounds: int) -> float:
    """Processor seconds of the fastest of some rounds."""
    work()
    taken = []
    for _ in range(4 * rounds):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)


def main() -> None:
    """Compare the losses, then the speed."""
    parser = options(__doc__)
    parser.add_argument("data", type=Path, help="ptb.train.txt.gz")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", action="store_true")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    estimator = Generator(**Generator.recipe("zaremba"))
    text = estimator.take(given.data)
    facts = estimator.learn(text)
    chunks = list(islice(estimator.feed(estimator.encode(text, facts)).epoch(0), STEPS))
    network, tokens = estimator.build(get("lstm"), facts), len(facts["vocabulary"]["tokens"])
    peer = Peer(tokens, estimator.units, estimator.layers)
    take_weights(network, peer, estimator.layers)
    same = [ours(estimator, network, chunks[:ALIKE]), peer.train_on(iter(chunks[:ALIKE]))]
    torch.testing.assert_close(*map(torch.tensor, same), rtol=1e-4, atol=1e-4)
    precision = given.precision
    ways: dict[str, Callable[[], Any]] = {
        "cellwright": lambda: ours(estimator, network, chunks, precision),
        "torch.nn.LSTM": lambda: peer.train_on(iter(chunks), precision),
    }
    if precision != "float32":
        ways["torch.nn.LSTM in float32"] = lambda: peer.train_on(iter(chunks))
    count = sum(chunk.y.numel() for chunk in chunks)
    taken = in_turns(ways, given.rounds)
    by_process = {name: [round(v) for v in each.of(count, worked=True)] for name, each in taken.items()}
    worked = medians(by_process)
    clock = medians({name: [round(v) for v in each.of(count)] for name, each in taken.items()})
    row = {
        "precision": precision,
        "tokens_per_cpu_second": worked,
        "tokens_per_second": clock,
        "times": round(worked["cellwright"] / worked["torch.nn.LSTM"], 2),
        "times_by_clock": round(clock["cellwright"] / clock["torch.nn.LSTM"], 2),
        "rounds": given.rounds,
        "all": by_process,
        "first_losses_differ_by": max(abs(a - b) for a, b in zip(*same, strict=True)),
        **where(),
    }
    if given.parts:
        row["peer_parts_ms"] = parts_of(peer, chunks[0], given.rounds)
    keep(row, given.out)


if __name__ == "__main__":
    main()
