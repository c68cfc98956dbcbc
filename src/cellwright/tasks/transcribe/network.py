"""The network of a transcriber: recurrent layers over steps of sound, a softmax over tokens. Floor 6."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cellwright.nn.dropout import Dropout
from cellwright.tasks.layers import Layers


class Listener(nn.Module):
    """Recurrent layers and a softmax at every step (Graves et al. 2006).

    y_1 .. y_T = recurrent(x_1 .. x_T);   log p_t = log softmax(W_o y_t + b_o)

    Args:
        layers: over the steps.
        width: numbers of a step.
        tokens: that can be said, the blank among them.
    """

    def __init__(self, layers: Layers, width: int, tokens: int) -> None:
        super().__init__()
        self.recurrent = layers.over(width)
        self.dropout = Dropout(layers.dropout)
        self.head = nn.Linear(self.recurrent.output_size, tokens)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """x [T, B, width] and lengths [B] to log probabilities [T, B, tokens]."""
        return self.said(self.recurrent.outputs(x, lengths))

    def said(self, y: Tensor) -> Tensor:
        """Log probabilities of what the layers give, [..., H] to [..., tokens]."""
        logits: Tensor = self.head(self.dropout(y))
        # In the layers' type: in bfloat16 the probabilities of a step would not add up to 1.
        return logits.to(y.dtype).log_softmax(-1)


def hidden(x: Tensor, width: int, masks: int, share: float) -> Tensor:
    """SpecAugment: of each sequence some bands and some stretches of time set to their mean, zero.

    Args:
        x: steps [T, B, stack * width], of mean zero.
        width: bands of a frame.
        masks: how many of bands and how many of time.
        share: of the bands and of the time that one mask hides at most; each is drawn evenly below it.

    Source: Park et al. 2019, section 2, without time warping.
    """
    steps, batch = x.shape[:2]
    out = torch.zeros(steps, batch, 1, 1, dtype=torch.bool, device=x.device)
    bands = torch.zeros(1, batch, 1, width, dtype=torch.bool, device=x.device)
    for _ in range(masks):
        out |= _stretch(steps, batch, share, x.device).T[:, :, None, None]
        bands |= _stretch(width, batch, share, x.device)[None, :, None, :]
    frames = x.view(steps, batch, -1, width)
    return frames.masked_fill(out | bands, 0.0).view_as(x)


def _stretch(size: int, batch: int, share: float, device: torch.device) -> Tensor:
    """A random stretch of each row, True in it [batch, size]."""
    long = torch.rand(batch, 1, device=device) * share * size
    begin = torch.rand(batch, 1, device=device) * (size - long)
    at = torch.arange(size, device=device)
    return (at >= begin.round()) & (at < (begin + long).round())
