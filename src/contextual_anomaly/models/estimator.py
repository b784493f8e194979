"""A context model of any family as a scikit-learn estimator."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from contextual_anomaly.array_types import Float, Int
from contextual_anomaly.models import registry
from contextual_anomaly.models.base import variant_index
from contextual_anomaly.models.calibration import calibrate
from contextual_anomaly.models.data import TrainingData
from contextual_anomaly.scenes import Scenes
from contextual_anomaly.stats.log_odds import expit

MatrixLike = Any
"""[n_scenes, n_classes] numbers: an array, nested lists or a data frame, as scikit-learn takes them."""


class ContextAnomalyDetector(OutlierMixin, BaseEstimator):
    """Detect scenes with a class that the other classes make unlikely, or without one that they make likely.

    X is [n_scenes, n_classes]: presence (0 or 1), counts, or the probability that a class is present. Everything from 1
    is present. To fit, a class counts as present from 0.5. Every fifth scene is held out for calibration.

    Signs are scikit-learn's: `score_samples` and `decision_function` are low for anomalies, and `predict` returns -1.

    >>> import numpy as np
    >>> import contextual_anomaly as ca
    >>> rng = np.random.default_rng(0)
    >>> indoors = rng.random((1000, 1)) < 0.5  # fork and knife there, surfboard and kite elsewhere
    >>> X = rng.random((1000, 4)) < np.where(indoors, [0.8, 0.8, 0.01, 0.01], [0.01, 0.01, 0.8, 0.8])
    >>> detector = ca.ContextAnomalyDetector(family="pairwise", fpr=0.02).fit(X)
    >>> detector.predict([[1, 1, 0, 0], [1, 1, 1, 0]])
    array([ 1, -1])
    >>> detector.score_samples([[1, 1, 1, 0]]) < detector.offset_
    array([ True])

    Attributes:
        model_: the fitted context model, for `Predictor` and `save_model`.
        calibration_: its calibration, for `Predictor` and `list_anomalies`.
        offset_: the score below which a scene is an anomaly.
        n_features_in_: number of classes.
        feature_names_in_: class names, where X is a data frame.
    """

    def __init__(
        self,
        family: str = "pairwise",
        settings: Mapping[str, Any] | None = None,
        fpr: float = 0.05,
        n_jobs: int = 1,
    ) -> None:
        """Make an estimator.

        Args:
            family: the family of the model, as in the configuration.
            settings: settings of the family; those left out have their defaults.
            fpr: false positive rate: share of genuine scenes that may be called anomalies.
            n_jobs: processor cores to use; their number changes no result.
        """
        self.family = family
        self.settings = settings
        self.fpr = fpr
        self.n_jobs = n_jobs

    def fit(self, X: MatrixLike, y: object = None) -> "ContextAnomalyDetector":
        """Fit the model and calibrate the false positive rate on the held-out scenes.

        Args:
            X: [n_scenes, n_classes].
            y: ignored.

        Returns:
            The estimator.

        Raises:
            ValueError: X or a setting is wrong.
            UserError: the family is unknown.
        """
        if not 0 < self.fpr < 1:
            raise ValueError(f"fpr {self.fpr}: a rate between 0 and 1 was expected")
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2, ensure_non_negative=True)
        names = tuple(map(str, getattr(self, "feature_names_in_", [f"x{c}" for c in range(X.shape[1])])))
        counts = (X >= 0.5).astype(np.uint16)
        data = TrainingData(Scenes(np.arange(len(X)), counts, names, tuple(range(len(names))), "X"))
        settings = registry.family(self.family).Settings.model_validate(
            {"family": self.family, **(self.settings or {})}
        )
        self.model_ = registry.fit(data, self.family, settings, self.n_jobs).model
        bottleneck = getattr(settings, "chosen_bottleneck", None)
        self._variant = variant_index(self.model_, bottleneck)
        self.calibration_ = calibrate(self.model_, bottleneck, data, 1)
        held_out = np.sort(self._scores(data.held_out_presence))
        # The conformal p-value of a scene, (1 + held-out scores at or below its own) / (1 + all), is at most fpr where
        # its score is below this one. With too few held-out scenes for the rate, the lowest score is the limit.
        self.offset_ = float(held_out[max(int(self.fpr * (len(held_out) + 1)) - 1, 0)])
        return self

    def predict_proba(self, X: MatrixLike) -> Float[np.ndarray, "N C"]:
        """Return the probability of each class given the other classes of the scene.

        Unlike a classifier's, a row does not sum to 1: several classes may be present.

        Args:
            X: [n_scenes, n_classes].

        Returns:
            [n_scenes, n_classes], from 0 to 1.
        """
        return expit(self._log_odds(self._presence(X)))

    def score_samples(self, X: MatrixLike) -> Float[np.ndarray, " N"]:
        """Return how normal each scene is: the log-probability of the least probable presence or absence in it.

        Args:
            X: [n_scenes, n_classes].

        Returns:
            [n_scenes], at most 0; lower is more anomalous.
        """
        return self._scores(self._presence(X))

    def decision_function(self, X: MatrixLike) -> Float[np.ndarray, " N"]:
        """Return `score_samples` minus ``offset_``: negative for anomalies.

        Args:
            X: [n_scenes, n_classes].

        Returns:
            [n_scenes].
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: MatrixLike) -> Int[np.ndarray, " N"]:
        """Return -1 for anomalies and 1 for all other scenes.

        Args:
            X: [n_scenes, n_classes].

        Returns:
            [n_scenes]; of genuine scenes, a share of at most ``fpr`` is -1 on average.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def __sklearn_tags__(self) -> Tags:
        """Return scikit-learn's tags: X must not be negative."""
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags

    def _presence(self, X: MatrixLike) -> Float[np.ndarray, "N C"]:
        check_is_fitted(self)
        return np.minimum(validate_data(self, X, dtype=np.float64, reset=False, ensure_non_negative=True), 1)

    def _log_odds(self, presence: Float[np.ndarray, "N C"]) -> Float[np.ndarray, "N C"]:
        return self.model_.log_odds(presence)[self._variant].astype(np.float64)

    def _scores(self, presence: Float[np.ndarray, "N C"]) -> Float[np.ndarray, " N"]:
        log_odds = self._log_odds(presence)
        likelihood = presence * expit(log_odds) + (1 - presence) * expit(-log_odds)
        return np.log(np.maximum(likelihood, np.finfo(float).tiny)).min(1)
