"""Long expressive memory: two states on learned time scales. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, tanh


@cell(
    paper="Rusch et al. 2022, Long Expressive Memory for Sequence Modeling, arXiv 2110.04744",
    year=2022,
)
def lem(
    x, h, z, *,
    W_1, U_1, b_1, W_2, U_2, b_2,
    W_z, U_z, b_z, W_h, U_h, b_h, dt=1.0,
):  # fmt: skip
    """A step of a two-scale differential equation: s and r are the step sizes of z and h; h reads the new z.

    s_t = 1 · σ(W_1 x_t + U_1 h_{t-1} + b_1)
    r_t = 1 · σ(W_2 x_t + U_2 h_{t-1} + b_2)
    z_t = (1 - s_t) ⊙ z_{t-1} + s_t ⊙ tanh(W_z x_t + U_z h_{t-1} + b_z)
    h_t = (1 - r_t) ⊙ h_{t-1} + r_t ⊙ tanh(W_h x_t + U_h z_t + b_h)
    """
    s = dt * sigmoid(W_1 @ x + U_1 @ h + b_1)
    r = dt * sigmoid(W_2 @ x + U_2 @ h + b_2)
    z = (1 - s) * z + s * tanh(W_z @ x + U_z @ h + b_z)
    h = (1 - r) * h + r * tanh(W_h @ x + U_h @ z + b_h)
    return h, z
