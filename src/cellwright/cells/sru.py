"""The simple recurrent unit. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid


@cell(
    paper="Lei et al. 2018, Simple Recurrent Units for Highly Parallelizable Recurrence, arXiv 1709.02755",
    year=2018,
    init={"v_*": "uniform"},
)
def sru(
    x, h, c, *,
    W_n, W_f, v_f, b_f, W_r, v_r, b_r, W_s,
):  # fmt: skip
    """Both gates see the old cell state, unit by unit; r chooses between c and the input's own projection.

    f_t = σ(W_f x_t + v_f ⊙ c_{t-1} + b_f)
    r_t = σ(W_r x_t + v_r ⊙ c_{t-1} + b_r)
    c_t = f_t ⊙ c_{t-1} + (1 - f_t) ⊙ (W_n x_t)
    h_t = r_t ⊙ c_t + (1 - r_t) ⊙ (W_s x_t)
    """
    f = sigmoid(W_f @ x + v_f * c + b_f)
    r = sigmoid(W_r @ x + v_r * c + b_r)
    c = f * c + (1 - f) * (W_n @ x)
    h = r * c + (1 - r) * (W_s @ x)
    return h, c
