"""Block-diagonal LSTM and GRU as FlashRNN has them: every head reads its own units only."""

from cellwright import blocks, cell, sigmoid, tanh


@cell
def block_lstm(
    x, h, c, *,
    W_i, R_i: "[heads, H/heads, H/heads]", b_i, W_f, R_f: "[heads, H/heads, H/heads]", b_f,
    W_g, R_g: "[heads, H/heads, H/heads]", b_g, W_o, R_o: "[heads, H/heads, H/heads]", b_o, heads=1,
):  # fmt: skip
    """Pöppel et al. 2024, FlashRNN, arXiv 2412.07752."""
    i = sigmoid(W_i @ x + blocks(R_i, h) + b_i)
    f = sigmoid(W_f @ x + blocks(R_f, h) + b_f)
    g = tanh(W_g @ x + blocks(R_g, h) + b_g)
    o = sigmoid(W_o @ x + blocks(R_o, h) + b_o)
    c = f * c + i * g
    h = o * tanh(c)
    return h, c


@cell
def block_gru(
    x, h, *,
    W_r, R_r: "[heads, H/heads, H/heads]", b_r, W_z, R_z: "[heads, H/heads, H/heads]", b_z,
    W_n, R_n: "[heads, H/heads, H/heads]", b_n, b_m, heads=1,
):  # fmt: skip
    """The same with a GRU's gates."""
    r = sigmoid(W_r @ x + blocks(R_r, h) + b_r)
    z = sigmoid(W_z @ x + blocks(R_z, h) + b_z)
    n = tanh(W_n @ x + b_n + r * (blocks(R_n, h) + b_m))
    h = (1 - z) * n + z * h
    return h
