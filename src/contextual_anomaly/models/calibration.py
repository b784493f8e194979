"""Conformal p-values: how unusual a log-odds is among genuine cases, so that a rate of false alarms can be chosen.

Split-conformal prediction (Vovk, Gammerman, Shafer 2005): for a genuine object, exchangeable with those of the held-out
images, P(p-value ≤ α) ≤ α whatever the model.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from contextual_anomaly import tables
from contextual_anomaly.array_types import Float, Shaped
from contextual_anomaly.errors import UserError
from contextual_anomaly.models import registry
from contextual_anomaly.models.base import ContextModel, variant_index
from contextual_anomaly.models.confusions import Confusions
from contextual_anomaly.models.data import TrainingData
from contextual_anomaly.models.score_curve import DetectionRates, ScoreCurve
from contextual_anomaly.runtime.arrow import to_numpy

MAX_SCENES = 20_000  # held-out scenes that are used
TAIL = 0.05  # share of the absent classes that is kept, the most likely ones; larger p-values are of no interest


@dataclass(frozen=True)
class Calibration:
    """Log-odds of classes in held-out scenes.

    Attributes:
        present: [n] of the present classes, ascending.
        absent: [m] the largest of the absent classes, ascending.
        absent_count: number of absent classes from which the largest were taken.
        minimum_classes: the scenes have so many classes or more; of smaller ones it says nothing.
        model_digest: `registry.digest` of the model whose log-odds they are; None if it is not known.
        images: number of held-out images with these classes; 0 if it is not known.
        detector: name of the detector that reported the objects; "" where people annotated them.
        score_curve: what the detector's scores mean; None where objects are certain.
        rates: how often the detector is right; None where objects are certain, and in files of earlier versions.
        confusions: what the detector takes for something else; None as for `rates`.
        explained: [n] log-odds that the reported classes have an ordinary cause (`Confusions.explained`), ascending; None
            where there are no confusions.
    """

    present: Float[np.ndarray, " n"]
    absent: Float[np.ndarray, " m"]
    absent_count: int
    minimum_classes: int = 1
    model_digest: str | None = None
    images: int = 0
    detector: str = ""
    score_curve: ScoreCurve | None = None
    rates: DetectionRates | None = None
    confusions: Confusions | None = None
    explained: Float[np.ndarray, " n"] | None = None

    @property
    def smallest(self) -> float:
        """The smallest p-value of a present class: no lower rate of false alarms can be promised."""
        return 1 / (1 + len(self.present))

    def unexpected(self, log_odds: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return p-values of present classes: the share of genuine objects with log-odds as low or lower."""
        return rank_p_value(self.present, log_odds)

    def missing(self, log_odds: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return p-values of absent classes: the share of rightly absent ones with log-odds as high or higher.

        A p-value above `TAIL` is given as 1.
        """
        as_high = len(self.absent) - np.searchsorted(self.absent, log_odds, side="left")
        p = (1 + as_high) / (1 + self.absent_count)
        return np.where(as_high == len(self.absent), 1.0, p)

    def of_scene(
        self, log_odds: Float[np.ndarray, " C"], present: Shaped[np.ndarray, " P"], absent: Shaped[np.ndarray, " Q"]
    ) -> Float[np.ndarray, " C"]:
        """Return the p-value of each class of one scene.

        Args:
            log_odds: [C] that the class is present.
            present: the present classes, as indices or a mask.
            absent: the absent ones. A class that is neither, because of doubt, has NaN.
        """
        p_value = np.full(len(log_odds), np.nan)
        p_value[present] = self.unexpected(log_odds[present])
        p_value[absent] = self.missing(log_odds[absent])
        return p_value


def rank_p_value(ordinary: Float[np.ndarray, " n"], value: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return the share of ordinary values that are as low or lower, this one counted.

    Args:
        ordinary: [n] ascending; lower is odder.
        value: what is ranked among them.
    """
    return (1 + np.searchsorted(ordinary, value, side="right")) / (1 + len(ordinary))


def calibrate(model: ContextModel, bottleneck: int | None, data: TrainingData, minimum_classes: int) -> Calibration:
    """Predict the held-out scenes and keep the log-odds of their classes.

    Args:
        model: a model that was fitted on ``data``.
        bottleneck: of a sweep, the variant that stands for it.
        data: the training data, a part of which is held out.
        minimum_classes: smaller scenes are left out, as they are from the scenes in which anomalies are listed.
    """
    enough = np.count_nonzero(data.scenes.counts, axis=1) >= minimum_classes
    rows = np.flatnonzero(data.held_out & enough)[:MAX_SCENES]
    presence = data.scenes.where(rows).presence
    geometry = data.geometry(rows) if data.has_geometry else None
    log_odds = model.log_odds(presence, geometry)[variant_index(model, bottleneck)]
    present = presence > 0
    return conformal(model, log_odds[present], log_odds[~present], minimum_classes, len(rows))


def conformal(
    model: ContextModel,
    present: Float[np.ndarray, " n"],
    absent: Float[np.ndarray, " m"],
    minimum_classes: int,
    images: int,
    detector: str = "",
    score_curve: ScoreCurve | None = None,
    rates: DetectionRates | None = None,
    confusions: Confusions | None = None,
    explained: Float[np.ndarray, " n"] | None = None,
) -> Calibration:
    """Return the calibration of some log-odds of held-out images.

    Args:
        model: the model that they are of.
        present: [n] of present classes.
        absent: [m] of absent classes.
        minimum_classes: the images have so many classes or more.
        images: their number.
        detector: name of the detector that reported the objects.
        score_curve: what its scores mean.
        rates: how often it is right.
        confusions: what it takes for something else.
        explained: [n] of present classes, that they have an ordinary cause.
    """
    kept = max(1, int(TAIL * len(absent)))
    return Calibration(
        present=np.sort(present),
        absent=np.sort(absent)[-kept:],
        absent_count=len(absent),
        minimum_classes=minimum_classes,
        model_digest=registry.digest(model),
        images=images,
        detector=detector,
        score_curve=score_curve,
        rates=rates,
        confusions=confusions,
        explained=None if explained is None else np.sort(explained),
    )


def write_calibration(calibration: Calibration, path: str | Path) -> None:
    """Write a calibration as `tables.CALIBRATION`.

    Args:
        calibration: what to write.
        path: the Parquet file.
    """
    parts = {"unexpected": calibration.present, "missing": calibration.absent, "explained": calibration.explained}
    known = {kind: values for kind, values in parts.items() if values is not None}
    kind = [kind for kind, values in known.items() for _ in values]
    log_odds = np.concatenate(list(known.values())).astype(np.float32)
    table = pa.table([pa.array(kind), pa.array(log_odds)], schema=tables.CALIBRATION)
    about = {
        "absent_count": str(calibration.absent_count),
        "minimum_classes": str(calibration.minimum_classes),
        "images": str(calibration.images),
        "detector": calibration.detector,
    }
    if calibration.model_digest:
        about["model_digest"] = calibration.model_digest
    if calibration.score_curve:
        about["score_curve"] = json.dumps(asdict(calibration.score_curve))
    if calibration.rates:
        about["detection_rates"] = json.dumps(asdict(calibration.rates))
    if calibration.confusions:
        about["confusions"] = json.dumps(_rounded(calibration.confusions))
    tables.write_table(table, tables.CALIBRATION, path, about)


def read_calibration(path: str | Path, model: ContextModel | None = None) -> Calibration:
    """Read what `write_calibration` wrote.

    >>> import contextual_anomaly as ca
    >>> from contextual_anomaly.models.calibration import write_calibration
    >>> detector = ca.ContextAnomalyDetector("naive_bayes").fit([[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1]] * 9)
    >>> write_calibration(detector.calibration_, "model.calibration.parquet")
    >>> ca.read_calibration("model.calibration.parquet").absent_count
    10

    Args:
        path: the Parquet file.
        model: the model that it is for.

    Raises:
        UserError: the file is missing, damaged, of another schema, or the calibration of another model.
    """
    table = tables.read_table(path, tables.CALIBRATION)
    log_odds, kind = to_numpy(table["log_odds"]), np.array(table["kind"].to_pylist(), object)
    about = tables.metadata_of(table)
    made_for = about.get("model_digest")  # files of earlier versions do not say
    if model is not None and made_for is not None and made_for != registry.digest(model):
        raise UserError(
            f"{path}: the calibration of another model than {model.name!r}; its p-values would be wrong. Give the one that "
            "was written with the model, or fit the model again."
        )
    return Calibration(
        log_odds[kind == "unexpected"],
        log_odds[kind == "missing"],
        int(about["absent_count"]),
        int(about.get("minimum_classes", 1)),
        made_for,
        int(about.get("images", 0)),
        about.get("detector", ""),
        ScoreCurve(**json.loads(about["score_curve"])) if "score_curve" in about else None,
        DetectionRates(**json.loads(about["detection_rates"])) if "detection_rates" in about else None,
        confusions=_confusions(about.get("confusions")),
        explained=log_odds[kind == "explained"] if "confusions" in about else None,
    )


def _rounded(known: Confusions) -> dict[str, list]:
    """Return confusions as JSON has them; the rates are given in millionths."""
    return {name: np.rint(1e6 * value).astype(int).tolist() for name, value in vars(known).items()}


def _confusions(text: str | None) -> Confusions | None:
    """Return what `_rounded` made of confusions."""
    return None if text is None else Confusions(**{name: np.array(v) / 1e6 for name, v in json.loads(text).items()})
