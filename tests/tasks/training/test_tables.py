"""Tables trained by the rows a step read: the same training as by whole gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cellwright.tasks.training import loop
from cellwright.tasks.training.plan import Plan, optimizer_of, tables_by_rows
from cellwright.tasks.training.tables import by_rows, gathered, tables_of


class Net(nn.Module):
    """Two tables of 30 vectors; a third has the head's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Embedding(30, 4), nn.Embedding(30, 4, padding_idx=0)
        self.tied, self.head = nn.Embedding(30, 4), nn.Linear(4, 30)
        self.head.weight = self.tied.weight

    def forward(self, tokens: Tensor) -> Tensor:
        read = self.first(tokens) + self.first(tokens.flip(0)) + self.second(tokens) + self.tied(tokens)
        found: Tensor = self.head(read)
        return found


def loss(network: nn.Module, batch: Any, state: Any) -> loop.Loss:
    x, y = batch.tokens[:-1], batch.tokens[1:]
    return loop.Loss(nn.functional.cross_entropy(network(x), y), len(y))


class Tokens:
    """One batch of tokens."""

    def __init__(self, tokens: Tensor) -> None:
        self.tokens = tokens

    def to(self, device: torch.device) -> Tokens:
        """Itself."""
        return self


class Feed:
    """Ten batches of some of the tokens, several of them more than once."""

    def __len__(self) -> int:
        return 10

    def epoch(self, number: int, start: int = 0) -> Any:
        """Always the same."""
        drawn = torch.Generator().manual_seed(1)
        batches = [Tokens(torch.randint(0, 20, (24,), generator=drawn)) for _ in range(10)]
        return iter(batches[start:])


def trained(plan: Plan, by_hand: bool = False) -> tuple[dict[str, Tensor], loop.Outcome | None]:
    torch.manual_seed(0)
    network = Net()
    if not by_hand:
        return dict(network.state_dict()), loop.train(network, Feed(), loss, plan)
    optimizer = torch.optim.SGD(network.parameters(), lr=plan.learning_rate)
    for batch in Feed().epoch(0):
        optimizer.zero_grad()
        loss(network, batch, None).mean.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), plan.clip)
        optimizer.step()
    return dict(network.state_dict()), None


def plan(**changed: Any) -> Plan:
    given = {"epochs": 1, "learning_rate": 0.5, "weight_decay": 0.0, "optimizer": "sgd", "warmup": 0.0}
    return Plan(**{**given, "schedule": "constant", "patience": 0, **changed})


@pytest.mark.parametrize("clip", [0.3, 100.0])
def test_the_same_training_as_by_whole_gradients(clip: float) -> None:
    found, outcome = trained(plan(clip=clip))
    wanted, _ = trained(plan(clip=clip), by_hand=True)
    assert outcome is not None and outcome.history[0]["clipped"] == (1.0 if clip < 1 else 0.0)
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-6)


def test_which_tables() -> None:
    network = Net()
    network.second.weight.requires_grad_(False)
    assert tables_of(network) == [network.first]
    assert tables_by_rows(network, plan()) == [network.first]
    assert tables_by_rows(network, plan(weight_decay=0.1)) == []
    assert tables_by_rows(network, plan(optimizer="adam")) == []
    count = sum(len(group["params"]) for group in optimizer_of(network, plan()).param_groups)
    assert count == len([p for p in network.parameters() if p.requires_grad])


def test_only_while_it_is_asked_for() -> None:
    network = Net()
    with pytest.raises(ValueError, match="stop"), by_rows([network.first]):
        assert network.first.sparse
        raise ValueError("stop")
    assert not network.first.sparse
    network(torch.tensor([1, 2])).sum().backward()
    assert network.first.weight.grad is not None and not network.first.weight.grad.is_sparse


def test_a_table_read_as_a_matrix_too_has_a_whole_gradient() -> None:
    table = nn.Embedding(6, 2)
    with by_rows([table]):
        (table(torch.tensor([1, 1])).sum() + table.weight.square().sum()).backward()
    (found,) = gathered([table.weight])
    wanted = 2 * table.weight.detach()
    wanted[1] += 2
    torch.testing.assert_close(found, wanted)
