"""Long short-term memory, split weights. Floor 2."""

from typing import Any

from cellwright.compiler.trace import cell
from cellwright.compiler.words import sigmoid, tanh


@cell(
    paper="Hochreiter & Schmidhuber 1997, Neural Computation 9(8); forget gate: Gers, Schmidhuber & Cummins 2000",
    year=1997,
    init={"b_f": 1.0},
)
def lstm(
    x: Any, h: Any, c: Any, *,
    W_i: Any, U_i: Any, b_i: Any, W_f: Any, U_f: Any, b_f: Any,
    W_g: Any, U_g: Any, b_g: Any, W_o: Any, U_o: Any, b_o: Any,
) -> Any:  # fmt: skip
    """Input gate i, forget gate f, candidate g, output gate o; the cell state c carries the memory.

    i_t = σ(W_i x_t + U_i h_{t-1} + b_i)
    f_t = σ(W_f x_t + U_f h_{t-1} + b_f)
    g_t = tanh(W_g x_t + U_g h_{t-1} + b_g)
    o_t = σ(W_o x_t + U_o h_{t-1} + b_o)
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t
    h_t = o_t ⊙ tanh(c_t)
    """
    i = sigmoid(W_i @ x + U_i @ h + b_i)
    f = sigmoid(W_f @ x + U_f @ h + b_f)
    g = tanh(W_g @ x + U_g @ h + b_g)
    o = sigmoid(W_o @ x + U_o @ h + b_o)
    c = f * c + i * g
    h = o * tanh(c)
    return h, c
