"""Parameters and multiply-adds by equation, against closed forms and against the real layer."""

import pytest

import cellwright as cw
from cellwright.compiler.count import count

LIBRARY = cw.cells.all()


@pytest.mark.parametrize("name", LIBRARY)
@pytest.mark.parametrize(("hidden", "inputs"), [(8, 3), (64, 64), (7, 1)])
def test_parameters_are_those_of_the_real_layer(name: str, hidden: int, inputs: int) -> None:
    made = LIBRARY[name].configure(P=4) if name == "lstm_projected" else LIBRARY[name]
    layer = cw.nn.Recurrent(made, inputs, hidden)
    terms = count(made.graph, {"H": hidden, "I": inputs})
    assert sum(t.parameters for t in terms) == sum(p.numel() for p in layer.parameters())


@pytest.mark.parametrize(
    ("name", "gates"), [("elman", 1), ("gru", 3), ("gru_v1", 3), ("lstm", 4), ("coupled", 3)]
)
def test_multiply_adds_are_the_textbook_count(name: str, gates: int) -> None:
    hidden, inputs = 32, 20
    terms = count(LIBRARY[name].graph, {"H": hidden, "I": inputs})
    assert sum(t.multiply_adds for t in terms) == gates * hidden * (hidden + inputs)


def test_the_lstm_term_by_term() -> None:
    terms = {t.name: t for t in count(cw.cells.lstm.graph, {"H": 10, "I": 4})}
    assert list(terms) == ["i_t", "f_t", "g_t", "o_t", "c_t", "h_t"]
    assert (terms["f_t"].parameters, terms["f_t"].multiply_adds) == (10 * 4 + 10 * 10 + 10, 140)
    assert terms["c_t"].pointwise == 30
    assert terms["h_t"].pointwise == 10 + 10 * 8
