"""The minimal gated unit: one gate. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, tanh


@cell(
    paper="Zhou et al. 2016, Minimal Gated Unit for Recurrent Neural Networks, arXiv 1603.09420",
    year=2016,
    init={"b_f": 1.0},
)
def mgu(
    x, h, *,
    W_f, U_f, b_f, W_n, U_n, b_n,
):  # fmt: skip
    """The gate f resets the old state inside the candidate and updates it outside.

    f_t = σ(W_f x_t + U_f h_{t-1} + b_f)
    n_t = tanh(W_n x_t + U_n (f_t ⊙ h_{t-1}) + b_n)
    h_t = (1 - f_t) ⊙ h_{t-1} + f_t ⊙ n_t
    """
    f = sigmoid(W_f @ x + U_f @ h + b_f)
    n = tanh(W_n @ x + U_n @ (f * h) + b_n)
    h = (1 - f) * h + f * n
    return h
