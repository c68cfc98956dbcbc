"""Long short-term memory with layer norm as its authors wrote it. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import layer_norm, part, sigmoid, tanh


@cell(
    paper="Ba, Kiros & Hinton 2016, Layer Normalization, arXiv 1607.06450, equations 20 to 22 (gains only)",
    year=2016,
    init={"b_f": 1.0, "p_*": 1.0},
)
def lstm_layer_norm(
    x, h, c, *,
    W: "[4*H, I]", p_x: "[4*H]", U: "[4*H, H]", p_h: "[4*H]",
    b_i, b_f, b_g, b_o, p_c, b_c,
):  # fmt: skip
    """Both products are normalised over all four gates together; of c, only what h sees of it.

    v_t = p_x ⊙ LN(W x_t) + p_h ⊙ LN(U h_{t-1})
    i_t = σ(v_t⟨1/4⟩ + b_i)
    f_t = σ(v_t⟨2/4⟩ + b_f)
    g_t = tanh(v_t⟨3/4⟩ + b_g)
    o_t = σ(v_t⟨4/4⟩ + b_o)
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t
    h_t = o_t ⊙ tanh(p_c ⊙ LN(c_t) + b_c)
    """
    v = layer_norm(W @ x, p_x) + layer_norm(U @ h, p_h)
    i = sigmoid(part(v, 0, 4) + b_i)
    f = sigmoid(part(v, 1, 4) + b_f)
    g = tanh(part(v, 2, 4) + b_g)
    o = sigmoid(part(v, 3, 4) + b_o)
    c = f * c + i * g
    h = o * tanh(layer_norm(c, p_c, b_c))
    return h, c
