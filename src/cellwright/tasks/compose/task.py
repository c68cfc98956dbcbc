"""The compose task: which keys sound next, given all that sounded before; new music drawn from that. Floor 6.

Refuses pieces that are none, and reading from both sides: music is written from its beginning.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from cellwright.compiler.trace import Cell
from cellwright.errors import SettingError
from cellwright.tasks.base import Estimator, Facts, Scores
from cellwright.tasks.compose import simple
from cellwright.tasks.compose.network import Ahead, after_silence, nats, transposed
from cellwright.tasks.compose.rolls import KEYS, Roll, Rolls, keys_of, normal, read
from cellwright.tasks.layers import Layers
from cellwright.tasks.training import loop
from cellwright.tasks.training.batches import Bucketed, Padded, Ragged
from cellwright.tasks.training.settings import dropping, setting, with_default

TOGETHER = 32  # pieces scored at a time
HEARD, DRAWN = 16, 64  # steps of a held-out piece in a report, and of what is written after them


@dataclass(kw_only=True, eq=False, repr=False)
class Composer(Estimator[Rolls, Ragged]):
    """Music as a piano roll, step by step: a recurrent net says of each of 88 keys how likely it sounds next.

    `fit` takes X, a list of pieces (each a list of steps, each a list of keys 0 to 87; or arrays [T, 88]), or
    the name of a JSON file. The score `nll` is the mean over all steps but each piece's first of the negative
    log probability of the step in nats, summed over its keys.

    >>> X = [[[40, 44], [42, 46]] * 8, [[44, 48], [46, 50]] * 8] * 4
    >>> model = Composer(units=16, epochs=30, batch_size=4, valid=0, learning_rate=0.03).fit(X)
    >>> model.generate([[40, 44], [42, 46]], 2, temperature=0)
    [[40, 44], [42, 46]]
    """

    TASK = "compose"
    SCORE = "nll"

    transpose: int = setting(0, "keys up or down that pieces are moved in training, at most", min=0, max=24)
    key_dropout: float = dropping(0.2, "share of sounding keys hidden in training")
    cell: str | Cell = with_default(Estimator, "cell", "gru")
    units: int = with_default(Estimator, "units", 200)
    dropout: float = with_default(Estimator, "dropout", 0.3)
    learning_rate: float = with_default(Estimator, "learning_rate", 5e-3)
    weight_decay: float = with_default(Estimator, "weight_decay", 0.1)
    epochs: int = with_default(Estimator, "epochs", 40)
    batch_size: int = with_default(Estimator, "batch_size", 8)
    patience: int = with_default(Estimator, "patience", 6)
    average: int = with_default(Estimator, "average", 1)

    def read(self, data: Any) -> Rolls:
        """The pieces of a JSON file, or of one part of it (`FILE.json:test`), with a note.

        Raises:
            DataError: the file cannot be used.
        """
        return data if isinstance(data, Rolls) else read(data)

    def generate(
        self, prompt: Any = (), length: int = 64, temperature: float = 1.0, seed: int = 0
    ) -> list[list[int]]:
        """The keys of the steps that follow a prompt; the prompt itself is not repeated.

        Args:
            prompt: steps to go on from, each a list of keys; none: from the beginning.
            length: steps to write.
            temperature: 1 draws as the model expects, less keeps to the likely; 0: every key that is likelier
                than not.
            seed: the same seed writes the same music.

        Raises:
            SettingError: a number out of range.
            DataError: a prompt that is no list of steps.
        """
        check_is_fitted(self)
        if length < 1:
            raise SettingError("length must be at least 1", got=length)
        if not 0 <= temperature < float("inf"):
            raise SettingError("temperature must be at least 0", got=temperature)
        steps = list(prompt)
        before = normal([[*steps, []]]).pieces[0][:-1] if steps else np.zeros((0, KEYS), dtype=np.float32)
        with loop.evaluating(self.network_):
            return keys_of(_go_on(cast(Ahead, self.network_), before, length, temperature, seed))

    def take(self, X: Any, y: Any = None) -> Rolls:
        """The pieces; there are no labels beside them."""
        return self.read(X) if isinstance(X, (str, Path)) else normal(X)

    def hold_out(self, part: Rolls, share: float) -> tuple[Rolls, Rolls]:
        """Whole pieces."""
        return part.split(share, self.seed)

    def learn(self, train: Rolls) -> Facts:
        """How often each key sounds: where the network begins."""
        steps = np.concatenate(list(train.pieces))
        share = (steps.sum(0) + 0.5) / (len(steps) + 1)
        return {"common": np.log(share / (1 - share)).astype(np.float64).tolist()}

    def build(self, cell: Cell | None, facts: Facts) -> Ahead:
        """The untrained network."""
        return Ahead(
            Layers.of(self, cast(Cell, cell)),
            hidden_keys=self.key_dropout,
            common=torch.tensor(facts["common"]),
        )

    def encode(self, part: Rolls, facts: Facts) -> Ragged:
        """The pieces as they are."""
        return Ragged(list(part.pieces))

    def feed(self, coded: Ragged) -> loop.Feed:
        """Batches of pieces of similar length."""
        return Bucketed(coded, batch_size=self.batch_size, seed=self.seed)

    def loss(self, network: nn.Module, batch: Padded, state: loop.State | None) -> loop.Loss:
        """The mean over all steps, the first too, of -log p."""
        x = transposed(batch.x, self.transpose)
        logits, _ = network(after_silence(x))
        real = torch.arange(len(x), device=x.device)[:, None] < batch.lengths
        return loop.Loss(nats(logits, x)[real].mean(), items=int(batch.lengths.sum()))

    def reads(self, network: nn.Module, batch: Padded) -> tuple[Tensor, Tensor | None] | None:
        """The steps themselves."""
        return after_silence(batch.x), batch.lengths

    def evaluate(self, network: nn.Module, coded: Ragged, facts: Facts) -> Scores:
        """`nll`; and of keys likelier than not, right / (right + wrong + missed) (Bay et al. 2009)."""
        device, total, steps = next(network.parameters()).device, 0.0, 0
        right = others = 0
        for batch in Bucketed(coded, batch_size=TOGETHER).ordered():
            part = batch.to(device)
            logits, _ = network(after_silence(part.x))
            time = torch.arange(len(part.x), device=device)[:, None]
            real = (time >= 1) & (time < part.lengths)
            total += float(nats(logits, part.x)[real].double().sum())
            steps += int(real.sum())
            said, wanted = logits[real] > 0, part.x[real] > 0
            right += int((said & wanted).sum())
            others += int((said ^ wanted).sum())
        return {"nll": total / steps, "key_accuracy": right / max(1, right + others)}

    def baselines(self, train: Rolls, held: Rolls) -> dict[str, Scores]:
        """Each key by its frequency; each key by how often it goes on and begins."""
        return {
            "frequency": {"nll": simple.frequency(train.pieces, held.pieces)},
            "repeat": {"nll": simple.repeat(train.pieces, held.pieces)},
        }

    def examples(self, network: nn.Module, held: Rolls, facts: Facts) -> dict[str, Any]:
        """The beginning of a held-out piece, what the network writes after it, and what came."""
        piece = held.pieces[0]
        begin = min(HEARD, len(piece) // 2)
        drawn = _go_on(cast(Ahead, network), piece[:begin], DRAWN, 1.0, self.seed)
        both = np.concatenate((piece[:begin], drawn))
        return {
            "rolls": [
                {"title": "what it writes", "given": begin, "steps": keys_of(both)},
                {"title": "the piece itself", "given": begin, "steps": keys_of(piece[: begin + DRAWN])},
            ]
        }

    def conflicts(self) -> Iterable[str]:
        """Clauses for settings that do not go together."""
        if self.bidirectional:
            yield "bidirectional must be false: music is written from its beginning"


@torch.no_grad()
def _go_on(network: Ahead, before: Roll, length: int, temperature: float, seed: int) -> Roll:
    """The steps [length, 88] drawn after others [T, 88], key by key."""
    device, draw = next(network.parameters()).device, torch.Generator().manual_seed(seed)
    x = torch.cat((torch.zeros(1, KEYS), torch.from_numpy(before))).unsqueeze(1).to(device)
    logits, state = network(x)
    steps = []
    for _ in range(length):
        odds = logits[-1, 0].cpu()
        share = (odds > 0).float() if temperature == 0 else (odds / temperature).sigmoid()
        step = (torch.rand(KEYS, generator=draw) < share).float()
        steps.append(step)
        logits, state = network(step.view(1, 1, KEYS).to(device), state)
    return torch.stack(steps).numpy()
