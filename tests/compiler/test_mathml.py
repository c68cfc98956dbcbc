"""MathML of every cell: well formed, and the same equation as the text notation, which is written apart."""

import re
from xml.etree import ElementTree

import pytest

import cellwright as cw
from cellwright.compiler.show import equations, mathml

LIBRARY = cw.cells.all()
# Notation that a page sets otherwise than a line of text does: cases, pieces, dots, Greek letters, fractions.
TWO_DIMENSIONAL = ("where(", "⟨", "·", "nu", " / ", "maximum", "softplus")
DROPPED = re.compile(r"[\s_{}\u2061]")


def plain(text: str) -> str:
    return DROPPED.sub("", text).replace("-", "−")


@pytest.mark.parametrize("name", LIBRARY)
def test_the_mathml_says_what_the_text_says(name: str) -> None:
    graph = LIBRARY[name].graph
    elements = mathml(graph)
    wanted = equations(graph).splitlines()
    assert len(elements) == len(wanted)
    for element, line in zip(elements, wanted, strict=True):
        tree = ElementTree.fromstring(element)
        assert tree.get("alttext") == line
        if not any(mark in line for mark in TWO_DIMENSIONAL):
            assert plain("".join(tree.itertext())) == plain(line)


def test_every_operation_is_well_formed() -> None:
    @cw.cell
    def zoo(x, h, n: "[]", *, W, U, b, R: "[2, H/2, H/2]", alpha, tau_m):
        a = cw.relu(W @ x) + cw.softplus(U.T @ h) / (1 + cw.exp(-b)) - cw.abs(h) ** 2
        d = cw.where(a <= 0, cw.minimum(a, b), cw.maximum(a, -alpha)) + cw.where(a < b, cw.sin(a), cw.cos(a))
        e = cw.layer_norm(cw.blocks(R, d), b) * cw.softmax(d) + cw.cumsum(d) * cw.sqrt(cw.sum(d * d))
        f = cw.concat(cw.part(e, 0, 2), cw.part(e, 1, 2)) * tau_m * cw.max(d) + cw.log(cw.exp(e))
        g = cw.where(f == 0, 1.0, f) - (a - (b - d)) * (-n) * (-2.5)
        return cw.tanh(g) * cw.sigmoid(g), n + cw.mean(g)

    text = cw.show(zoo, "mathml")
    for element in text.splitlines():
        ElementTree.fromstring(element)
    assert "<mi>α</mi>" in text
    assert "<msub><mi>τ</mi><mrow><mi>m</mi></mrow></msub>" in text
    assert "<mfrac>" in text
    assert "<msqrt>" in text


def test_a_product_with_a_number_is_a_dot() -> None:
    @cw.cell
    def half(x, h, *, W):
        h = 0.5 * h + W @ x
        return h

    assert "<mn>0.5</mn><mo>⋅</mo>" in mathml(half.graph)[0]
    assert r"0.5 \cdot h_{t-1}" in cw.show(half, "latex")
