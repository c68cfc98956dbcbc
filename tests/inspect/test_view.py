"""What the page is given: recorded numbers, every one or in columns; gradients and shares as the analyses say."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
import torch

import cellwright as cw
from cellwright.inspect import columns as columns_module
from cellwright.inspect import view as view_module
from cellwright.inspect.columns import columns
from cellwright.inspect.inside import Inside
from cellwright.inspect.view import coded, view


def decoded(one: dict) -> np.ndarray:
    codes = np.frombuffer(base64.b64decode(one["data"]), "<u2").astype(float).reshape(-1, one["size"])
    numbers = one["low"] + codes * (one["high"] - one["low"]) / 65532
    for code, special in ((65533, -np.inf), (65534, np.inf), (65535, np.nan)):
        numbers[codes == code] = special
    return numbers


def opened(layer, x, **more) -> Inside:
    steps = tuple(str(k) for k in range(len(x)))
    return Inside(layer, x, steps, lambda y: y[-1].sum(-1), ("a", "b"), ("c", "d"), **more)


def test_codes_keep_numbers_and_what_is_none() -> None:
    values = torch.tensor([[0.1, -3.0, torch.nan], [torch.inf, 7.0, -torch.inf]])
    np.testing.assert_allclose(decoded(coded(values)), values.numpy(), atol=1e-4)
    assert decoded(coded(torch.full((2, 2), 0.25))).tolist() == [[0.25, 0.25]] * 2
    assert np.isnan(decoded(coded(torch.full((2, 2), torch.nan)))).all()


def test_every_step_as_it_was_recorded() -> None:
    layer, x = cw.nn.Recurrent("lstm", 3, 5), torch.randn(12, 1, 3)
    found, recorded = view(opened(layer, x)), cw.inspect.record(layer, x)
    json.dumps(found, allow_nan=False)
    assert [value["name"] for value in found["values"]] == list(recorded)
    for value in found["values"]:
        np.testing.assert_allclose(decoded(value), recorded[value["name"]][:, 0], atol=2e-4)
        assert value["mean"] is None
    flow = cw.inspect.gradient_flow(layer, x)
    np.testing.assert_allclose(found["flow"]["states"]["h"], flow["h"], rtol=1e-5)
    np.testing.assert_allclose(found["flow"]["paths"]["h via f"], flow["h via f"], rtol=1e-5)
    shares = cw.inspect.sensitivity(layer, x, method="integrated")[:, 0]
    np.testing.assert_allclose(found["moved"]["values"], shares, rtol=1e-4)
    own, elman, lstm = found["beside"]
    assert (own["name"], own["trained"], elman["name"], lstm["trained"]) == ("lstm", True, "elman", False)
    scale = max(flow["h"][-1], flow["c"][-1])
    np.testing.assert_allclose(own["states"]["h"], flow["h"] / scale, rtol=1e-5)
    assert found["notes"] == []


@pytest.mark.parametrize("piece", [5, 9, 1000])
def test_columns_of_several_steps(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_module, "PIECE", piece)
    monkeypatch.setattr(columns_module, "LEAST", 4)
    layer, x = cw.nn.Recurrent("gru", 3, 4, num_layers=2), torch.randn(23, 1, 3)
    width = 4 * (4 + 7)
    found = columns(layer, x, at=1, room=6 * width)
    assert found.stride == 4 and found.units is None
    for name, value in cw.inspect.record(layer, x, at=1).items():
        place = layer.cell.graph.named[name]
        torch.testing.assert_close(found.exact[place], value[::4, 0])
        means = torch.stack([value[k : k + 4, 0].mean(0) for k in range(0, 23, 4)])
        torch.testing.assert_close(found.mean[place], means)


def test_a_wide_layer_shows_the_units_that_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_module, "LEAST", 10)
    layer, x = cw.nn.Recurrent("elman", 3, 20), torch.randn(10, 1, 3)
    with torch.no_grad():
        layer.weights(0)["W"][:15] *= 0.01
        layer.weights(0)["U"][:15] *= 0.01
    found = columns(layer, x, room=200)
    assert found.units is not None and len(found.units) < 10
    assert set(found.units.tolist()) >= set(range(15, 20))
    shown = view(opened(layer, x), room=200)
    assert shown["units"] == found.units.tolist()
    assert shown["notes"][0][0].startswith("Of 20 units the ")
    value = shown["values"][0]
    np.testing.assert_allclose(decoded(value), cw.inspect.record(layer, x)["h"][:, 0, found.units], atol=1e-4)
    bias = next(term for term in shown["terms"].values() if term["text"] == "b")
    assert bias["fixed"] and bias["size"] == len(found.units)


def test_long_inputs_are_followed_over_the_last_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "FAR", 5)
    monkeypatch.setattr(view_module, "SHORT", 8)
    layer, x = cw.nn.Recurrent("gru", 3, 4, dtype=torch.float64), torch.randn(12, 1, 3, dtype=torch.float64)
    found = view(opened(layer, x))
    assert found["flow"]["first"] == 7 and found["moved"]["method"] == "gradient"
    np.testing.assert_allclose(
        found["flow"]["states"]["h"], cw.inspect.gradient_flow(layer, x)["h"][7:], rtol=1e-5
    )
    assert "followed back over the last 5 steps" in found["notes"][0][0]
    both = cw.nn.Recurrent("gru", 3, 4, bidirectional=True)
    shown = view(opened(both, x.float()))
    assert shown["flow"]["states"] == {} and shown["beside"] == []
    assert "reads both ways" in shown["notes"][0][0]


def test_other_networks_beside_it() -> None:
    layer, other, x = cw.nn.Recurrent("lstm", 3, 4), cw.nn.Recurrent("elman", 3, 6), torch.randn(9, 1, 3)
    found = view(opened(layer, x), beside={"runs/e": opened(other, x)})
    row = found["beside"][1]
    flow = cw.inspect.gradient_flow(other, x)["h"]
    assert row["name"] == "runs/e" and row["trained"]
    np.testing.assert_allclose(row["states"]["h"], flow / flow[-1], rtol=1e-5)
    with pytest.raises(cw.SettingError, match=r"in other steps \(runs/e\): got 8 steps, expected 9"):
        view(opened(layer, x), beside={"runs/e": opened(other, x[1:])})


def test_a_signal_with_what_is_missing_and_what_is_not_finite() -> None:
    layer, x = cw.nn.Recurrent("elman", 1, 4), torch.randn(14, 1, 1)
    x[5] = torch.nan
    signal = x[:, 0].clone()
    found = view(opened(layer, x, signal=signal, names=("load",)))
    json.dumps(found, allow_nan=False)
    assert found["signal"]["values"][0][5] is None
    assert np.isnan(decoded(found["values"][0])[5:]).all()
    assert found["health"][0]["not_finite"] == 9 * 4
