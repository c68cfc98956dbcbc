"""The minimal long short-term memory: gates see only the input and sum to one. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, where


@cell(
    paper="Feng et al. 2024, Were RNNs All We Needed?, arXiv 2410.01201 (appendix B: positive candidate)",
    year=2024,
    init={"b_f": 1.0},
)
def minlstm(
    x, h, *, W_f, b_f, W_i, b_i, W_n, b_n,
):  # fmt: skip
    """Affine in the old state; the two gates are made to share one whole.

    f_t = σ(W_f x_t + b_f)
    i_t = σ(W_i x_t + b_i)
    v_t = W_n x_t + b_n
    n_t = where(0 ≤ v_t, v_t + 0.5, σ(v_t))
    h_t = f_t / (f_t + i_t) ⊙ h_{t-1} + i_t / (f_t + i_t) ⊙ n_t
    """
    f = sigmoid(W_f @ x + b_f)
    i = sigmoid(W_i @ x + b_i)
    v = W_n @ x + b_n
    n = where(v >= 0, v + 0.5, sigmoid(v))
    h = f / (f + i) * h + i / (f + i) * n
    return h
