"""Backpropagation through time, written out step by step for a network of 3 units, and autograd: the same.

    forward    a_t = W x_t + U h_{t-1} + b,   h_t = tanh(a_t),   L = 1/2 sum_t |h_t - y_t|^2
    backward   from the last step to the first:
               dh_t = (h_t - y_t) + U^T da_{t+1}      what this step says, and what comes back from the next
               da_t = dh_t * (1 - h_t^2)              through the tanh
               dW += da_t x_t^T,  dU += da_t h_{t-1}^T,  db += da_t,  dx_t = W^T da_t

Run: python examples/bptt_by_hand.py
"""

import torch

import cellwright as cw

STEPS, INPUTS, UNITS = 4, 2, 3


def forward(x, W, U, b):
    """All states, the first one before the first step."""
    h = [torch.zeros(UNITS, dtype=x.dtype)]
    for x_t in x:
        h.append(torch.tanh(W @ x_t + U @ h[-1] + b))
    return h


def backward(x, y, h, W, U):
    """The gradients of the loss by W, U, b and x; prints what comes back at every step."""
    dW, dU, dx = torch.zeros_like(W), torch.zeros_like(U), torch.zeros_like(x)
    db, da_next = torch.zeros_like(h[0]), torch.zeros_like(h[0])
    for t in reversed(range(STEPS)):
        own, later = h[t + 1] - y[t], U.T @ da_next
        dh = own + later
        da = dh * (1 - h[t + 1] ** 2)
        dW += torch.outer(da, x[t])
        dU += torch.outer(da, h[t])
        db += da
        dx[t] = W.T @ da
        lengths = (f"{value.norm():.4f}" for value in (own, later, da))
        print(f"t={t + 1}  |own| {{}}  |from the next step| {{}}  |da| {{}}".format(*lengths))
        da_next = da
    return {"W": dW, "U": dU, "b": db, "x": dx}


def main():
    torch.manual_seed(0)
    x = torch.randn(STEPS, INPUTS, dtype=torch.float64)
    y = torch.randn(STEPS, UNITS, dtype=torch.float64)
    layer = cw.nn.Recurrent("elman", INPUTS, UNITS, dtype=torch.float64)
    weights = layer.weights()
    W, U, b = (weights[name].detach() for name in ("W", "U", "b"))
    by_hand = backward(x, y, forward(x, W, U, b), W, U)

    x.requires_grad_()
    out, _ = layer(x)
    (0.5 * (out - y).square().sum()).backward()
    by_autograd = {name: weights[name].grad for name in weights} | {"x": x.grad}
    for name, gradient in by_hand.items():
        difference = float((gradient - by_autograd[name]).abs().max())
        print(f"d{name} {tuple(gradient.shape)}: largest difference to autograd {difference:.0e}")
        assert difference < 1e-13


if __name__ == "__main__":
    main()
