"""Units with a planted property are found; correlations are numpy's, probes those of least squares."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import cellwright as cw

TEXT = 'He said "no (not now)", then went.\nShe said "yes": fine (really [so] fine).\n' * 12


def planted(steps: int, batch: int = 2, units: int = 16) -> tuple[dict[str, torch.Tensor], np.ndarray]:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(steps, batch, units))
    return {"h": torch.tensor(values)}, values


def test_the_planted_units_come_first() -> None:
    found = cw.inspect.text_properties(TEXT)
    recorded, values = planted(len(TEXT))
    values[:, :, 7] = found["in quotes"][:, None] * 2 - 1 + 0.3 * values[:, :, 7]
    values[:, :, 11] = -0.1 * found["line length"][:, None] + 0.3 * values[:, :, 11]
    recorded = {"c": torch.tensor(values[:, :, ::-1].copy()), "h": torch.tensor(values)}
    best = (
        cw.inspect.neurons(recorded, found, top=2)
        .group_by("property", maintain_order=True)
        .agg("unit", "value", "correlation")
    )
    rows = {row["property"]: row for row in best.iter_rows(named=True)}
    assert set(rows["in quotes"]["unit"]) == {7, 16 - 1 - 7} and set(rows["in quotes"]["value"]) == {"c", "h"}
    assert set(rows["line length"]["unit"]) == {11, 4}
    assert rows["line length"]["correlation"][0] < -0.9
    expected = np.corrcoef(values[:, :, 7].ravel(), np.repeat(found["in quotes"], 2))[0, 1]
    np.testing.assert_allclose(rows["in quotes"]["correlation"], expected)


def test_every_correlation_is_that_of_numpy() -> None:
    recorded, values = planted(50)
    wanted = np.random.default_rng(1).normal(size=(50, 2))
    wanted[3, 1] = np.nan
    found = cw.inspect.neurons(recorded, {"p": wanted}, top=99)
    known = np.isfinite(wanted)
    assert len(found) == 16
    for row in found.iter_rows(named=True):
        expected = np.corrcoef(values[..., row["unit"]][known], wanted[known])[0, 1]
        assert np.isclose(row["correlation"], expected)


def test_constant_units_and_properties_are_left_out() -> None:
    _, values = planted(30)
    values[:, :, 3] = 1 / 3
    found = cw.inspect.neurons(
        {"h": torch.tensor(values)}, {"time": np.arange(30), "flat": np.ones(30)}, top=99
    )
    assert set(found["property"]) == {"time"}
    assert 3 not in found["unit"].to_list() and len(found) == 15


def test_a_probe_reads_what_no_single_unit_says() -> None:
    recorded, values = planted(400)
    mixed = values @ np.linspace(-1, 1, 16) + 0.1 * np.random.default_rng(2).normal(size=(400, 2))
    noise = np.random.default_rng(3).normal(size=(400, 2))
    found = cw.inspect.probe(recorded, {"mixed": mixed, "noise": noise, "flat": np.ones(400)})
    r2 = dict(found.select("property", "r2").iter_rows())
    assert set(r2) == {"mixed", "noise"}
    assert r2["mixed"] > 0.98 and r2["noise"] < 0.05
    assert abs(cw.inspect.neurons(recorded, {"mixed": mixed}, top=1)["correlation"][0]) < 0.6
    x, y = values[:280].reshape(-1, 16), mixed[:280].ravel()
    design = np.c_[x, np.ones(len(x))]
    weights = np.linalg.lstsq(design, y, rcond=None)[0]
    held = mixed[280:].ravel()
    error = held - np.c_[values[280:].reshape(-1, 16), np.ones(240)] @ weights
    assert np.isclose(r2["mixed"], 1 - (error**2).sum() / ((held - held.mean()) ** 2).sum(), atol=1e-3)


def test_refusals() -> None:
    recorded, _ = planted(30)
    with pytest.raises(cw.ShapeError, match=r"\(p\): got shape \[29, 1\], expected \[30\] or \[30, 2\]"):
        cw.inspect.neurons(recorded, {"p": np.ones(29)})
    with pytest.raises(cw.ShapeError, match="too few steps for a probe: got 4"):
        cw.inspect.probe({"h": torch.zeros(4, 1, 3)}, {"p": np.arange(4)})
