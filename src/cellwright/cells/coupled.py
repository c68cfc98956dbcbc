"""Long short-term memory with one gate for forgetting and writing: i = 1 - f. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, tanh


@cell(
    paper="Greff et al. 2015, LSTM: A Search Space Odyssey, arXiv 1503.04069 (CIFG)",
    year=2015,
    init={"b_f": 1.0},
)
def coupled(
    x, h, c, *,
    W_f, U_f, b_f, W_g, U_g, b_g, W_o, U_o, b_o,
):  # fmt: skip
    """What is forgotten makes room for what is written.

    f_t = σ(W_f x_t + U_f h_{t-1} + b_f)
    g_t = tanh(W_g x_t + U_g h_{t-1} + b_g)
    o_t = σ(W_o x_t + U_o h_{t-1} + b_o)
    i_t = 1 - f_t
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t
    h_t = o_t ⊙ tanh(c_t)
    """
    f = sigmoid(W_f @ x + U_f @ h + b_f)
    g = tanh(W_g @ x + U_g @ h + b_g)
    o = sigmoid(W_o @ x + U_o @ h + b_o)
    i = 1 - f
    c = f * c + i * g
    h = o * tanh(c)
    return h, c
