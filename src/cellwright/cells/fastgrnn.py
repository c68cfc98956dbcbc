"""The fast, tiny gated network: gate and candidate share their matrices. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, tanh


@cell(
    paper="Kusupati et al. 2018, FastGRNN, arXiv 1901.02358",
    year=2018,
    init={"zeta": 1.0, "nu": -4.0},
)
def fastgrnn(
    x, h, *, W, U, b_z, b_n, zeta: "[]", nu: "[]",
):  # fmt: skip
    """Two biases tell gate and candidate apart; ζ and ν are learned, each held in 0..1 by a σ.

    v_t = W x_t + U h_{t-1}
    z_t = σ(v_t + b_z)
    n_t = tanh(v_t + b_n)
    h_t = (σ(zeta) · (1 - z_t) + σ(nu)) ⊙ n_t + z_t ⊙ h_{t-1}
    """
    v = W @ x + U @ h
    z = sigmoid(v + b_z)
    n = tanh(v + b_n)
    h = (sigmoid(zeta) * (1 - z) + sigmoid(nu)) * n + z * h
    return h
