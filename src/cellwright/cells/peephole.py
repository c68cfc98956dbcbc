"""Long short-term memory with peepholes. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, tanh


@cell(
    paper="Gers & Schmidhuber 2000, Recurrent nets that time and count, IJCNN", year=2000, init={"b_f": 1.0}
)
def peephole(
    x, h, c, *,
    W_i, U_i, p_i, b_i, W_f, U_f, p_f, b_f,
    W_g, U_g, b_g, W_o, U_o, p_o, b_o,
):  # fmt: skip
    """The gates also see the cell state: i and f the old one, o the new one.

    i_t = σ(W_i x_t + U_i h_{t-1} + p_i ⊙ c_{t-1} + b_i)
    f_t = σ(W_f x_t + U_f h_{t-1} + p_f ⊙ c_{t-1} + b_f)
    g_t = tanh(W_g x_t + U_g h_{t-1} + b_g)
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t
    o_t = σ(W_o x_t + U_o h_{t-1} + p_o ⊙ c_t + b_o)
    h_t = o_t ⊙ tanh(c_t)
    """
    i = sigmoid(W_i @ x + U_i @ h + p_i * c + b_i)
    f = sigmoid(W_f @ x + U_f @ h + p_f * c + b_f)
    g = tanh(W_g @ x + U_g @ h + b_g)
    c = f * c + i * g
    o = sigmoid(W_o @ x + U_o @ h + p_o * c + b_o)
    h = o * tanh(c)
    return h, c
