"""Long short-term memory in the textbooks' concatenated notation, W [h, x]. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import concat, sigmoid, tanh


@cell(
    paper="Gers, Schmidhuber & Cummins 2000, Learning to Forget, Neural Computation 12(10)",
    year=2000,
    init={"b_f": 1.0},
)
def lstm_joined(
    x, h, c, *,
    W_f: "[H, H + I]", b_f, W_i: "[H, H + I]", b_i,
    W_g: "[H, H + I]", b_g, W_o: "[H, H + I]", b_o,
):  # fmt: skip
    """One matrix per gate over the joined vector [h_{t-1}, x_t]: the same function as `lstm`, W = [U, W].

    v_t = [h_{t-1}, x_t]
    f_t = σ(W_f v_t + b_f)
    i_t = σ(W_i v_t + b_i)
    g_t = tanh(W_g v_t + b_g)
    o_t = σ(W_o v_t + b_o)
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t
    h_t = o_t ⊙ tanh(c_t)
    """
    v = concat(h, x)
    f = sigmoid(W_f @ v + b_f)
    i = sigmoid(W_i @ v + b_i)
    g = tanh(W_g @ v + b_g)
    o = sigmoid(W_o @ v + b_o)
    c = f * c + i * g
    h = o * tanh(c)
    return h, c
