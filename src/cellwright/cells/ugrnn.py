"""The update gate network: one gate between keeping and replacing. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, tanh


@cell(
    paper="Collins, Sohl-Dickstein & Sussillo 2016, Capacity and Trainability in RNNs, arXiv 1611.09913",
    year=2016,
    init={"b_g": 1.0},
)
def ugrnn(
    x, h, *, W_n, U_n, b_n, W_g, U_g, b_g,
):  # fmt: skip
    """g keeps the old state, 1 - g lets the candidate n in.

    n_t = tanh(W_n x_t + U_n h_{t-1} + b_n)
    g_t = σ(W_g x_t + U_g h_{t-1} + b_g)
    h_t = g_t ⊙ h_{t-1} + (1 - g_t) ⊙ n_t
    """
    n = tanh(W_n @ x + U_n @ h + b_n)
    g = sigmoid(W_g @ x + U_g @ h + b_g)
    h = g * h + (1 - g) * n
    return h
