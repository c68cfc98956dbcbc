"""How each operation is written: one row per operation, four notations. Floor 1.

A row gives a template, its binding strength, and how strongly each operand must bind to go without brackets.
Strengths: 0 anything, 1 sums, 2 products, 3 signs, 4 powers, 5 names and calls.
"""

from __future__ import annotations

from dataclasses import dataclass

ATOM = 5


@dataclass(frozen=True)
class Form:
    """One way of writing an operation."""

    template: str
    strength: int = ATOM
    needs: tuple[int, ...] = (0, 0, 0)


def _call(name: str, arity: int = 1) -> Form:
    return Form(name + "(" + ", ".join(f"{{{k}}}" for k in range(arity)) + ")")


def _infix(sign: str, strength: int, right: int | None = None) -> Form:
    return Form(f"{{0}}{sign}{{1}}", strength, (strength, strength if right is None else right))


PYTHON: dict[str, Form] = {
    "add": _infix(" + ", 1),
    "sub": _infix(" - ", 1, 2),
    "mul": _infix(" * ", 2, 3),
    "div": _infix(" / ", 2, 3),
    "pow": _infix("**", 4, 5),
    "neg": Form("-{0}", 3, (3,)),
    "less": _infix(" < ", 0, 1),
    "less_equal": _infix(" <= ", 0, 1),
    "equal": _infix(" == ", 0, 1),
    "matmul": _infix(" @ ", 2, 3),
    "transpose": Form("{0}.T", ATOM, (ATOM,)),
    "layer_norm": Form("layer_norm({0}, eps={eps})"),
    "clip_gradient": Form("clip_gradient({0}, {limit})"),
    "part": Form("part({0}, {index}, {parts})"),
    "concat": Form("concat({all})"),
    **{name: _call(name) for name in ("sigmoid", "tanh", "relu", "exp", "log", "softplus", "sqrt", "abs")},
    **{name: _call(name) for name in ("sin", "cos", "sum", "mean", "max", "softmax", "cumsum")},
    **{name: _call(name, 2) for name in ("maximum", "minimum", "blocks")},
    "where": _call("where", 3),
}

TEXT: dict[str, Form] = PYTHON | {
    "neg": Form("-{0}", 1, (3,)),
    "mul": _infix(" ⊙ ", 2, 3),
    "matmul": _infix(" ", 2, 3),
    "blocks": _infix(" ", 2, 3),
    "pow": _infix("^", 4, 5),
    "less_equal": _infix(" ≤ ", 0, 1),
    "equal": _infix(" = ", 0, 1),
    "sigmoid": _call("σ"),
    "sqrt": Form("√({0})"),
    "abs": Form("|{0}|"),
    "sum": _call("Σ"),
    "transpose": Form("{0}ᵀ", ATOM, (ATOM,)),
    "layer_norm": _call("LN"),
    "clip_gradient": _call("∂clip"),
    "concat": Form("[{all}]"),
    "part": Form("{0}⟨{number}/{parts}⟩", ATOM, (ATOM,)),
}

LATEX: dict[str, Form] = {
    "add": _infix(" + ", 1),
    "sub": _infix(" - ", 1, 2),
    "mul": _infix(r" \odot ", 2, 3),
    "div": Form(r"\frac{{{0}}}{{{1}}}"),
    "pow": Form("{0}^{{{1}}}", 4, (5, 0)),
    "neg": Form("-{0}", 1, (3,)),
    "less": _infix(" < ", 0, 1),
    "less_equal": _infix(r" \le ", 0, 1),
    "equal": _infix(" = ", 0, 1),
    "matmul": _infix(r"\, ", 2, 3),
    "blocks": _infix(r"\, ", 2, 3),
    "transpose": Form(r"{0}^{{\top}}", ATOM, (ATOM,)),
    "sigmoid": Form(r"\sigma\left({0}\right)"),
    "tanh": Form(r"\tanh\left({0}\right)"),
    "exp": Form(r"\exp\left({0}\right)"),
    "log": Form(r"\log\left({0}\right)"),
    "sin": Form(r"\sin\left({0}\right)"),
    "cos": Form(r"\cos\left({0}\right)"),
    "max": Form(r"\max\left({0}\right)"),
    "maximum": Form(r"\max\left({0}, {1}\right)"),
    "minimum": Form(r"\min\left({0}, {1}\right)"),
    "sqrt": Form(r"\sqrt{{{0}}}"),
    "abs": Form(r"\left|{0}\right|"),
    "sum": Form(r"\textstyle\sum\left({0}\right)"),
    "concat": Form(r"\left[{all}\right]"),
    "part": Form(r"{0}^{{({number}/{parts})}}", ATOM, (ATOM,)),
    "where": Form(r"\begin{{cases}} {1} & {0} \\ {2} & \text{{otherwise}} \end{{cases}}"),
    "layer_norm": Form(r"\operatorname{{LN}}\left({0}\right)"),
    "clip_gradient": Form(r"\operatorname{{\partial clip}}\left({0}\right)"),
    **{
        name: Form(rf"\operatorname{{{{{name}}}}}\left({{0}}\right)")
        for name in ("relu", "softplus", "mean", "softmax", "cumsum")
    },
}


