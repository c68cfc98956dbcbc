"""The pooling of a quasi-recurrent network (fo-pooling), window of one. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, tanh


@cell(
    paper="Bradbury et al. 2016, Quasi-Recurrent Neural Networks, arXiv 1611.01576",
    year=2016,
    init={"b_f": 1.0},
)
def qrnn(
    x, h, c, *, W_n, b_n, W_f, b_f, W_o, b_o,
):  # fmt: skip
    """f keeps the old value, as in the paper (pytorch-qrnn's lets the new in). Wider windows: convolve first.

    n_t = tanh(W_n x_t + b_n)
    f_t = σ(W_f x_t + b_f)
    o_t = σ(W_o x_t + b_o)
    c_t = f_t ⊙ c_{t-1} + (1 - f_t) ⊙ n_t
    h_t = o_t ⊙ c_t
    """
    n = tanh(W_n @ x + b_n)
    f = sigmoid(W_f @ x + b_f)
    o = sigmoid(W_o @ x + b_o)
    c = f * c + (1 - f) * n
    h = o * c
    return h, c
