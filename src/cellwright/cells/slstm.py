"""Scalar long short-term memory: exponential gates, a normaliser, a stabiliser. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import blocks, exp, log_sigmoid, maximum, sigmoid, tanh, where


@cell(
    paper="Beck et al. 2024, xLSTM: Extended Long Short-Term Memory, arXiv 2405.04517",
    year=2024,
    init={"b_f": 3.0},
)
def slstm(
    x, h, c, n, m, *,
    W_i, R_i: "[heads, H/heads, H/heads]", b_i, W_f, R_f: "[heads, H/heads, H/heads]", b_f,
    W_z, R_z: "[heads, H/heads, H/heads]", b_z, W_o, R_o: "[heads, H/heads, H/heads]", b_o, heads=1,
):  # fmt: skip
    """m keeps the exponents small and cancels in c / n; while n = 0 it follows the input gate.

    a_t = W_i x_t + R_i h_{t-1} + b_i
    l_t = -softplus(-(W_f x_t + R_f h_{t-1} + b_f)) + m_{t-1}
    m_t = where(n_{t-1} = 0, a_t, maximum(a_t, l_t))
    i_t = exp(a_t - m_t)
    f_t = exp(l_t - m_t)
    z_t = tanh(W_z x_t + R_z h_{t-1} + b_z)
    o_t = σ(W_o x_t + R_o h_{t-1} + b_o)
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ z_t
    n_t = f_t ⊙ n_{t-1} + i_t
    h_t = o_t ⊙ c_t / n_t
    """
    a = W_i @ x + blocks(R_i, h) + b_i
    l = log_sigmoid(W_f @ x + blocks(R_f, h) + b_f) + m
    m = where(n == 0, a, maximum(a, l))
    i = exp(a - m)
    f = exp(l - m)
    z = tanh(W_z @ x + blocks(R_z, h) + b_z)
    o = sigmoid(W_o @ x + blocks(R_o, h) + b_o)
    c = f * c + i * z
    n = f * n + i
    h = o * c / n
    return h, c, n, m
