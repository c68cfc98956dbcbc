"""Long short-term memory with a projected output. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, tanh


@cell(paper="Sak, Senior & Beaufays 2014, arXiv 1402.1128 (without peepholes)", year=2014, init={"b_f": 1.0})
def lstm_projected(
    x, h: "[P]", c, *,
    W_i, U_i: "[H, P]", b_i, W_f, U_f: "[H, P]", b_f,
    W_g, U_g: "[H, P]", b_g, W_o, U_o: "[H, P]", b_o, W_h: "[P, H]", P=32,
):  # fmt: skip
    """An LSTM whose output is a projection to size P: fewer recurrent weights for a wide cell state.

    i_t = σ(W_i x_t + U_i h_{t-1} + b_i)
    f_t = σ(W_f x_t + U_f h_{t-1} + b_f)
    g_t = tanh(W_g x_t + U_g h_{t-1} + b_g)
    o_t = σ(W_o x_t + U_o h_{t-1} + b_o)
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t
    h_t = W_h (o_t ⊙ tanh(c_t))
    """
    i = sigmoid(W_i @ x + U_i @ h + b_i)
    f = sigmoid(W_f @ x + U_f @ h + b_f)
    g = tanh(W_g @ x + U_g @ h + b_g)
    o = sigmoid(W_o @ x + U_o @ h + b_o)
    c = f * c + i * g
    h = W_h @ (o * tanh(c))
    return h, c
