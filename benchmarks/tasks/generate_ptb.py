"""Penn Treebank words by the small recipe of Zaremba et al. 2014: does Generator reach the published figures?

    python benchmarks/tasks/generate_ptb.py ../shared/data/ptb [EPOCHS] [THREADS]

The recipe (2 layers of 200, no dropout, weights from U(-0.1, 0.1), SGD at 1.0 halved after epoch 4,
gradients clipped at 5, 20 columns of 20 steps, the loss summed over the steps) is not AdamW's, so the loop is
written here; the text, the tokens, the network, the loss and the score are Generator's own. Published: test
perplexity 115.9 after 13 epochs; a plain PyTorch program measured 180.0 after epoch 1 and 143.4 after 2.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from pathlib import Path

import torch
from torch import nn

from cellwright.cells import lstm
from cellwright.tasks.generate.task import Generator
from cellwright.tasks.training.batches import Chunks
from cellwright.tasks.training.loop import evaluating

STEPS = 20


def recipe() -> Generator:
    """The settings of the recipe that are settings here."""
    return Generator(unit="blank", units=200, layers=2, dropout=0.0, batch_size=20, chunk=STEPS)


def rate(epoch: int) -> float:
    """The learning rate of an epoch, from 0."""
    return 0.5 ** max(0, epoch - 3)


def train_epoch(model: Generator, network: nn.Module, feed: Chunks, lr: float) -> float:
    """One pass; returns seconds."""
    begun, state = time.perf_counter(), None
    parameters = list(network.parameters())
    for batch in feed.epoch():
        loss = model.loss(network, batch, state)
        state = {name: value.detach() for name, value in loss.state.items()}
        network.zero_grad()
        (loss.mean * len(batch.x)).backward()
        nn.utils.clip_grad_norm_(parameters, 5.0)
        with torch.no_grad():
            for p in parameters:
                p -= lr * p.grad
    return time.perf_counter() - begun


def main(folder: Path, epochs: int = 1, threads: int = 2) -> None:
    """Train, and print a line of JSON after every epoch."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = recipe()
    train = model.take(folder / "ptb.train.txt.gz")
    facts = model.learn(train)
    parts = {name: model.encode(model.take(folder / f"ptb.{name}.txt"), facts) for name in ("valid", "test")}
    coded = model.encode(train, facts)
    network, feed = model.build(lstm, facts), model.feed(coded)
    for parameter in network.parameters():
        nn.init.uniform_(parameter, -0.1, 0.1)
    for epoch in range(epochs):
        seconds = train_epoch(model, network, feed, rate(epoch))
        with evaluating(network):
            scores = {k: round(model.evaluate(network, v, facts)["perplexity"], 2) for k, v in parts.items()}
        row = {"epoch": epoch + 1, **scores, "seconds": round(seconds, 1), "threads": threads}
        row |= {"tokens_per_second": round(len(coded.tokens) / seconds), "torch": torch.__version__}
        print(json.dumps(row | {"machine": platform.processor() or platform.machine()}), flush=True)


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[2:]]
    main(Path(sys.argv[1]), *numbers)
