"""What helps a few examples: ensembles, series that are varied, a last training on all of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import cellwright as cw
from cellwright.errors import SettingError
from cellwright.tasks.classify import code
from cellwright.tasks.classify.examples import normal
from cellwright.tasks.classify.vary import varied, warped
from cellwright.tasks.training.run import Run


def series():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(rng.integers(4, 9), 2)).astype(np.float32) + k % 2 for k in range(24)]
    return X, [str(k % 2) for k in range(24)]


def tiny(**settings):
    return cw.Classifier(**{"units": 4, "epochs": 2, "passes": 1, **settings})


class TestEnsemble:
    """By hand from the members."""

    def test_an_ensemble_averages_probabilities(self, tmp_path):
        X, y = series()
        model = cw.Classifier(units=4, epochs=1, passes=1, ensemble=3, augment=0.1).fit(X, y)
        found = model.predict_proba(X)
        x, lengths = code.encoded(normal(X), model.facts_, 0).pad(range(24))
        with torch.no_grad():
            each = [member(x, lengths).softmax(-1) for member in model.network_.members]
        assert not torch.equal(each[0], each[1])
        np.testing.assert_allclose(found, torch.stack(each).mean(0).numpy(), atol=1e-6)
        model.save(tmp_path / "run")
        np.testing.assert_array_equal(cw.Classifier.load(tmp_path / "run").predict_proba(X), found)

    def test_the_loss_is_the_mean_of_the_members_losses(self):
        X, y = series()
        model = cw.Classifier(units=4, epochs=1, passes=1, ensemble=2, dropout=0.0).fit(X, y)
        batch = next(iter(model.feed(model.encode(model.take(X, y), model.facts_)).epoch(0)))
        model.network_.train()
        wanted = [
            torch.nn.functional.cross_entropy(member(batch.x, batch.lengths), batch.y, label_smoothing=0.1)
            for member in model.network_.members
        ]
        got = model.loss(model.network_, batch, None).mean
        assert got.item() == pytest.approx(sum(wanted).item() / 2, rel=1e-5)


class TestVaried:
    """Ramps, on which a value is its own time."""

    lengths = torch.tensor([21, 21, 9, 1] * 50)

    def ramps(self):
        x = torch.arange(21.0)[:, None].repeat(1, 200)
        x[torch.arange(21)[:, None] >= self.lengths] = -7.0
        return x.unsqueeze(-1).repeat(1, 1, 2)

    def test_time_goes_on_within_the_series_and_padding_stays(self):
        x = self.ramps()
        torch.manual_seed(0)
        found = warped(x, self.lengths, 0.3)
        outside = torch.arange(21)[:, None] >= self.lengths
        assert torch.equal(found[outside], x[outside])
        for k, length in enumerate(self.lengths.tolist()):
            at = found[:length, k, 0]
            assert float(at.min()) >= 0 and float(at.max()) <= length - 1
            assert bool((at.diff() > 0).all())
        assert torch.equal(found[..., 0], found[..., 1])

    def test_what_is_cut_off_and_how_uneven_the_pace_is(self):
        torch.manual_seed(0)
        pace = warped(self.ramps(), self.lengths, 0.3)[:, self.lengths == 21, 0].diff(dim=0)
        share = pace.sum(0) / 20
        assert 0.7 - 1e-5 <= float(share.min()) < 0.75 and 0.95 < float(share.max()) <= 1 + 1e-5
        uneven = pace / pace.mean(0)
        assert 0.7 - 1e-3 <= float(uneven.min()) < 0.8 and 1.2 < float(uneven.max()) <= 1.3 + 1e-3

    def test_noise_has_its_spread_and_nothing_changes_without_a_setting(self):
        x = torch.zeros(2000, 1, 1)
        assert float(varied(x, torch.tensor([2000]), noise=0.5, warp=0.0).std()) == pytest.approx(
            0.5, rel=0.1
        )
        assert varied(x, torch.tensor([2000]), noise=0.0, warp=0.0) is x

    def test_only_training_varies(self):
        X, y = series()
        model = tiny(augment=0.5, warp=0.5).fit(X, y)
        np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))

    @pytest.mark.parametrize("warp", [-0.1, 1.0, "much"])
    def test_a_warp_out_of_range_is_refused(self, warp):
        with pytest.raises(SettingError, match="warp must be"):
            tiny(warp=warp).check()


class TestRefit:
    """The last training is on all series, for all epochs."""

    def test_all_are_trained_on_in_the_end(self):
        X, y = series()
        first, again = (tiny(refit=refit, valid=0.25).fit(X, y) for refit in (False, True))
        assert sum(first.facts_["counts"]) == 18
        assert sum(again.facts_["counts"]) == 24
        assert again.facts_["mean"] == pytest.approx(np.concatenate(X).astype(np.float64).mean(0).tolist())
        assert first.metrics_["valid"] == again.metrics_["valid"]  # of the training that did not see them

    def test_a_part_that_was_given_is_not_trained_on(self):
        X, y = series()
        model = tiny(refit=True).fit(X[:18], y[:18], validation=(X[18:], y[18:]))
        assert sum(model.facts_["counts"]) == 18

    def test_a_threshold_of_several_labels_stays_that_of_unseen_examples(self):
        X = [*series()[0]]
        y = [["a"] if k % 2 else ["a", "b"] for k in range(24)]
        first, again = (tiny(refit=refit, valid=0.25).fit(X, y) for refit in (False, True))
        assert again.facts_["threshold"] == first.facts_["threshold"]
        assert len(again.predict(X)) == 24

    def test_the_linear_method_beside_it_sees_what_it_saw(self):
        X, y = series()
        train, valid, held = tiny().parts(X, y, test=0.25)
        model = tiny(refit=True)
        both = model.baselines(train.cut_from, held)
        assert model.fit_parts(train, valid, held).metrics_["baselines"] == both

    def test_resuming_gives_the_same_network(self, tmp_path):
        X, y = series()
        whole = tiny(valid=0.25, refit=True).fit(X, y, run=Run.create(tmp_path / "a"))
        tiny(valid=0.25, refit=True).fit(X, y, run=Run.create(tmp_path / "b"))
        again = tiny(valid=0.25, refit=True).fit(X, y, run=Run.create(tmp_path / "b", resume=True))
        np.testing.assert_array_equal(again.predict_proba(X), whole.predict_proba(X))
