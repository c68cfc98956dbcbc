"""The plain recurrent loop, as every textbook writes it, and our layer: the same numbers to the last digit.

    h_t = tanh(W x_t + U h_{t-1} + b),   100 steps, 32 inputs, 64 units

Both work in double precision. There two right programs differ by roundings, some 1e-15, since a compiled
kernel adds in another order than NumPy. Written in single precision, as a network keeps its numbers, all
6,400 of them are the same to the last digit. Run: python examples/plain_loop.py
"""

import numpy as np
import torch

import cellwright as cw

STEPS, INPUTS, UNITS = 100, 32, 64


def loop(x, W, U, b):
    """One sequence x [100, 32] to all states [100, 64]: two matrix products and a tanh for each step."""
    h, states = np.zeros(UNITS), []
    for x_t in x:
        h = np.tanh(W @ x_t + U @ h + b)
        states.append(h)
    return np.stack(states)


def main():
    torch.manual_seed(0)
    layer = cw.nn.Recurrent("elman", INPUTS, UNITS, dtype=torch.float64)
    x = torch.randn(STEPS, INPUTS, dtype=torch.float64)
    W, U, b = (layer.weights()[name].detach().numpy() for name in ("W", "U", "b"))
    by_hand = loop(x.numpy(), W, U, b)
    with torch.no_grad():
        y, state = layer(x)
    print(f"x {x.numpy().shape}, W {W.shape}, U {U.shape}, b {b.shape}, all states {by_hand.shape}")
    for who, values in (("by hand", by_hand), ("layer", y.numpy())):
        print(f"{who:>8}: h_100 begins", *(f"{v:.9f}" for v in values[-1, :4]))
    largest = float(np.abs(by_hand - y.numpy()).max())
    same = int((by_hand.astype(np.float32) == y.numpy().astype(np.float32)).sum())
    print(f"largest difference {largest:.0e}; the same in single precision: {same:,} of {y.numel():,}")
    assert largest < 1e-13 and same == y.numel()
    assert torch.equal(state["h"].flatten(), y[-1]), "the state that is handed on is the last output"


if __name__ == "__main__":
    main()
