"""The light gated recurrent unit: no reset gate, relu. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import relu, sigmoid


@cell(
    paper="Ravanelli et al. 2018, Light Gated Recurrent Units for Speech Recognition, arXiv 1803.10225",
    year=2018,
)
def ligru(
    x, h, *, W_z, U_z, b_z, W_n, U_n, b_n,
):  # fmt: skip
    """The paper normalises W x over the batch; a cell knows one sequence, so here the biases stand alone.

    z_t = σ(W_z x_t + U_z h_{t-1} + b_z)
    n_t = relu(W_n x_t + U_n h_{t-1} + b_n)
    h_t = z_t ⊙ h_{t-1} + (1 - z_t) ⊙ n_t
    """
    z = sigmoid(W_z @ x + U_z @ h + b_z)
    n = relu(W_n @ x + U_n @ h + b_n)
    h = z * h + (1 - z) * n
    return h
