"""A language model against the same one as a plain PyTorch program, loss by loss."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.tasks.generate.test_task import RHYME, small
from torch.nn.functional import cross_entropy

import cellwright as cw
from cellwright.tasks.generate.text import read


class Plain(torch.nn.Module):
    """The language model as a plain PyTorch program."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.embedding, self.head = torch.nn.Embedding(tokens, 16), torch.nn.Linear(16, tokens)
        self.lstm = torch.nn.LSTM(16, 16, 2)


def copied(network: Any) -> Plain:
    plain = Plain(len(network.head.bias)).double()
    with torch.no_grad():
        for name in ("embedding", "head"):
            getattr(plain, name).load_state_dict(getattr(network, name).state_dict())
        for layer in range(2):
            weights = network.recurrent.weights(layer)
            for theirs, ours in (("weight_ih", "W"), ("weight_hh", "U"), ("bias_ih", "b")):
                joined = torch.cat([weights[f"{ours}_{gate}"] for gate in "ifgo"])
                getattr(plain.lstm, f"{theirs}_l{layer}").copy_(joined)
            getattr(plain.lstm, f"bias_hh_l{layer}").zero_().requires_grad_(False)
    return plain


def test_training_equals_a_plain_program_loss_by_loss() -> None:
    """Twenty steps of truncated backpropagation with SGD, the state carried, on both sides."""
    model = small(layers=2, dropout=0.0, batch_size=3)
    text = read(RHYME * 40)
    facts = model.learn(text)
    network = model.build(cw.cells.lstm, facts).double()
    plain = copied(network)
    ours, theirs, state, hx = [], [], None, None
    for batch in list(model.feed(model.encode(text, facts)).epoch(0))[:20]:
        loss = model.loss(network, batch, state)
        state = {name: value.detach() for name, value in (loss.state or {}).items()}
        y, hx = plain.lstm(plain.embedding(batch.x), hx)
        hx = tuple(part.detach() for part in hx)
        other = cross_entropy(plain.head(y).flatten(0, 1), batch.y.flatten())
        for side, value in ((network, loss.mean), (plain, other)):
            parameters = [p for p in side.parameters() if p.requires_grad]
            with torch.no_grad():
                for p, slope in zip(parameters, torch.autograd.grad(value, parameters), strict=True):
                    p -= 2.0 * slope
        ours.append(loss.mean.item())
        theirs.append(other.item())
    assert ours == pytest.approx(theirs, rel=1e-9)
    assert ours[-1] < ours[0] - 0.3
