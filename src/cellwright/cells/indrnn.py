"""The independently recurrent network: every unit sees only its own past. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import relu, tanh


@cell(
    paper="Li et al. 2018, Independently Recurrent Neural Network (IndRNN), arXiv 1803.04831",
    year=2018,
    init={"u": "uniform"},
)
def indrnn(
    x, h, *, W, u, b, nonlinearity="tanh",
):  # fmt: skip
    """One weight u per unit in the place of a matrix; the paper favours relu.

    h_t = tanh(W x_t + u ⊙ h_{t-1} + b)
    """
    h = relu(W @ x + u * h + b) if nonlinearity == "relu" else tanh(W @ x + u * h + b)
    return h
