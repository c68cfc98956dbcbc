"""The gated recurrent unit with layer norm. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import layer_norm, part, sigmoid, tanh


@cell(
    paper="Ba, Kiros & Hinton 2016, Layer Normalization, arXiv 1607.06450 (supplement, GRU)",
    year=2016,
    init={"p_*": 1.0},
)
def gru_layer_norm(
    x, h, *,
    W: "[2*H, I]", p_x: "[2*H]", b_x: "[2*H]", U: "[2*H, H]", p_h: "[2*H]", b_h: "[2*H]",
    W_n, p_n, b_n, U_n, p_m, b_m,
):  # fmt: skip
    """The gates share one norm per product, the candidate has its own; here z lets the new value in.

    v_t = p_x ⊙ LN(W x_t) + b_x + p_h ⊙ LN(U h_{t-1}) + b_h
    z_t = σ(v_t⟨1/2⟩)
    r_t = σ(v_t⟨2/2⟩)
    n_t = tanh(p_n ⊙ LN(W_n x_t) + b_n + r_t ⊙ (p_m ⊙ LN(U_n h_{t-1}) + b_m))
    h_t = (1 - z_t) ⊙ h_{t-1} + z_t ⊙ n_t
    """
    v = layer_norm(W @ x, p_x, b_x) + layer_norm(U @ h, p_h, b_h)
    z = sigmoid(part(v, 0, 2))
    r = sigmoid(part(v, 1, 2))
    n = tanh(layer_norm(W_n @ x, p_n, b_n) + r * layer_norm(U_n @ h, p_m, b_m))
    h = (1 - z) * h + z * n
    return h
