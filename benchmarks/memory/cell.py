"""The LSTM as it was published first: no forget gate (that is Gers, Schmidhuber & Cummins 2000)."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, tanh


@cell(paper="Hochreiter & Schmidhuber 1997, Neural Computation 9(8)", year=1997)
def lstm_1997(x, h, c, *, W_i, U_i, b_i, W_g, U_g, W_o, U_o, b_o):
    """What is in the cell stays there: c_t = c_{t-1} + i_t ⊙ g_t, 4σ(a) - 2 written as 2 tanh(a / 2)."""
    i = sigmoid(W_i @ x + U_i @ h + b_i)
    g = 2 * tanh(0.5 * (W_g @ x + U_g @ h))
    o = sigmoid(W_o @ x + U_o @ h + b_o)
    c = c + i * g
    h = o * tanh(0.5 * c)
    return h, c
