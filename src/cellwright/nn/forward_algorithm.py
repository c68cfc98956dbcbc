"""The forward algorithm of a chain of tags, as a cell; `CRF` runs it. Floor 4."""

from cellwright.compiler.trace import cell
from cellwright.compiler.words import exp, log, max


@cell(paper="Lafferty, McCallum & Pereira 2001, Conditional random fields, ICML", year=2001)
def forward_algorithm(x: "[H]", h, *, U):
    """h_t[j] is the logarithm of the sum over all paths that end in tag j at step t; U = exp(A).

    The largest is taken out before e is raised to it. Paths below 1e-30 of the likeliest count as 1e-30 of
    it, so that a tag which nothing may precede has no infinite derivative.

    m_t = max(h_{t-1})
    h_t = x_t + m_t + log(U exp(h_{t-1} - m_t) + 1e-30)
    """
    m = max(h)
    h = x + m + log(U @ exp(h - m) + 1e-30)
    return h
