"""Saturated gates, dead units and values that are no numbers: planted, then counted."""

from __future__ import annotations

import math

import torch

import cellwright as cw


def rows(layer, x, **options):
    return {row["value"]: row for row in cw.inspect.saturation(layer, x, **options).iter_rows(named=True)}


def test_an_open_forget_gate() -> None:
    layer = cw.nn.Recurrent("lstm", 3, 8)
    with torch.no_grad():
        layer.weights(0)["b_f"].fill_(20.0)
        layer.weights(0)["b_i"][:3] = -20.0
    found = rows(layer, torch.randn(30, 4, 3))
    assert (found["f"]["high"], found["f"]["low"], found["f"]["stuck"]) == (1.0, 0.0, 8)
    assert found["i"]["stuck"] == 3 and math.isclose(found["i"]["low"], 3 / 8, abs_tol=0.05)
    assert (found["f"]["kind"], found["g"]["kind"], found["c"]["kind"]) == ("sigmoid", "tanh", "")
    assert found["c"]["low"] is None and found["c"]["stuck"] is None


def test_shares_are_those_of_the_recorded_values() -> None:
    layer, x = cw.nn.Recurrent("gru", 3, 5), 4 * torch.randn(20, 3, 3)
    found, values = rows(layer, x), cw.inspect.record(layer, x)
    for name in ("r", "z"):
        assert math.isclose(found[name]["low"], float((values[name] < 0.05).double().mean()))
        assert math.isclose(found[name]["high"], float((values[name] > 0.95).double().mean()))
    assert math.isclose(found["n"]["high"], float((values["n"] > 0.9).double().mean()))
    assert math.isclose(found["h"]["mean"], float(values["h"].double().mean()), abs_tol=1e-6)


def test_dead_units_of_a_rectified_cell() -> None:
    layer = cw.nn.Recurrent(cw.cells.elman.configure(nonlinearity="relu"), 3, 6)
    with torch.no_grad():
        layer.weights(0)["b"].copy_(torch.tensor([-50.0, -50.0, 1.0, 1.0, 1.0, 1.0]))
        layer.weights(0)["U"].mul_(0.1)
    assert rows(layer, torch.randn(30, 4, 3))["h"]["dead"] == 2


def test_steps_past_the_end_do_not_count() -> None:
    layer, x = cw.nn.Recurrent("gru", 3, 4), torch.randn(6, 2, 3)
    x[2:, 1] = torch.nan
    alone = torch.cat([cw.inspect.record(layer, x[:, :1])["z"].flatten(0, 1),
                       cw.inspect.record(layer, x[:2, 1:])["z"].flatten(0, 1)])  # fmt: skip
    found = rows(layer, x, lengths=[6, 2])
    assert found["z"]["not_finite"] == 0
    assert math.isclose(found["z"]["mean"], float(alone.double().mean()), rel_tol=1e-6)


def test_what_is_not_a_number_is_counted() -> None:
    layer, x = cw.nn.Recurrent("elman", 3, 4), torch.randn(5, 2, 3)
    x[3, 0] = torch.nan
    found = rows(layer, x)["h"]
    assert found["not_finite"] == 2 * 4
    assert math.isfinite(found["mean"])
