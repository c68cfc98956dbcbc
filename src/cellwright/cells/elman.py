"""The plain recurrent cell. Floor 2."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import relu, tanh


@cell(paper="Elman 1990, Finding structure in time, Cognitive Science 14", year=1990)
def elman(x, h, *, W, U, b, nonlinearity="tanh"):
    """The Elman network: h_t = tanh(W x_t + U h_{t-1} + b), or relu in the place of tanh."""
    h = relu(W @ x + U @ h + b) if nonlinearity == "relu" else tanh(W @ x + U @ h + b)
    return h
