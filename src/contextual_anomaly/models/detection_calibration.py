"""Calibration from what a detector reports in held-out images: its p-values hold behind that detector, mistakes and all.

Split-conformal as in `models.calibration`, but what is exchangeable is another: an object that the detector reports in an
ordinary image, whether it is there or not, and a class that it does not report, whether it is absent or overlooked.
Objects of one image depend on each other, so that the promise is about the share of objects over many images.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from contextual_anomaly import tables
from contextual_anomaly.array_types import Bool, Float, Int
from contextual_anomaly.models.base import ContextModel, variant_index
from contextual_anomaly.models.calibration import Calibration, conformal
from contextual_anomaly.models.confusions import confusions, explained_elsewhere
from contextual_anomaly.models.evidence import scene_evidence, stack_geometry
from contextual_anomaly.models.score_curve import MIN_SCORE, PRESENT, DetectionRates, ScoreCurve, fit_score_curve
from contextual_anomaly.stats.boxes import BOX

PRIOR = 10.0
"""Images with a class that are added to it, in which it is found as often as any class."""


class DetectedScene(NamedTuple):
    """What a detector reports in one image, and what is there.

    Attributes:
        names: K class names, one an object.
        scores: K scores.
        boxes: K boxes: x, y, width and height in pixels.
        size: width and height of the image in pixels.
        annotated: the classes that are in the image by its annotations.
    """

    names: list[str]
    scores: list[float]
    boxes: list[list[float]]
    size: tuple[int, int]
    annotated: frozenset[str]


@dataclass(frozen=True)
class DetectedEvidence:
    """What a context model says of N images behind a detector.

    Attributes:
        presence: [N, C] of each class, by its largest score and the score curve; 0 where it is not reported.
        log_odds: [N, C] of each class, given all the others.
        annotated: [N, C] whether the class is there.
    """

    presence: Float[np.ndarray, "N C"]
    log_odds: Float[np.ndarray, "N C"]
    annotated: Bool[np.ndarray, "N C"]

    @property
    def reported(self) -> Bool[np.ndarray, "N C"]:
        """[N, C] the classes that count as objects of the image."""
        return self.presence >= PRESENT

    def judged(self, minimum_classes: int) -> tuple[Bool[np.ndarray, "N C"], Bool[np.ndarray, "N C"]]:
        """Return the reported classes, and those of which nothing is seen, of the images with enough objects.

        Args:
            minimum_classes: images with fewer reported classes are left out.
        """
        enough = self.reported.sum(1, keepdims=True) >= minimum_classes
        return self.reported & enough, (self.presence == 0) & enough


def read_detected_scenes(
    detections: str | Path,
    image_ids: Int[np.ndarray, " N"],
    images: str | Path,
    categories: str | Path,
    annotations: str | Path,
) -> list[DetectedScene]:
    """Read what a detector reports in some images, and which classes are there.

    Args:
        detections: the table `tables.DETECTIONS`.
        image_ids: [N] of the images that the detector has run on.
        images: the table `tables.IMAGES`, for sizes.
        categories: the table `tables.CATEGORIES`, for names.
        annotations: the table `tables.ANNOTATIONS`.

    Raises:
        UserError: a file is missing or of another schema.
    """
    known = tables.read_table(categories, tables.CATEGORIES)
    name_of = dict(zip(known["category_id"].to_pylist(), known["name"].to_pylist(), strict=True))
    listed = tables.read_table(images, tables.IMAGES, ["image_id", "width", "height"]).to_pylist()
    sizes = {row["image_id"]: (row["width"], row["height"]) for row in listed}
    objects: dict[int, list[dict]] = defaultdict(list)
    for row in tables.read_table(detections, tables.DETECTIONS).to_pylist():
        objects[row["image_id"]].append(row)
    there: dict[int, set[str]] = defaultdict(set)
    for row in tables.read_table(annotations, tables.ANNOTATIONS, ["image_id", "category_id"]).to_pylist():
        there[row["image_id"]].add(name_of[row["category_id"]])
    return [
        DetectedScene(
            [name_of[row["category_id"]] for row in objects[image_id]],
            [row["score"] for row in objects[image_id]],
            [[row[side] for side in BOX] for row in objects[image_id]],
            sizes[image_id],
            frozenset(there[image_id]),
        )
        for image_id in image_ids.tolist()
    ]


def score_curve(scenes: Sequence[DetectedScene]) -> ScoreCurve:
    """Fit how likely a class is in an image, given the largest score of its objects there.

    Args:
        scenes: held-out images with their annotations.
    """
    largest: list[float] = []
    there: list[bool] = []
    for scene in scenes:
        of_class: dict[str, float] = {}
        for name, score in zip(scene.names, scene.scores, strict=True):
            of_class[name] = max(score, of_class.get(name, 0.0))
        largest += of_class.values()
        there += [name in scene.annotated for name in of_class]
    return fit_score_curve(np.array(largest), np.array(there, bool))


def detection_rates(scenes: Sequence[DetectedScene]) -> DetectionRates:
    """Return how often a detector is right about the classes of an image.

    The recall of a class is drawn towards that of all classes, which counts as much as `PRIOR` images.

    Args:
        scenes: held-out images with their annotations.
    """
    there: Counter[str] = Counter()
    reported: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for scene in scenes:
        names = {name for name, score in zip(scene.names, scene.scores, strict=True) if score >= MIN_SCORE}
        there.update(scene.annotated)
        reported.update(names)
        right.update(names & scene.annotated)
    usual = (right.total() + 1) / (there.total() + 2)
    recall = {name: (right[name] + PRIOR * usual) / (count + PRIOR) for name, count in sorted(there.items())}
    return DetectionRates(recall, (right.total() + 1) / (reported.total() + 2))


def detected_evidence(
    model: ContextModel, bottleneck: int | None, scenes: Sequence[DetectedScene], curve: ScoreCurve | None
) -> DetectedEvidence:
    """Ask a model about images behind a detector.

    Args:
        model: the model.
        bottleneck: of a sweep, the variant that stands for it.
        scenes: N images.
        curve: what the scores mean; None takes every object as certain.
    """
    found = [
        scene_evidence(
            model,
            scene.names,
            None if curve is None else curve.presence(scene.scores).tolist(),
            scene.boxes,
            scene.size,
        )
        for scene in scenes
    ]
    presence = np.concatenate([one.presence for one in found])
    geometry = [one.geometry for one in found if one.geometry is not None]
    log_odds = model.log_odds(presence, stack_geometry(geometry))
    annotated = np.array([[name in scene.annotated for name in model.classes] for scene in scenes])
    return DetectedEvidence(presence, log_odds[variant_index(model, bottleneck)], annotated)


def calibrate_detections(
    model: ContextModel,
    bottleneck: int | None,
    scenes: Sequence[DetectedScene],
    minimum_classes: int,
    detector: str,
    curve: ScoreCurve | None = None,
) -> Calibration:
    """Ask a model about held-out images behind a detector, and keep the log-odds of what it reports and does not.

    Args:
        model: the model.
        bottleneck: of a sweep, the variant that stands for it.
        scenes: images that neither the model nor the detector was trained on.
        minimum_classes: images with fewer reported classes are left out.
        detector: the detector's name.
        curve: what its scores mean; by default it is fitted to the same images.
    """
    curve = curve or score_curve(scenes)
    evidence = detected_evidence(model, bottleneck, scenes, curve)
    present, absent = evidence.judged(minimum_classes)
    explained = explained_elsewhere(evidence.log_odds, evidence.annotated, evidence.reported)
    return conformal(
        model, evidence.log_odds[present], evidence.log_odds[absent], minimum_classes,
        images=int(present.any(1).sum()), detector=detector, score_curve=curve, rates=detection_rates(scenes),
        confusions=confusions(evidence.annotated, evidence.reported), explained=explained[present],
    )  # fmt: skip
