"""Training speed of a tagger with a CRF, beside plain PyTorch with pytorch-crf, in one run.

pip install pytorch-crf==0.7.2
python benchmarks/tasks/tag_speed.py ../shared/data/conll2000/train.txt.gz [--rounds 5] [--out FILE.jsonl]

Both train the same network on the same batches in turn: vectors of 100 for the words, a bidirectional LSTM of
100 units each way, a linear layer, a CRF; AdamW, gradients clipped. Before the clock runs, ours gets the
peer's weights and both must give the same loss. Tokens (not padding) per second of the process's own time;
the quotient is that of medians over rounds, each round both, in changing order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import torch
import torchcrf
from rows import in_turns, keep, medians, options, where
from torch import Tensor, nn

import cellwright as cw
from cellwright.tasks.tag import code
from cellwright.tasks.tag.code import Batch, Sides
from cellwright.tasks.tag.network import TagNetwork

WIDTH, BATCH, STEPS = 100, 32, 20


class Peer(nn.Module):
    """The program one would write with torch.nn and pytorch-crf."""

    def __init__(self, words: int, tags: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, WIDTH, padding_idx=0)
        self.lstm = nn.LSTM(WIDTH, WIDTH, bidirectional=True)
        self.head = nn.Linear(2 * WIDTH, tags)
        self.crf = torchcrf.CRF(tags)

    def forward(self, batch: Batch) -> Tensor:
        """Nats per token."""
        assert batch.tags is not None
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding(batch.words[..., 0]), batch.lengths, enforce_sorted=False
        )
        y, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0])
        mask = torch.arange(len(y))[:, None] < batch.lengths
        likely: Tensor = self.crf(self.head(y), batch.tags.clamp_min(0), mask)
        return -likely / batch.lengths.sum()


def take_weights(ours: TagNetwork, peer: Peer) -> None:
    """Ours begins where the peer does."""
    with torch.no_grad():
        ours.words.tables[0].get_parameter("weight").copy_(peer.embedding.weight)
        for reverse in (False, True):
            own, end = ours.recurrent.weights(0, reverse), "_l0_reverse" if reverse else "_l0"
            for name, weight in (("W", "weight_ih"), ("U", "weight_hh"), ("b", "bias_ih")):
                parts = getattr(peer.lstm, weight + end).chunk(4)
                added = getattr(peer.lstm, "bias_hh" + end).chunk(4)
                for gate, part, more in zip("ifgo", parts, added, strict=True):
                    own[f"{name}_{gate}"].copy_(part + more if name == "b" else part)
        ours.head.load_state_dict(peer.head.state_dict())
        ours.crf.A.copy_(peer.crf.transitions.T)
        ours.crf.b_start.copy_(peer.crf.start_transitions)
        ours.crf.b_end.copy_(peer.crf.end_transitions)


def trainer(network: nn.Module, loss: Callable[[Batch], Tensor]) -> Callable[[Batch], float]:
    """One training step."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)

    def step(batch: Batch) -> float:
        optimizer.zero_grad()
        value = loss(batch)
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        return float(value.detach())

    return step


def main() -> None:
    """Check that both are the same, then time them."""
    parser = options(__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    model = cw.Tagger(units=WIDTH, embedding=WIDTH, character_units=0, dropout=0.0, word_dropout=0.0)
    part = model.read(given.data)
    facts = model.learn(part)
    facts["scheme"] = "none"  # no tag is forbidden: the peer cannot forbid
    batches = list(islice(Sides(code.encoded(part, facts), batch_size=BATCH).epoch(0), STEPS))
    ours = model.build(model.find_cell(), facts)
    assert isinstance(ours, TagNetwork)
    peer = Peer(code.sizes(facts)[0], len(facts["tags"]))
    take_weights(ours, peer)

    def loss(batch: Batch) -> Tensor:
        tagging, _, count = ours.nats(batch)
        return tagging / count

    steps = {"cellwright": trainer(ours, loss), "pytorch-crf": trainer(peer, peer)}
    with torch.no_grad():
        for batch in batches:
            torch.testing.assert_close(loss(batch), peer(batch), rtol=1e-5, atol=0.0)
    tokens = sum(int(batch.lengths.sum()) for batch in batches)
    ways = {name: partial(_train, step, batches) for name, step in steps.items()}
    speeds = {name: each.of(tokens, worked=True) for name, each in in_turns(ways, given.rounds).items()}
    middle = {name: round(v) for name, v in medians(speeds).items()}
    row = {
        "tokens_per_cpu_second": middle,
        "times": round(middle["cellwright"] / middle["pytorch-crf"], 2),
        "rounds": given.rounds,
        "all": {name: [round(v) for v in values] for name, values in speeds.items()},
        "tags": len(facts["tags"]),
    }
    keep(row | where(), given.out)


def _train(step: Callable[[Batch], float], batches: list[Batch]) -> None:
    for batch in batches:
        step(batch)


if __name__ == "__main__":
    main()
