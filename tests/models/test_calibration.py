"""Conformal p-values keep their promise on data that they have not seen; posteriors are Bayes' rule."""

import itertools

import numpy as np
import pytest

from contextual_anomaly.errors import UserError
from contextual_anomaly.models import posterior, registry
from contextual_anomaly.models.calibration import calibrate, read_calibration, write_calibration
from contextual_anomaly.models.families import frequency, mixture


def test_p_values_are_no_more_frequent_than_they_say(data, world, tmp_path):
    """Whatever the model: a good one and the baseline, on 4,000 fresh scenes."""
    weight, share = world
    rng = np.random.default_rng(7)
    fresh = (rng.random((4000, 6)) < share[rng.choice(3, 4000, p=weight)]).astype(np.float32)
    fresh = fresh[fresh.sum(1) >= 2]
    settings = mixture.Settings(family="mixture", components=[3], seeds=[0])
    for model in (
        mixture.fit(data, "m", settings, 1).model,
        frequency.fit(data, "f", frequency.Settings(family="frequency"), 1).model,
    ):
        write_calibration(calibrate(model, None, data, 2), tmp_path / "c.parquet")
        known = read_calibration(tmp_path / "c.parquet")
        odds, there = model.log_odds(fresh)[0], fresh > 0
        for rate in (0.01, 0.05, 0.1, 0.2):
            flagged = (known.unexpected(odds[there]) <= rate).mean()
            assert flagged <= rate + 3 * np.sqrt(rate / there.sum()) + 0.01
        flagged = (known.missing(odds[~there]) <= 0.02).mean()
        assert flagged <= 0.02 + 3 * np.sqrt(0.02 / (~there).sum()) + 0.005


@pytest.mark.parametrize("clean", [0.0, 0.5])
def test_the_posterior_is_bayes_rule_over_what_may_have_happened(world, clean):
    """All 64 scenes, each as it is, or with each class added to a scene that lacked it, one absent class alike."""
    weight, share = world
    scenes = list(itertools.product((0, 1), repeat=6))
    p = {s: weight @ np.where(s, share, 1 - share).prod(1) for s in scenes}

    def changed(s, c):
        return (*s[:c], 1 - s[c], *s[c + 1 :])

    odds = np.array(
        [[np.log(p[(*s[:c], 1, *s[c + 1 :])] / p[(*s[:c], 0, *s[c + 1 :])]) for c in range(6)] for s in scenes]
    )
    presence = np.array(scenes)
    for judge, value in ((posterior.added, 1), (posterior.removed, 0)):
        found, left = judge(odds, presence, clean)
        for n, s in enumerate(scenes):
            ways = {
                c: (1 - clean) * p[changed(s, c)] / (6 - changed(s, c).count(value)) for c in range(6) if s[c] == value
            }
            total = clean * p[s] + sum(ways.values())
            if total == 0:
                continue
            assert left[n] == pytest.approx(clean * p[s] / total)
            for c in range(6):
                assert found[n, c] == pytest.approx(ways.get(c, 0) / total)


def test_the_calibration_of_another_model_is_refused(data, tmp_path):
    one, other = (
        mixture.fit(data, "m", mixture.Settings(family="mixture", components=[2], seeds=[seed]), 1).model
        for seed in (0, 1)
    )
    write_calibration(calibrate(one, None, data, 2), tmp_path / "c.parquet")
    registry.save(one, tmp_path / "m.safetensors")
    read_calibration(tmp_path / "c.parquet", registry.load_model(tmp_path / "m.safetensors"))
    with pytest.raises(UserError, match="the calibration of another model than 'm'"):
        read_calibration(tmp_path / "c.parquet", other)
