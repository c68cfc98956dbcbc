"""Multiplicative long short-term memory: the input chooses the recurrent matrix. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, tanh


@cell(
    paper="Krause et al. 2016, Multiplicative LSTM for sequence modelling, arXiv 1609.07959",
    year=2016,
    init={"b_f": 1.0},
)
def lstm_multiplicative(
    x, h, c, *,
    W_m, U_m, W_i, U_i, b_i, W_f, U_f, b_f,
    W_g, U_g, b_g, W_o, U_o, b_o,
):  # fmt: skip
    """Every gate reads m, the old state as seen through the input, in the place of h.

    m_t = W_m x_t ⊙ (U_m h_{t-1})
    i_t = σ(W_i x_t + U_i m_t + b_i)
    f_t = σ(W_f x_t + U_f m_t + b_f)
    g_t = tanh(W_g x_t + U_g m_t + b_g)
    o_t = σ(W_o x_t + U_o m_t + b_o)
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t
    h_t = o_t ⊙ tanh(c_t)
    """
    m = W_m @ x * (U_m @ h)
    i = sigmoid(W_i @ x + U_i @ m + b_i)
    f = sigmoid(W_f @ x + U_f @ m + b_f)
    g = tanh(W_g @ x + U_g @ m + b_g)
    o = sigmoid(W_o @ x + U_o @ m + b_o)
    c = f * c + i * g
    h = o * tanh(c)
    return h, c
