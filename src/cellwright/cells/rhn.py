"""The recurrent highway network, two layers deep in every step. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, tanh


@cell(
    paper="Zilly et al. 2016, Recurrent Highway Networks, arXiv 1607.03474 (carry gate 1 - t)",
    year=2016,
    init={"b_t": -2.0, "b_k": -2.0},
)
def rhn(
    x, h, *,
    W_g, U_g, b_g, W_t, U_t, b_t,
    U_n, b_n, U_k, b_k,
):  # fmt: skip
    """The input enters the first highway layer (g, t); the second (n, k) works on its result s.

    g_t = tanh(W_g x_t + U_g h_{t-1} + b_g)
    t_t = σ(W_t x_t + U_t h_{t-1} + b_t)
    s_t = t_t ⊙ g_t + (1 - t_t) ⊙ h_{t-1}
    n_t = tanh(U_n s_t + b_n)
    k_t = σ(U_k s_t + b_k)
    h_t = k_t ⊙ n_t + (1 - k_t) ⊙ s_t
    """
    g = tanh(W_g @ x + U_g @ h + b_g)
    t = sigmoid(W_t @ x + U_t @ h + b_t)
    s = t * g + (1 - t) * h
    n = tanh(U_n @ s + b_n)
    k = sigmoid(U_k @ s + b_k)
    h = k * n + (1 - k) * s
    return h
