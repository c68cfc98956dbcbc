"""Truncated backpropagation through time: a long stream in chunks, the state carried, the gradient not.

Now and then a pulse of +1 or -1 comes; at every step the network must say which came last. Chunks of 10 steps
are far shorter than the time between pulses, so most chunks hold no pulse at all: without the state of the
chunk before, nobody could know. `cw.nn.carry_state` carries it for every recurrent layer of a model, and no
line of the model says so. Run: python examples/carried_state.py
"""

from contextlib import nullcontext

import torch

import cellwright as cw

BATCH, CHUNK, STEPS = 32, 10, 4000


class Memory(torch.nn.Module):
    """Its forward pass takes a chunk [T, B, 1] and knows nothing of states."""

    def __init__(self):
        super().__init__()
        self.rnn = cw.nn.Recurrent("lstm", 1, 16)
        self.head = torch.nn.Linear(16, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0])


def pulses(generator):
    """x [T, B, 1], mostly 0, and the sign of the last pulse [T, B, 1]."""
    comes = torch.rand(STEPS, BATCH, 1, generator=generator) < 1 / 30
    sign = torch.randint(0, 2, comes.shape, generator=generator) * 2.0 - 1
    last = [sign[0]]
    for here, now in zip(comes[1:], sign[1:], strict=True):
        last.append(torch.where(here, now, last[-1]))
    comes[0] = True
    return sign * comes, torch.stack(last)


def train(carry):
    """The share of steps said rightly in the last quarter of the stream."""
    torch.manual_seed(0)
    x, last = pulses(torch.Generator().manual_seed(1))
    model = Memory()
    optimiser = torch.optim.Adam(model.parameters(), 0.02)
    right = []
    with cw.nn.carry_state(model) if carry else nullcontext():
        for chunk, goal in zip(x.split(CHUNK), last.split(CHUNK), strict=True):
            said = model(chunk)
            loss = torch.nn.functional.soft_margin_loss(said, goal)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            right.append((said.sign() == goal).float().mean())
    return torch.stack(right[-len(right) // 4 :]).mean().item()


def main():
    """The same training with the state carried and without."""
    for carry in (False, True):
        how = "carried" if carry else "forgotten"
        print(f"state {how:9} between chunks: {train(carry):6.1%} of steps right")


if __name__ == "__main__":
    main()
