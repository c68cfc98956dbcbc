"""Long short-term memory with layer norm, the carried cell state normalised too. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import layer_norm, part, sigmoid, tanh


@cell(
    paper="as in PyTorch's fastrnns benchmark; after Ba, Kiros & Hinton 2016, arXiv 1607.06450",
    year=2016,
    init={"b_f": 1.0, "p_*": 1.0},
)
def lstm_layer_norm_stored(
    x, h, c, *,
    W: "[4*H, I]", p_x: "[4*H]", b_x: "[4*H]", U: "[4*H, H]", p_h: "[4*H]", b_h: "[4*H]",
    p_c, b_c,
):  # fmt: skip
    """Unlike `lstm_layer_norm`, what is stored is the normalised c: it stays bounded over any length.

    v_t = p_x ⊙ LN(W x_t) + b_x + p_h ⊙ LN(U h_{t-1}) + b_h
    i_t = σ(v_t⟨1/4⟩)
    f_t = σ(v_t⟨2/4⟩)
    g_t = tanh(v_t⟨3/4⟩)
    o_t = σ(v_t⟨4/4⟩)
    c_t = p_c ⊙ LN(f_t ⊙ c_{t-1} + i_t ⊙ g_t) + b_c
    h_t = o_t ⊙ tanh(c_t)
    """
    v = layer_norm(W @ x, p_x, b_x) + layer_norm(U @ h, p_h, b_h)
    i = sigmoid(part(v, 0, 4))
    f = sigmoid(part(v, 1, 4))
    g = tanh(part(v, 2, 4))
    o = sigmoid(part(v, 3, 4))
    c = layer_norm(f * c + i * g, p_c, b_c)
    h = o * tanh(c)
    return h, c
