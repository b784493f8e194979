"""The scikit-learn estimator: scikit-learn's own checks, and detection in a small world."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from contextual_anomaly.errors import UserError
from contextual_anomaly.models import registry
from contextual_anomaly.models.estimator import ContextAnomalyDetector

NEGATIVE = "feeds negative numbers although the estimator's tag says positive_only; presence is never negative"
EXPECTED_FAILURES = {
    "check_outliers_train": NEGATIVE,
    "check_outliers_fit_predict": NEGATIVE,
    "check_do_not_raise_errors_in_init_or_set_params": "gives -1 for a family, which the type checker of these tests refuses",
}


@parametrize_with_checks(
    [ContextAnomalyDetector(), ContextAnomalyDetector(family="naive_bayes")],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def samples(world):
    """Training scenes, fresh ones, and fresh ones with a random class added, at least two classes each."""
    weight, share = world
    rng = np.random.default_rng(3)
    drawn = rng.random((9000, 6)) < share[rng.choice(3, 9000, p=weight)]
    drawn = drawn[drawn.sum(1) >= 2].astype(float)
    train, fresh = drawn[:4000], drawn[4000:6000]
    changed = fresh[fresh.sum(1) < 5].copy()
    for scene in changed:
        scene[rng.choice(np.flatnonzero(scene == 0))] = 1
    return train, fresh, changed


@pytest.mark.parametrize(
    ("family", "settings"),
    [("pairwise", None), ("ease", {"ridge": 10.0}), ("mixture", {"components": [3], "seeds": [0], "steps": 40})],
)
def test_changed_scenes_are_detected_at_the_given_rate(samples, family, settings):
    train, fresh, changed = samples
    detector = ContextAnomalyDetector(family, settings, fpr=0.05).fit(train)
    flagged = (detector.predict(fresh) == -1).mean()
    assert abs(flagged - 0.05) < 0.025
    assert (detector.predict(changed) == -1).mean() > 2 * flagged
    scores = detector.score_samples(np.vstack([fresh, changed]))
    assert roc_auc_score(np.repeat([1, 0], [len(fresh), len(changed)]), scores) > 0.65
    np.testing.assert_array_equal(detector.predict(fresh), np.sign(detector.decision_function(fresh) + 1e-12))


def test_probabilities_are_those_of_the_model(samples, data):
    """The model is the one that the command fits on the same scenes."""
    settings = registry.read_settings(json.dumps({"family": "naive_bayes", "smoothing": 3.0}))
    model = registry.fit(data, "m", settings).model
    detector = ContextAnomalyDetector("naive_bayes", {"smoothing": 3.0}).fit(data.scenes.counts)
    presence = samples[1][:50]
    np.testing.assert_allclose(detector.predict_proba(presence), model.predict_proba(presence)[0], atol=1e-6)
    np.testing.assert_array_equal(detector.predict_proba(3 * presence), detector.predict_proba(presence))  # counts


def test_the_score_is_that_of_the_least_probable_class(samples):
    detector = ContextAnomalyDetector("pairwise").fit(samples[0])
    presence = samples[1][:50]
    probability = detector.predict_proba(presence)
    observed = np.where(presence > 0, probability, 1 - probability)
    np.testing.assert_allclose(detector.score_samples(presence), np.log(observed.min(1)), atol=1e-6)


def test_a_data_frame_gives_class_names_and_a_search_chooses_settings(samples):
    names = ["bed", "book", "cat", "cup", "fork", "knife"]
    frame = pd.DataFrame(samples[0][:600], columns=names)
    detector = ContextAnomalyDetector("naive_bayes").fit(frame)
    assert detector.model_.classes == tuple(names)

    def pseudo_likelihood(estimator, X, y=None):
        probability = estimator.predict_proba(X)
        return np.log(np.where(X > 0, probability, 1 - probability)).mean()

    search = GridSearchCV(
        detector,
        {"settings": [{"smoothing": 1.0}, {"smoothing": 1e5}]},
        scoring=pseudo_likelihood,
        cv=2,
    )
    assert search.fit(frame).best_params_ == {"settings": {"smoothing": 1.0}}


def test_mistakes_are_named():
    X = np.eye(6)
    with pytest.raises(UserError, match="model family 'forest' is unknown"):
        ContextAnomalyDetector("forest").fit(X)
    with pytest.raises(ValueError, match=r"smoothing\n.*greater than 0"):
        ContextAnomalyDetector("naive_bayes", {"smoothing": -1.0}).fit(X)
    with pytest.raises(ValueError, match=r"fpr 2: a rate between 0 and 1"):
        ContextAnomalyDetector(fpr=2).fit(X)
    with pytest.raises(ValueError, match="Negative values"):
        ContextAnomalyDetector().fit(-X)
