"""Just another network: an LSTM with the forget gate alone. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, tanh


@cell(
    paper="van der Westhuizen & Lasenby 2018, The unreasonable effectiveness of the forget gate, 1804.04849",
    year=2018,
    init={"b_f": 1.0},
)
def janet(
    x, h, *, W_f, U_f, b_f, W_g, U_g, b_g, beta=1.0,
):  # fmt: skip
    """What is written is a little more than what is forgotten: 1 - σ(s - β).

    s_t = W_f x_t + U_f h_{t-1} + b_f
    g_t = tanh(W_g x_t + U_g h_{t-1} + b_g)
    h_t = σ(s_t) ⊙ h_{t-1} + (1 - σ(s_t - 1)) ⊙ g_t
    """
    s = W_f @ x + U_f @ h + b_f
    g = tanh(W_g @ x + U_g @ h + b_g)
    h = sigmoid(s) * h + (1 - sigmoid(s - beta)) * g
    return h
