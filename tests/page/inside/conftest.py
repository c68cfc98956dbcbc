"""Pages of the inside of small networks, and the browser that opens them."""

from __future__ import annotations

import pytest
import torch

import cellwright as cw
from cellwright.inspect.inside import Inside
from cellwright.inspect.view import view

TEXT = 'He said: "no (not\nyet)".'


@pytest.fixture(scope="session")
def opened() -> tuple[Inside, dict]:
    """An LSTM of 6 units that reads a text, its weights large enough for numbers to differ."""
    torch.manual_seed(0)
    layer = cw.nn.Recurrent("lstm", 5, 6)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.mul_(2.0)
    x = torch.randn(len(TEXT), 1, 5)
    said = ("says </script><b>yes</b>", "判断为是")
    inside = Inside(layer, x, tuple(TEXT), lambda y: y[-1].sum(-1), ("A text", "一段文本"), said)
    return inside, view(inside)
