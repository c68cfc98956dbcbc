"""A gradient penalty: the loss holds the length of a gradient, so training differentiates twice.

A critic gives smooth waves a high score and noise of the same size a low one. Without a bound its score
grows as it likes; the penalty of Gulrajani et al. (2017, arXiv 1704.00028) keeps the length of its gradient
near 1, so that the difference of two scores says how far the sequences are apart. cuDNN's recurrent kernels
refuse the second derivative; here it works for any cell. Run: python examples/gradient_penalty.py
"""

import math

import torch

import cellwright as cw

STEPS, BATCH = 20, 32


class Critic(torch.nn.Module):
    """One number for each sequence [T, B, 1]."""

    def __init__(self, cell):
        super().__init__()
        self.rnn = cw.nn.Recurrent(cell, 1, 16)
        self.head = torch.nn.Linear(16, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0].mean(0))


def sequences(generator):
    """Waves of random phase, and noise of the same size."""
    phase = 2 * math.pi * torch.rand(1, BATCH, 1, generator=generator)
    waves = torch.sin(torch.arange(STEPS).view(-1, 1, 1) * 0.6 + phase)
    return waves, torch.randn(STEPS, BATCH, 1, generator=generator) * 0.5**0.5


def gradient_length(critic, waves, noise, generator):
    """|d score / d x| for mixtures of both kinds, [B]; it has a graph of its own."""
    mix = torch.rand(1, BATCH, 1, generator=generator)
    x = (mix * waves + (1 - mix) * noise).requires_grad_()
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return slope.square().sum((0, 2)).sqrt()


def train(penalty, cell="lstm", rounds=120):
    """The mean length of the gradient after training, and how far apart the scores are."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    critic = Critic(cell)
    optimiser = torch.optim.Adam(critic.parameters(), 0.01)
    for _ in range(rounds):
        waves, noise = sequences(generator)
        apart = critic(waves).mean() - critic(noise).mean()
        length = gradient_length(critic, waves, noise, generator)
        optimiser.zero_grad()
        (-apart + penalty * (length - 1).square().mean()).backward()
        optimiser.step()
    waves, noise = sequences(generator)
    length = gradient_length(critic.eval(), waves, noise, generator)
    return length.mean().item(), (critic(waves).mean() - critic(noise).mean()).item()


def main():
    """With the penalty and without."""
    for penalty in (0.0, 10.0):
        length, apart = train(penalty)
        print(f"penalty {penalty:4.1f}: length of the gradient {length:6.2f}, scores apart by {apart:6.2f}")


if __name__ == "__main__":
    main()
