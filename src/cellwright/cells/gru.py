"""The gated recurrent unit as PyTorch and cuDNN compute it: reset after the product. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, tanh


@cell(paper="Cho et al. 2014, arXiv 1406.1078v1 (reset after the product)", year=2014)
def gru(
    x, h, *,
    W_r, U_r, b_r, W_z, U_z, b_z, W_n, U_n, b_n, b_m,
):  # fmt: skip
    """Reset gate r, update gate z, candidate n. The reset gate scales the product U_n h_{t-1} + b_m.

    r_t = σ(W_r x_t + U_r h_{t-1} + b_r)
    z_t = σ(W_z x_t + U_z h_{t-1} + b_z)
    n_t = tanh(W_n x_t + b_n + r_t ⊙ (U_n h_{t-1} + b_m))
    h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}
    """
    r = sigmoid(W_r @ x + U_r @ h + b_r)
    z = sigmoid(W_z @ x + U_z @ h + b_z)
    n = tanh(W_n @ x + b_n + r * (U_n @ h + b_m))
    h = (1 - z) * n + z * h
    return h
