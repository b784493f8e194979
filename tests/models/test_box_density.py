"""The density of boxes: of the right form, helped by company, and whole where there is little to learn from."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from contextual_anomaly.models.box_density import STRENGTH, fit_box_density
from contextual_anomaly.scene_objects import SceneObjects


def photographs(scenes: int, seed: int) -> SceneObjects:
    """Two classes, one twice as large as the other; in a photograph from afar all is small."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 6, scenes)
    total = int(lengths.sum())
    scene = np.repeat(np.arange(scenes), lengths)
    column = rng.integers(0, 2, total)
    side = np.exp(rng.normal(-2, 0.5, scenes)[scene] + np.log(2) * column + rng.normal(0, 0.1, total))
    center = rng.uniform(0.3, 0.7, (total, 2))
    sides = side[:, None] * np.exp(rng.normal(0, 0.1, (total, 2)))
    boxes = np.column_stack([center - sides / 2, sides]) * 500
    sizes = np.full((scenes, 2), 500, np.float32)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return SceneObjects(
        offsets, column, boxes.astype(np.float32), np.zeros(total, bool), np.ones(total, np.float32), sizes, ("a", "b")
    )


def test_the_habit_of_a_class_is_a_normal_distribution():
    objects = photographs(2000, 0)
    found = fit_box_density(objects).log_density(objects, company=False)
    features = objects.box_features()[:, :4].astype(float)
    for a in range(2):
        own = objects.column == a
        expected = multivariate_normal(features[own].mean(0), np.cov(features[own].T)).logpdf(features[own])
        assert found[own].mean() == pytest.approx(expected.mean(), abs=0.02)
        assert np.corrcoef(found[own], expected)[0, 1] > 0.999


def test_company_tells_how_large_an_object_is():
    density = fit_box_density(photographs(2000, 0))
    unseen = photographs(500, 1)
    habit, in_company = density.log_density(unseen, company=False), density.log_density(unseen)
    alone = np.diff(unseen.offsets)[unseen.scene] == 1
    assert (in_company - habit)[~alone].mean() > 0.5
    assert (in_company - habit)[alone].mean() < 0.1  # nothing to learn from
    # An object ten times too small among its like.
    boxes = unseen.boxes.copy()
    changed = np.flatnonzero(~alone)[::50]
    boxes[changed, 2:] /= 10
    worse = density.log_density(replace(unseen, boxes=boxes))[changed] - in_company[changed]
    assert np.median(worse) < -20
    assert (density.deviation(replace(unseen, boxes=boxes))[changed, 2] < -1).all()


def test_a_rare_class_is_near_the_whole_and_missing_boxes_stay_missing():
    objects = photographs(200, 2)
    few = replace(objects, column=np.zeros_like(objects.column), classes=("a", "b"))
    density = fit_box_density(few)
    np.testing.assert_allclose(density.mean[0], density.mean[1], atol=1e-6)
    assert STRENGTH > 0
    boxes = objects.boxes.copy()
    boxes[3] = np.nan
    found = fit_box_density(objects).log_density(replace(objects, boxes=boxes))
    assert np.isnan(found[3])
    assert np.isfinite(np.delete(found, 3)).all()
    nothing = replace(objects, boxes=np.full_like(objects.boxes, np.nan))
    assert np.isnan(fit_box_density(nothing).log_density(nothing)).all()
