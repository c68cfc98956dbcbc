"""Which backend runs, and why not the others."""

import pytest
import torch

import cellwright as cw
from cellwright.backends import stock
from cellwright.backends.call import Call
from cellwright.runtime.choose import BACKENDS, plan_of


def test_explain_says_why_not() -> None:
    x = torch.zeros(4, 2, 3)
    assert cw.explain(cw.nn.LSTM(3, 4), x) == "runs on: cpu"
    half = cw.nn.LSTM(3, 4).bfloat16()
    assert "runs on: stock\n  not cpu: its kernels compute in float32 or float64" in cw.explain(
        half, x.bfloat16()
    )
    other = cw.nn.Recurrent("gru_v1", 3, 4).bfloat16()
    assert "not stock: torch has no kernel of its own for the equations of `gru_v1`" in cw.explain(
        other, x.bfloat16()
    )
    assert "not cpu: there is nothing to compute in an empty sequence" in cw.explain(cw.nn.LSTM(3, 4), x[:0])


def test_torchs_kernel_takes_no_resets() -> None:
    states = {"h": torch.zeros(2, 5)}
    weights = cw.nn.Recurrent("elman", 3, 5).weights(0)
    call = Call(torch.zeros(4, 2, 3), states, weights, resets=torch.zeros(4, 2) > 0, fresh=states)
    assert "does not begin anew inside a sequence" in str(stock.refuses(plan_of(cw.cells.elman.graph), call))


def test_a_layer_can_name_its_backend() -> None:
    assert (
        cw.explain(cw.nn.Recurrent("lstm", 3, 4, backend="eager"), torch.zeros(4, 2, 3)) == "runs on: eager"
    )
    with pytest.raises(cw.SettingError, match="the backend stock cannot run this.*no kernel of its own"):
        cw.nn.Recurrent("peephole", 3, 4, backend="stock")(torch.zeros(4, 2, 3))
    with pytest.raises(cw.SettingError, match=f"no such backend: got cuda9, expected {', '.join(BACKENDS)}"):
        cw.nn.Recurrent("lstm", 3, 4, backend="cuda9")(torch.zeros(4, 2, 3))


def test_the_environment_names_a_backend_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = cw.nn.LSTM(3, 4), torch.zeros(4, 2, 3)
    monkeypatch.setenv("CELLWRIGHT_BACKEND", "eager")
    assert cw.explain(layer, x) == "runs on: eager"
    monkeypatch.setenv("CELLWRIGHT_BACKEND", "")
    assert cw.explain(layer, x) == "runs on: cpu"
