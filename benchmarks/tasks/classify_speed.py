"""Training speed of a text classifier beside plain PyTorch and Keras on JAX, in turns in one process.

pip install jax==0.10.2 keras==3.15.1
python benchmarks/tasks/classify_speed.py [--rounds 5] [--threads 2] [--out FILE.jsonl]

The network of Keras' own example of a bidirectional LSTM: 20,000 words to vectors of 128, two layers of an
LSTM of 64 units each way, the last state of both, one sigmoid; Adam, 32 texts of 200 words a batch, padded by
nobody. Words and labels are drawn by chance: what they are does not change the work. Before the clock runs
all begin with the same weights, and must say the same of a batch; ours and plain PyTorch must give the same
gradients too. A round trains each on the same batches, in changing order. Without Keras it is left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rows import in_turns, keep, medians, options, where
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

import cellwright as cw
from cellwright.cells import get
from cellwright.tasks.networks import Embedding, Reader

WORDS, WIDTH, UNITS, STEPS, BATCH = 20_000, 128, 64, 200, 32
Texts = npt.NDArray[np.int64]
Train = Callable[[Texts, npt.NDArray[np.float32]], None]


class Plain(nn.Module):
    """The program one would write with torch.nn."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, WIDTH)
        self.lstm = nn.LSTM(WIDTH, UNITS, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * UNITS, 1)
        for name, weight in self.lstm.named_parameters():
            if name.startswith("bias_hh"):
                nn.init.zeros_(weight)  # Keras has one bias: its sum

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T] to logits [B, 1]."""
        y, _ = self.lstm(self.embedding(x))
        logits: Tensor = self.head(torch.cat((y[:, -1, :UNITS], y[:, 0, UNITS:]), dim=1))
        return logits


class Ours(nn.Module):
    """The classifier's network, every text of one length."""

    def __init__(self, peer: Plain) -> None:
        super().__init__()
        first = Embedding([WORDS], WIDTH, hidden_words=0.0, dropout=0.0)
        settings: Any = {
            "units": UNITS,
            "layers": 2,
            "bidirectional": True,
            "dropout": 0.0,
            "pooling": "last",
        }
        self.reader = Reader(first, WIDTH, get("lstm"), 1, **settings)
        same = cw.nn.LSTM(WIDTH, UNITS, num_layers=2, bidirectional=True)
        same.load_state_dict(peer.lstm.state_dict())
        with torch.no_grad():
            first.tables[0].get_parameter("weight").copy_(peer.embedding.weight)
            self.reader.head.load_state_dict(peer.head.state_dict())
            for layer in range(2):
                for reverse in (False, True):
                    own = self.reader.recurrent.weights(layer, reverse)
                    for name, weight in same.weights(layer, reverse).items():
                        own[name].copy_(weight)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T] to logits [B, 1]."""
        logits: Tensor = self.reader(x.T, torch.full((len(x),), x.shape[1]))
        return logits


def loss_of(network: nn.Module, x: Texts, y: npt.NDArray[np.float32]) -> Tensor:
    """The mean cross-entropy of a batch."""
    return binary_cross_entropy_with_logits(network(torch.from_numpy(x))[:, 0], torch.from_numpy(y))


def trainer(network: nn.Module, *, fused: bool) -> Train:
    """Training steps as a program of PyTorch has them; `fused` as cellwright's training loop has it."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=fused)

    def train(x: Texts, y: npt.NDArray[np.float32]) -> None:
        for start in range(0, len(x), BATCH):
            optimizer.zero_grad()
            loss = loss_of(network, x[start : start + BATCH], y[start : start + BATCH])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return train


def keras_on_jax(peer: Plain, x: Texts) -> tuple[Train, npt.NDArray[np.float32]]:
    """Keras' example with the peer's weights, and the logits it gives."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    model = keras.Sequential(
        [
            keras.layers.Embedding(WORDS, WIDTH),
            keras.layers.Bidirectional(keras.layers.LSTM(UNITS, return_sequences=True)),
            keras.layers.Bidirectional(keras.layers.LSTM(UNITS)),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.build((BATCH, STEPS))
    values = [peer.embedding.weight]
    for end in ("_l0", "_l0_reverse", "_l1", "_l1_reverse"):
        values += [getattr(peer.lstm, f"weight_{part}{end}").T for part in ("ih", "hh")]
        values += [getattr(peer.lstm, f"bias_ih{end}")]
    model.set_weights([v.detach().numpy() for v in (*values, peer.head.weight.T, peer.head.bias)])
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy())
    shares = model.predict(x, batch_size=BATCH, verbose=0)[:, 0]

    def train(x: Texts, y: npt.NDArray[np.float32]) -> None:
        model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)

    return train, np.log(shares / (1 - shares))


def checked(x: Texts, y: npt.NDArray[np.float32]) -> dict[str, Train]:
    """All contenders, after they have said the same."""
    plain = Plain()
    ours = Ours(plain)
    losses = [loss_of(network, x, y) for network in (ours, plain)]
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=0.0)
    for loss in losses:
        loss.backward()  # type: ignore[no-untyped-call]
    for one, other in (
        (ours.reader.head, plain.head),
        (ours.reader.first.tables[0], plain.embedding),  # type: ignore[union-attr, index]
    ):
        torch.testing.assert_close(one.weight.grad, other.weight.grad, rtol=1e-3, atol=1e-7)
    found = {"cellwright": trainer(ours, fused=True), "plain PyTorch": trainer(plain, fused=False)}
    if find_spec("keras") and find_spec("jax"):
        keras, logits = keras_on_jax(plain, x)
        with torch.no_grad():
            np.testing.assert_allclose(logits, plain(torch.from_numpy(x))[:, 0].numpy(), rtol=0, atol=1e-4)
        found["Keras on JAX"] = keras
    return found


def main() -> None:
    """Check that all are the same, then time them."""
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=320, help="of a round, for each contender")
    parser.set_defaults(threads=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    draw = np.random.default_rng(0)
    x = draw.integers(1, WORDS, (given.texts, STEPS))
    y = draw.integers(0, 2, given.texts).astype(np.float32)
    contenders = checked(x[:BATCH], y[:BATCH])
    for train in contenders.values():
        train(x[: 2 * BATCH], y[: 2 * BATCH])
    taken = in_turns({name: partial(train, x, y) for name, train in contenders.items()}, given.rounds)
    speeds = {name: each.of(given.texts) for name, each in taken.items()}
    middle = medians(speeds)
    ours = middle["cellwright"]
    row = {
        "texts_per_second": {name: round(v, 1) for name, v in middle.items()},
        "times": {name: round(ours / v, 2) for name, v in middle.items() if name != "cellwright"},
        "all": {name: [round(v, 1) for v in values] for name, values in speeds.items()},
    }
    keep(row | where(), given.out)


if __name__ == "__main__":
    main()
