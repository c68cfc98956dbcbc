"""The gated recurrent unit as later published: reset before the product. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, tanh


@cell(paper="Cho et al. 2014, arXiv 1406.1078v3 (reset before the product)", year=2014)
def gru_v1(
    x, h, *,
    W_r, U_r, b_r, W_z, U_z, b_z, W_n, U_n, b_n,
):  # fmt: skip
    """Reset gate r, update gate z, candidate n. The reset gate scales the old state before the product.

    r_t = σ(W_r x_t + U_r h_{t-1} + b_r)
    z_t = σ(W_z x_t + U_z h_{t-1} + b_z)
    n_t = tanh(W_n x_t + U_n (r_t ⊙ h_{t-1}) + b_n)
    h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}
    """
    r = sigmoid(W_r @ x + U_r @ h + b_r)
    z = sigmoid(W_z @ x + U_z @ h + b_z)
    n = tanh(W_n @ x + U_n @ (r * h) + b_n)
    h = (1 - z) * n + z * h
    return h
