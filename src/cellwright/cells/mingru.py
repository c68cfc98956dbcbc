"""The minimal gated recurrent unit: gate and candidate see only the input. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, where


@cell(
    paper="Feng et al. 2024, Were RNNs All We Needed?, arXiv 2410.01201 (appendix B: positive candidate)",
    year=2024,
)
def mingru(
    x, h, *, W_z, b_z, W_n, b_n,
):  # fmt: skip
    """Affine in the old state: all steps can be computed at once. The candidate is kept positive.

    z_t = σ(W_z x_t + b_z)
    v_t = W_n x_t + b_n
    n_t = where(0 ≤ v_t, v_t + 0.5, σ(v_t))
    h_t = (1 - z_t) ⊙ h_{t-1} + z_t ⊙ n_t
    """
    z = sigmoid(W_z @ x + b_z)
    v = W_n @ x + b_n
    n = where(v >= 0, v + 0.5, sigmoid(v))
    h = (1 - z) * h + z * n
    return h
