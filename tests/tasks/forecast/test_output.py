"""What a network says of a step, against scipy's distributions; bounds that hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

import cellwright as cw
from cellwright.errors import DataError, SettingError
from cellwright.tasks.forecast.output import NegativeBinomial, Point, Quantiles, StudentT
from cellwright.tasks.forecast.simple import Base
from cellwright.tasks.forecast.windows import WindowBatch

SMALL = {"horizon": 3, "window": 8, "season": 4, "units": 4, "epochs": 1, "steps": 2}
random = torch.Generator().manual_seed(0)


def batch(y, scale=1.0):
    y = torch.as_tensor(y, dtype=torch.float32).reshape(1, -1, 1)
    count = y.shape[1]
    return WindowBatch(
        torch.zeros(1, count, 2),
        y,
        torch.arange(count),
        torch.full((1, count, 1), 5.0),
        torch.full((count, 1), scale),
    )


def test_the_pinball_loss_is_least_at_the_quantiles():
    output = Quantiles((0.5, 0.8))
    assert output.levels == pytest.approx([0.1, 0.25, 0.5, 0.75, 0.9])
    data = batch(stats.norm.ppf((np.arange(1000) + 0.5) / 1000))
    at = torch.tensor(stats.norm.ppf(output.levels), dtype=torch.float32)
    best = output.loss(at.expand(1, 1000, 1, 5), data)
    for k in range(5):
        for shift in (-0.1, 0.1):
            other = at.clone()
            other[k] += shift
            assert output.loss(other.expand(1, 1000, 1, 5), data) > best
    bounds = output.bounds(at.expand(1, 1000, 1, 5).flip(-1), data, (0.5, 0.8))
    assert bounds[:, :, 0, 0, 0].tolist() == pytest.approx(
        [at[1].item(), at[0].item(), at[3].item(), at[4].item()]
    ) or bounds.shape[:2] == (2, 2)
    np.testing.assert_allclose(bounds[:, 0, 0, 0, 0], [at[1], at[3]], rtol=1e-5)
    np.testing.assert_allclose(bounds[:, 1, 0, 0, 0], [at[0], at[4]], rtol=1e-5)


def test_student_t_is_scipys():
    said = torch.tensor([[[[0.3, 0.2, -0.5]]]])
    output, data = StudentT(), batch([1.7])
    scale, freedom = np.log1p(np.exp(0.2)) + 1e-4, 2 + np.log1p(np.exp(-0.5))
    wanted = stats.t(freedom, 0.3, scale)
    assert float(output.loss(said, data)) == pytest.approx(-wanted.logpdf(1.7), rel=1e-5)
    np.testing.assert_allclose(output.bounds(said, data, (0.8,)).flatten(), wanted.ppf([0.1, 0.9]), rtol=1e-5)
    drawn = output.draw(said.expand(1, 20_000, 1, 3), batch(np.zeros(20_000)), random).flatten().numpy()
    np.testing.assert_allclose(np.quantile(drawn, [0.1, 0.5, 0.9]), wanted.ppf([0.1, 0.5, 0.9]), atol=0.06)


def test_the_negative_binomial_is_scipys():
    """The mean is back(simple + error said) times the scale: 4 * (5 + 0.5 * 2) = 24."""
    said = torch.tensor([[[[2.0, -1.0]]]])
    output, data = NegativeBinomial([Base("none", "last", error=0.5)]), batch([1.0], scale=4.0)
    a = np.log1p(np.exp(-1.0)) + 1e-4
    wanted = stats.nbinom(1 / a, 1 / (1 + a * 24))
    count = 4 * (5 + 0.5 * 1.0)
    assert float(output.loss(said, data)) == pytest.approx(-wanted.logpmf(round(count)), rel=1e-3)
    bounds = output.bounds(said, data, (0.8,)).flatten()
    np.testing.assert_allclose(4 * (5 + 0.5 * bounds), wanted.ppf([0.1, 0.9]), rtol=1e-4)
    many = batch(np.zeros(20_000), scale=4.0)
    drawn = 4 * (5 + 0.5 * output.draw(said.expand(1, 20_000, 1, 2), many, random).flatten().numpy())
    assert drawn.mean() == pytest.approx(24, rel=0.03) and drawn.var() == pytest.approx(
        wanted.var(), rel=0.06
    )


@pytest.mark.parametrize(("error", "wanted"), [("mae", 2.0), ("mse", 4.0), ("huber", 1.5)])
def test_what_nobody_knows_has_no_loss_and_no_gradient(error, wanted):
    said = torch.zeros(1, 3, 1, 1, requires_grad=True)
    loss = Point(error).loss(said, batch([2.0, np.nan, 2.0]))
    loss.backward()
    assert float(loss.detach()) == wanted
    assert said.grad.flatten()[1] == 0 and bool(torch.isfinite(said.grad).all())


@pytest.mark.parametrize("output", ["point", "quantiles", "student_t"])
def test_bounds_hold_their_share_of_data_they_have_not_seen(output):
    values = 10 + np.random.default_rng(2).standard_t(4, size=900)
    settings = {**SMALL, "season": 1, "refit": "no"}
    model = cw.Forecaster(**settings, output=output, intervals="50,90").fit(values, test=0.3)
    got = model.metrics_["test"]
    assert got["coverage_50"] == pytest.approx(50, abs=8) and got["coverage_90"] == pytest.approx(90, abs=5)
    table = model.forecast()
    assert (table["column_1_lo90"] < table["column_1_lo50"]).all()
    assert (table["column_1_hi50"] < table["column_1_hi90"]).all()
    shown = model.metrics_["examples"]["forecasts"][0]["bounds"]
    assert set(shown) == {"50", "90"}


def test_a_network_that_has_found_nothing_is_not_believed():
    walk = 100 + np.cumsum(np.random.default_rng(3).normal(size=400))
    model = cw.Forecaster(**{**SMALL, "season": 1, "epochs": 3, "refit": "no"}).fit(walk, test=0.2)
    got = model.metrics_
    assert got["test"]["mae"] <= 1.01 * got["baselines"]["last_value"]["mae"]


class TestFed:
    """A network that is fed its own words: by hand from its own layer."""

    def test_point(self):
        values = 10 + 3 * np.sin(np.arange(90) * np.pi / 2) + 0.02 * np.arange(90)
        model = cw.Forecaster(**{**SMALL, "epochs": 3}, decoding="autoregressive", valid=0.0).fit(values)
        windows = model._panel(None), model.facts_
        assert model.predict().shape == (3, 1) and windows
        network, member = model.network_, model.network_.members[0]
        torch.nn.init.normal_(member.head.weight)
        from cellwright.tasks.forecast import facts as learnt
        from cellwright.tasks.forecast.read import read
        from cellwright.tasks.forecast.series import whole

        panel = read(values)
        coded = learnt.windows(whole(panel), model.facts_, {"": np.array([90])}, fed=True)
        data = coded.batch(np.array([0]), answers=False)
        with torch.no_grad():
            said, x = network.say(data).middle, data.x.clone()
            for h in range(3):
                if h:
                    x[8 + h, 0, 0] = x[8 + h - 1, 0, 1] + network._ratio[0] * found
                y, _ = member.recurrent(x[: 8 + h + 1])
                found = member.head(y[-1])[0, 0]
                assert float(said[h, 0, 0]) == pytest.approx(float(found), rel=1e-4)
            torch.testing.assert_close(network.inputs(data), x)

    @pytest.mark.parametrize("output", ["student_t", "negative_binomial", "quantiles"])
    def test_paths(self, output):
        rng = np.random.default_rng(1)
        counts = rng.poisson(20 + 5 * np.sin(np.arange(120) * np.pi / 2)).astype(float)
        model = cw.Forecaster(**SMALL, decoding="autoregressive", output=output, ensemble=2).fit(
            counts, test=0.2
        )
        table = model.forecast()
        assert (table["column_1_lo80"] < table["column_1_hi80"]).all()
        assert np.isfinite(list(model.metrics_["test"].values())).all()
        assert model.forecast().equals(table)

    def test_what_does_not_go_together(self):
        for settings in ({"bidirectional": True}, {"cell": "mlp"}):
            with pytest.raises(SettingError, match="autoregressive"):
                cw.Forecaster(decoding="autoregressive", **settings).fit(np.arange(90.0))
        with pytest.raises(SettingError, match="intervals must be"):
            cw.Forecaster(intervals="80,120").fit(np.arange(90.0))
        with pytest.raises(DataError, match="no count.*row 3"):
            cw.Forecaster(output="negative_binomial").fit(np.array([1.0, 2.0, 2.5] * 30))


def test_an_ensemble_is_the_mean_of_its_members():
    values = 10 + 3 * np.sin(np.arange(90) * np.pi / 2) + 0.02 * np.arange(90)
    model = cw.Forecaster(**SMALL, ensemble=3, valid=0.0).fit(values)
    from cellwright.tasks.forecast import facts as learnt
    from cellwright.tasks.forecast.read import read
    from cellwright.tasks.forecast.series import whole

    coded = learnt.windows(whole(read(values)), model.facts_, {"": np.array([90])}, fed=False)
    data = coded.batch(np.array([0]), answers=False)
    with torch.no_grad():
        each = [member(data.x)[..., 0] for member in model.network_.members]
        assert not torch.equal(each[0], each[1])
        torch.testing.assert_close(model.network_.say(data).middle, torch.stack(each).mean(0))


def test_a_second_training_sees_the_validation_part_and_never_the_test_part():
    values = 10 + 3 * np.sin(np.arange(120) * np.pi / 2) + 0.02 * np.arange(120)
    changed, other = values.copy(), values.copy()
    changed[96:] = 1e3
    other[80:96] += 1.0
    one, two, three = (cw.Forecaster(**SMALL, refit="yes").fit(v, test=0.2) for v in (values, changed, other))
    assert one.facts_["rows"] == 96
    assert {**one.facts_, "history": 0} == {**two.facts_, "history": 0}
    for name, weight in one.network_.state_dict().items():
        assert torch.equal(weight, two.network_.state_dict()[name]), name
    assert one.facts_["bases"] != three.facts_["bases"]