def _operator(sign: str) -> str:
    return f"<mo>{sign}</mo>"


def _applied(name: str, arity: int = 1) -> Form:
    """A named function of its operands; the reader's program knows U+2061 as "of"."""
    inside = _operator(",").join(f"{{{k}}}" for k in range(arity))
    return Form(f"<mrow><mi>{name}</mi><mo>&#x2061;</mo>{_fenced('(', inside, ')')}</mrow>")


def _fenced(left: str, inside: str, right: str) -> str:
    return f'<mrow><mo fence="true">{left}</mo>{inside}<mo fence="true">{right}</mo></mrow>'


_THIN = '<mspace width="0.17em"></mspace>'
BRACKETS = _fenced("(", "{0}", ")")

MATHML: dict[str, Form] = {
    "add": _infix(_operator("+"), 1),
    "sub": _infix(_operator("−"), 1, 2),
    "mul": _infix(_operator("⊙"), 2, 3),
    "div": Form("<mfrac><mrow>{0}</mrow><mrow>{1}</mrow></mfrac>"),
    "pow": Form("<msup><mrow>{0}</mrow><mrow>{1}</mrow></msup>", 4, (5, 0)),
    "neg": Form(f"<mrow>{_operator('−')}{{0}}</mrow>", 1, (3,)),
    "less": _infix(_operator("&lt;"), 0, 1),
    "less_equal": _infix(_operator("≤"), 0, 1),
    "equal": _infix(_operator("="), 0, 1),
    "matmul": _infix(_THIN, 2, 3),
    "blocks": _infix(_THIN, 2, 3),
    "transpose": Form('<msup><mrow>{0}</mrow><mi mathvariant="normal">⊤</mi></msup>', ATOM, (ATOM,)),
    "sigmoid": _applied("σ"),
    "maximum": _applied("max", 2),
    "minimum": _applied("min", 2),
    "sqrt": Form("<msqrt>{0}</msqrt>"),
    "abs": Form(_fenced("|", "{0}", "|")),
    "sum": Form(f"<mrow><mo>∑</mo>{_fenced('(', '{0}', ')')}</mrow>"),
    "concat": Form(_fenced("[", "{all}", "]")),
    "part": Form(
        "<msup><mrow>{0}</mrow><mrow><mo>(</mo><mn>{number}</mn><mo>/</mo><mn>{parts}</mn><mo>)</mo></mrow></msup>",
        ATOM,
        (ATOM,),
    ),
    "where": Form(
        "<mrow><mo>{{</mo><mtable><mtr><mtd>{1}</mtd><mtd>{0}</mtd></mtr>"
        "<mtr><mtd>{2}</mtd><mtd><mtext>otherwise</mtext></mtd></mtr></mtable></mrow>"
    ),
    "layer_norm": _applied("LN"),
    "clip_gradient": _applied("∂clip"),
    **{name: _applied(name) for name in ("tanh", "relu", "exp", "log", "softplus", "sin", "cos")},
    **{name: _applied(name) for name in ("mean", "max", "softmax", "cumsum")},
}
