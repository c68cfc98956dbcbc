"""Training speed of a text classifier beside plain PyTorch and Keras on JAX, in turns in one process.

pip install jax==0.10.2 keras==3.15.1
python benchmarks/tasks/classify_speed.py
    [--data ../shared/data/chnsenticorp_hotel/ChnSentiCorp_htl_all.csv.gz] [--rounds 5] [--threads 2]
    [--precision bfloat16] [--out FILE.jsonl]

The network of Keras' own example of a bidirectional LSTM: 20,000 words to vectors of 128, two layers of an
LSTM of 64 units each way, the last state of both, one sigmoid; Adam, 32 texts of 200 tokens a batch. With
`--data` the texts are reviews by characters, shorter ones filled up in front as Keras does it; else words and
labels are drawn by chance. Before the clock runs all begin with the same weights, and must say the same of a
batch; ours and plain PyTorch must give the same gradients too. A round trains each on the same new batches,
in changing order, on from where its last round ended. Without Keras it is left out, and where ours and plain
PyTorch are both under autocast to bfloat16.

What the numbers are does change the work: a gradient that vanishes over 200 steps passes through numbers too
small for a processor's normal arithmetic, and Intel's take many times as long over these. Our kernels take
them for 0; `--flush` has PyTorch do so too in its first thread, as torch.set_flush_denormal does.
"""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
import torch
from rows import in_turns, keep, medians, options, where
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

import cellwright as cw
from cellwright.cells import get
from cellwright.tasks.layers import Layers
from cellwright.tasks.networks import Embedding, Reader
from cellwright.tasks.training.plan import Plan

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
        layers = Layers(get("lstm"), UNITS, layers=2, bidirectional=True)
        self.reader = Reader(first, WIDTH, layers, 1, pooling="last")
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


def trainer(network: nn.Module, *, fused: bool, precision: str) -> Train:
    """Training steps as a program of PyTorch has them; `fused` as cellwright's training loop has it."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=fused)
    plan = Plan(precision=precision)

    def train(x: Texts, y: npt.NDArray[np.float32]) -> None:
        for start in range(0, len(x), BATCH):
            optimizer.zero_grad()
            with plan.autocast():
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


def checked(x: Texts, y: npt.NDArray[np.float32], precision: str) -> dict[str, Train]:
    """All contenders, after they have said the same, in float32."""
    plain = Plain()
    ours = Ours(plain)
    losses = [loss_of(network, x, y) for network in (ours, plain)]
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=0.0)
    for loss in losses:
        loss.backward()  # type: ignore[no-untyped-call]
    for one, other in (
        (ours.reader.head, plain.head),
        (ours.reader.get_submodule("first.tables.0"), plain.embedding),
    ):
        slopes = [network.get_parameter("weight").grad for network in (one, other)]
        torch.testing.assert_close(slopes[0], slopes[1], rtol=1e-3, atol=1e-7)
    found = {
        "cellwright": trainer(ours, fused=True, precision=precision),
        "plain PyTorch": trainer(plain, fused=False, precision=precision),
    }
    if precision != "float32":
        return found
    if find_spec("keras") and find_spec("jax"):
        keras, logits = keras_on_jax(plain, x)
        with torch.no_grad():
            np.testing.assert_allclose(logits, plain(torch.from_numpy(x))[:, 0].numpy(), rtol=0, atol=1e-4)
        found["Keras on JAX"] = keras
    return found


def by_pieces(train: Train, x: Texts, y: npt.NDArray[np.float32], size: int) -> Callable[[], None]:
    """Training on the next so many texts at every call."""
    starts = iter(range(0, len(x), size))

    def go_on() -> None:
        start = next(starts)
        train(x[start : start + size], y[start : start + size])

    return go_on


def drawn(count: int) -> tuple[Texts, npt.NDArray[np.float32]]:
    """Words and labels by chance."""
    draw = np.random.default_rng(0)
    x = draw.integers(1, WORDS, (count, STEPS))
    return x, draw.integers(0, 2, count).astype(np.float32)


def read(file: Path, count: int) -> tuple[Texts, npt.NDArray[np.float32]]:
    """The first so many reviews in an order drawn by chance, a number for each character."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [(row["review"], float(row["label"])) for row in csv.DictReader(lines)]
    np.random.default_rng(0).shuffle(rows)
    known: dict[str, int] = {}
    x = np.ones((count, STEPS), dtype=np.int64)  # 1 fills up; 0 is padding, which learns nothing of ours
    for at, (text, _) in enumerate(rows[:count]):
        numbers = [min(known.setdefault(c, len(known) + 2), WORDS - 1) for c in text[:STEPS]]
        x[at, STEPS - len(numbers) :] = numbers
    if len(rows) < count:
        raise SystemExit(f"{file} has {len(rows)} reviews, and {count} are wanted: fewer --rounds")
    return x, np.array([label for _, label in rows[:count]], dtype=np.float32)


def _first(speeds: dict[str, list[float]], name: str) -> float:
    """How many times as fast ours is over the first five rounds, by their medians."""
    ours, theirs = (median(speeds[each][:5]) for each in ("cellwright", name))
    return round(ours / theirs, 2)


def main() -> None:
    """Check that all are the same, then time them."""
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=320, help="of a round, for each contender")
    parser.add_argument("--data", type=Path, help="reviews: a csv.gz of label and review")
    parser.add_argument("--flush", action="store_true", help="denormals are 0 in PyTorch's first thread")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.set_defaults(threads=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    torch.set_flush_denormal(given.flush)
    count = given.texts * (given.rounds + 1)
    x, y = drawn(count) if given.data is None else read(given.data, count)
    contenders = checked(x[:BATCH], y[:BATCH], given.precision)
    ways = {name: by_pieces(train, x, y, given.texts) for name, train in contenders.items()}
    in_turns(ways, 1)
    taken = in_turns(ways, given.rounds)
    speeds = {name: each.of(given.texts) for name, each in taken.items()}
    middle = medians(speeds)
    ours = middle["cellwright"]
    whole = {name: sum(each.clock) for name, each in taken.items()}
    row = {
        "texts": "drawn" if given.data is None else given.data.name,
        "precision": given.precision,
        "flush": given.flush,
        "texts_per_second": {name: round(v, 1) for name, v in middle.items()},
        "times": {name: round(ours / v, 2) for name, v in middle.items() if name != "cellwright"},
        "times_of_first_five": {n: _first(speeds, n) for n in middle if n != "cellwright"},
        "times_of_all_together": {n: round(v / whole["cellwright"], 2) for n, v in whole.items()},
        "all": {name: [round(v, 1) for v in values] for name, values in speeds.items()},
    }
    keep(row | where(), given.out)


if __name__ == "__main__":
    main()
