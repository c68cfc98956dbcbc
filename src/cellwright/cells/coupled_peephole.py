"""Long short-term memory with peepholes and i = 1 - f. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, tanh


@cell(
    paper="Greff et al. 2015, LSTM: A Search Space Odyssey, arXiv 1503.04069 (CIFG with peepholes)",
    year=2015,
    init={"b_f": 1.0},
)
def coupled_peephole(
    x, h, c, *,
    W_f, U_f, p_f, b_f, W_g, U_g, b_g,
    W_o, U_o, p_o, b_o,
):  # fmt: skip
    """One gate forgets and writes; it sees the old cell state, the output gate the new one.

    f_t = σ(W_f x_t + U_f h_{t-1} + p_f ⊙ c_{t-1} + b_f)
    g_t = tanh(W_g x_t + U_g h_{t-1} + b_g)
    i_t = 1 - f_t
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t
    o_t = σ(W_o x_t + U_o h_{t-1} + p_o ⊙ c_t + b_o)
    h_t = o_t ⊙ tanh(c_t)
    """
    f = sigmoid(W_f @ x + U_f @ h + p_f * c + b_f)
    g = tanh(W_g @ x + U_g @ h + b_g)
    i = 1 - f
    c = f * c + i * g
    o = sigmoid(W_o @ x + U_o @ h + p_o * c + b_o)
    h = o * tanh(c)
    return h, c
