"""Long short-term memory, split weights. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, tanh


@cell(
    paper="Hochreiter & Schmidhuber 1997, Neural Computation 9(8); forget gate: Gers et al. 2000",
    year=1997,
    init={"b_f": 1.0},
)
def lstm(
    x, h, c, *,
    W_i, U_i, b_i, W_f, U_f, b_f,
    W_g, U_g, b_g, W_o, U_o, b_o,
):  # fmt: skip
    """Input gate i, forget gate f, candidate g, output gate o; the cell state c carries the memory.

    i_t = σ(W_i x_t + U_i h_{t-1} + b_i)
    f_t = σ(W_f x_t + U_f h_{t-1} + b_f)
    g_t = tanh(W_g x_t + U_g h_{t-1} + b_g)
    o_t = σ(W_o x_t + U_o h_{t-1} + b_o)
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t
    h_t = o_t ⊙ tanh(c_t)
    """
    i = sigmoid(W_i @ x + U_i @ h + b_i)
    f = sigmoid(W_f @ x + U_f @ h + b_f)
    g = tanh(W_g @ x + U_g @ h + b_g)
    o = sigmoid(W_o @ x + U_o @ h + b_o)
    c = f * c + i * g
    h = o * tanh(c)
    return h, c
