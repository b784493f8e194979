"""Check one image after another: which of its objects are unexpected, which classes are missing, and why."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from contextual_anomaly.checking.adapters import ClassNames, is_coco_result, objects_of
from contextual_anomaly.checking.detectors import ChosenDetector, choose_detector
from contextual_anomaly.checking.files import ModelFiles, model_files
from contextual_anomaly.checking.objects import BadObjects, ImageObjects, detected_objects
from contextual_anomaly.checking.results import (
    NOT_JUDGED,
    NOTHING_TO_COMPARE,
    Attribution,
    CheckedObject,
    CheckResult,
    FalseAlarms,
    MissingClass,
)
from contextual_anomaly.coco.classes import LEFT_OUT, plain_name, spellings
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import ContextModel, Geometry
from contextual_anomaly.models.calibration import Calibration
from contextual_anomaly.models.evidence import input_classes, scene_evidence
from contextual_anomaly.models.explanation import explain
from contextual_anomaly.models.score_curve import AS_IT_IS, PRESENT
from contextual_anomaly.runtime.input_problems import InputProblem, one_problem
from contextual_anomaly.stats.log_odds import expit

ABSENT = 5
"""Absent classes that are named at least."""
FEWEST_CLASSES = 2
"""Of fewer different classes there is nothing to compare: each class is judged by the others."""


@dataclass(frozen=True)
class Checker:
    """A context model with its calibrations, which answers for images, detections, annotations and names.

    `load` makes one, and so does `contextual_anomaly.load`.

    Attributes:
        model: the context model.
        variant: index of the variant that answers.
        annotated: calibration for objects that people marked, for p-values.
        behind_detector: calibration for the objects of `detector`.
        detector: gives the objects of images; None where images are not checked.
        false_alarms: the p-values up to which something is flagged.
        absent: absent classes that each answer names at least.
    """

    model: ContextModel
    variant: int = 0
    annotated: Calibration | None = None
    behind_detector: Calibration | None = None
    detector: ChosenDetector | None = None
    false_alarms: FalseAlarms = field(default_factory=FalseAlarms)
    absent: int = ABSENT

    @classmethod
    def load(
        cls,
        model: str | Path | None = None,
        *,
        run: str | Path | None = None,
        detector: str | Path | None = None,
        family: str | None = None,
        class_names: str | Path | None = None,
        calibration: str | Path | None = None,
        false_alarms: float = 0.01,
        missing_false_alarms: float = 0.001,
    ) -> "Checker":
        """Return a checker with a model that ships with the package, of a run, or of a file.

        Args:
            model: name of a model that ships with the package (coco) or of a model of the run, or a `.safetensors` file.
            run: folder of the results of a run of the workflow.
            detector: name of a detector, which is fetched once and verified, or an ONNX file. It is loaded with the
                first image.
            family: form of the output of a detector that is given as a file.
            class_names: text or YAML file of the class names of a detector that is given as a file.
            calibration: file that takes the place of the model's own.
            false_alarms: share of ordinary objects that may be flagged as unexpected.
            missing_false_alarms: share of rightly absent classes that may be flagged as missing.

        Raises:
            UserError: a file is missing or not what is expected.
        """
        for name, rate in (("false_alarms", false_alarms), ("missing_false_alarms", missing_false_alarms)):
            if not 0 < rate < 1:
                raise UserError(f"{name} is {rate:g}; a rate between 0 and 1 was expected.")
        chosen = choose_detector(detector, family, class_names, run)
        found: ModelFiles = model_files(model, run, calibration, chosen.name)
        return cls(
            found.model,
            found.variant,
            found.annotated,
            found.behind_detector,
            chosen,
            FalseAlarms(false_alarms, missing_false_alarms),
        )

    def check(
        self,
        image: Any,
        *,
        scores: Iterable[float | None] | None = None,
        boxes: Iterable[Sequence[float] | None] | None = None,
        size: tuple[int, int] | None = None,
        class_names: ClassNames | None = None,
        source: str | None = None,
    ) -> CheckResult:
        """Check one image.

        >>> import contextual_anomaly as ca
        >>> scenes = [[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1], [1, 0, 0]] * 20
        >>> detector = ca.ContextAnomalyDetector("naive_bayes").fit(scenes)
        >>> checker = ca.Checker(detector.model_, annotated=detector.calibration_)
        >>> result = checker.check(["x0", "x2"])
        >>> [found.category for found in result.objects], result.unexpected, result.missing
        (['x0', 'x2'], [], [])

        Args:
            image: path of an image; pixels as OpenCV has them, [h, w, 3] of blue, green and red; a picture of Pillow;
                detections of supervision, Ultralytics, torchvision or COCO's results; class names, alone, with
                probabilities ({"cup": 0.9}), or as objects ([{"category": "cup", "score": 0.9, "box": [x, y, w, h]}]).
            scores: of the names, 0 to 1.
            boxes: of the names: x, y, width and height in pixels.
            size: width and height of the image in pixels, without which boxes say nothing.
            class_names: what class numbers mean.
            source: what the answer says was checked.

        Raises:
            UserError: the value is nothing that can be checked, or the image cannot be read.
        """
        pixels = _as_image(image)
        if pixels is not None:
            return self._check_pixels(pixels, source or "an image")
        if isinstance(image, str | os.PathLike):
            return self._check_file(Path(image), source)
        try:
            if scores is not None or boxes is not None:
                objects = ImageObjects.of(image, scores, boxes)
            else:
                objects = objects_of(image, class_names)
        except (BadObjects, ValueError) as error:
            raise UserError(str(error)) from error
        if size is not None:
            objects = replace(objects, size=(int(size[0]), int(size[1])))
        return self.judge(objects, source or objects.file_name or "objects", strict=True)

    def check_many(self, images: Iterable[Any], *, class_names: ClassNames | None = None) -> Iterator[CheckResult]:
        """Yield the answer for one image after another, each as soon as it is there.

        Args:
            images: whatever `check` takes, or COCO's results of several images.
            class_names: what class numbers mean.

        Raises:
            UserError: a value is nothing that can be checked, or an image cannot be read.
        """
        if isinstance(images, list) and images and all(is_coco_result(entry) for entry in images):
            of_image: dict[Any, list] = {}
            for result in images:
                of_image.setdefault(result["image_id"], []).append(result)
            images = of_image.values()
        for image in images:
            yield self.check(image, class_names=class_names)

    def judge(
        self, objects: ImageObjects, source: str, strict: bool = False, own: bool = False, **about: Any
    ) -> CheckResult:
        """Return the answer for the objects of one image.

        Args:
            objects: the objects.
            source: what the answer says was checked.
            strict: whether a class that is not known is an error; otherwise it is ignored, with a note.
            own: whether the objects are those of `detector`, though nobody said so.
            **about: other fields of the answer, such as line and frame.
        """
        names, remarks = self.known_names(objects.names)
        detector = self.detector if objects.detected and self.detector and (own or self.detector.given) else None
        behind = self.behind_detector if detector else None
        calibration = behind or self.annotated
        scores = None
        if objects.detected:
            curve = (behind and behind.score_curve) or AS_IT_IS
            scores = [1.0 if score is None else float(curve.presence(score)) for score in objects.scores]
        likely = names if scores is None else [n for n, score in zip(names, scores, strict=True) if score >= PRESENT]
        foreign = tuple(name for name in dict.fromkeys(names) if name not in self._inputs and name not in LEFT_OUT)
        known = (*self.model.classes, *(foreign if strict else ()))  # what is an error is not a note as well
        ignored = tuple(name for name in dict.fromkeys(likely) if name not in known)
        problems = list(objects.problems)
        if strict and foreign:
            problems.append(self._unknown(foreign))
        evidence = scene_evidence(self.model, names, scores, objects.boxes, objects.size)
        seen = evidence.presence[0]
        judged = np.flatnonzero(seen >= PRESENT)
        if ignored:
            remarks.append(NOT_JUDGED + ", ".join(ignored))
        about = {
            "source": source,
            "ignored": ignored,
            "image_id": objects.image_id,
            "file_name": objects.file_name,
            "width": objects.size[0] if objects.size else None,
            "height": objects.size[1] if objects.size else None,
            "model": self.model.name,
            "detector": detector.name if detector else None,
            "calibration": None if calibration is None else "detections" if behind else "annotations",
            "false_alarms": self.false_alarms,
            "error": one_problem(problems),
            **about,
        }
        given = zip(names, objects.scores, objects.boxes, objects.ids, strict=True)
        fewest = max(FEWEST_CLASSES, calibration.minimum_classes if calibration else 0)
        if len(judged) < fewest:
            remarks.insert(0, _too_few(len(judged), fewest, bool(ignored)))
            return CheckResult(objects=tuple(CheckedObject(*one) for one in given), note="; ".join(remarks), **about)
        if calibration is None:
            remarks.append("no calibration: nothing is flagged")
        elif objects.detected and behind is None:
            remarks.append("calibrated on annotations: behind a detector the rate of false alarms is not promised")
        log_odds = self.model.log_odds(evidence.presence, evidence.geometry)[self.variant][0].astype(np.float64)
        unseen = np.flatnonzero(seen == 0)
        unseen = unseen[np.argsort(-log_odds[unseen], kind="stable")]
        p_value = np.full(len(log_odds), np.nan)
        if calibration is not None:
            p_value = calibration.of_scene(log_odds, judged, unseen)
        # A comparison with NaN, of what has no p-value, is false.
        unexpected = judged[p_value[judged] <= self.false_alarms.unexpected]
        missing = unseen[p_value[unseen] <= self.false_alarms.missing]
        attributions = self.attributions(evidence.presence, evidence.geometry, np.append(unexpected, missing))
        shares = zip(expit(log_odds).tolist(), p_value.tolist(), strict=True)
        numbers = [(probability, None if p != p else p) for probability, p in shares]  # NaN is not itself
        flagged, of_scene = set(unexpected.tolist() + missing.tolist()), set(judged.tolist())
        presences = scores or [1.0] * len(names)
        checked = tuple(
            CheckedObject(*one, numbers[c][0], numbers[c][1], c in flagged, attributions.get(c, ()))
            if c in of_scene and presence >= PRESENT
            else CheckedObject(*one)
            for one, c, presence in zip(given, evidence.column.tolist(), presences, strict=True)
        )
        absent = tuple(
            MissingClass(self.model.classes[c], numbers[c][0], numbers[c][1], c in flagged, attributions.get(c, ()))
            for c in unseen[: max(self.absent, len(missing))].tolist()
        )
        return CheckResult(objects=checked, absent=absent, note="; ".join(remarks) or None, **about)

    def judge_detected(self, found: Any, source: str, **about: Any) -> CheckResult:
        """Return the answer for a `DetectedImage`: objects that are probably not there are evidence and not listed.

        Args:
            found: what the detector found.
            source: what the answer says was checked.
            **about: other fields of the answer.
        """
        objects = detected_objects(found, about.pop("file_name", None))
        curve = (self.behind_detector and self.behind_detector.score_curve) or AS_IT_IS
        answer = self.judge(objects, source, own=True, **about)
        likely = curve.presence(np.array(found.scores)) >= PRESENT if found.names else []
        listed = tuple(one for one, kept in zip(answer.objects, likely, strict=True) if kept)
        return replace(answer, objects=listed)

    @cached_property
    def _inputs(self) -> frozenset[str]:
        """The classes that the model takes, whether it judges them or not."""
        return frozenset((*self.model.classes, *input_classes(self.model)))

    @cached_property
    def _spellings(self) -> dict[str, str]:
        """The class that each other spelling of it means, without case and separators."""
        return spellings(self._inputs)

    def known_names(self, names: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return the names as the model has them, and what was taken for what.

        Args:
            names: classes as somebody spells them.
        """
        known = self._inputs
        mapped = [name if name in known else self._spellings.get(plain_name(name), name) for name in names]
        taken = dict.fromkeys((name, as_name) for name, as_name in zip(names, mapped, strict=True) if name != as_name)
        return mapped, [f"{name} is taken as {as_name}" for name, as_name in taken]

    def _unknown(self, names: tuple[str, ...]) -> InputProblem:
        """Return the problem of classes that the model does not know."""
        said = []
        for name in names:
            close = get_close_matches(name, self.model.classes, 3, 0.5)
            said.append(f"{name!r} (did you mean {' or '.join(close)}?)" if close else repr(name))
        verb = "is no class" if len(names) == 1 else "are no classes"
        return InputProblem("unknown_class", f"{', '.join(said)} {verb} of model {self.model.name!r}.", names)

    def attributions(
        self, presence: np.ndarray, geometry: Geometry | None, targets: np.ndarray
    ) -> dict[int, tuple[Attribution, ...]]:
        """Return what the log-odds of some classes are made of, of each of ``targets``.

        Args:
            presence: [1, C] of the scene.
            geometry: of the scene.
            targets: columns of the classes.
        """
        targets = targets.astype(np.intp)
        if not len(targets):
            return {}
        repeated = None if geometry is None else geometry[np.zeros(len(targets), np.intp)]
        scenes = np.repeat(presence, len(targets), axis=0)
        found = explain(self.model, self.variant, scenes, targets, repeated, least=PRESENT)
        return {
            target: tuple(Attribution(name, value) for name, value in found.parts(row, self.model.classes))
            for row, target in enumerate(targets.tolist())
        }

    def _check_file(self, path: Path, source: str | None) -> CheckResult:
        from contextual_anomaly.detection.image_reading import UnreadableImage, read_image

        try:
            image = read_image(path)
        except UnreadableImage as problem:
            raise UserError(f"{path}: {problem}.") from problem
        return self._check_pixels(image, source or str(path), file_name=path.name)

    def _check_pixels(self, image: Any, source: str, **about: Any) -> CheckResult:
        if self.detector is None:
            raise UserError("an image needs a detector, and this checker was made without.")
        return self.judge_detected(self.detector.loaded().detect(image, source), source, **about)


def load(model: str | Path | None = None, **options: Any) -> Checker:
    """Return a `Checker` with a context model that ships with the package, of a run, or of a file.

    >>> import contextual_anomaly as ca
    >>> result = ca.load("coco-small").check(["laptop", "keyboard", "mouse", "surfboard"])
    >>> [found.category for found in result.unexpected]
    ['surfboard']

    Args:
        model: name of a model that ships with the package, or a `.safetensors` file; coco by default.
        **options: those of `Checker.load`.

    Raises:
        UserError: a file is missing or not what is expected.
    """
    return Checker.load(model, **options)


def _too_few(judged: int, fewest: int, ignored: bool) -> str:
    """Say in words that there is nothing to compare."""
    what = {0: "no objects", 1: "objects of one class"}.get(judged, f"objects of {judged} classes")
    if ignored:
        what += " that are judged" if judged != 1 else " that is judged"
    enough = "" if fewest == FEWEST_CLASSES else f", and the calibration holds from {fewest} on"
    return f"{NOTHING_TO_COMPARE}: {what}{enough}"


def _as_image(value: Any) -> Any:
    """Return pixels as a detector takes them; None if the value is no image."""
    if hasattr(value, "convert") and hasattr(value, "getbands"):  # Pillow, whose order is red, green, blue
        value = np.asarray(value.convert("RGB"))[..., ::-1]
    if not (isinstance(value, np.ndarray) and value.ndim in (2, 3) and value.dtype == np.uint8):
        return None
    if value.ndim == 2:
        value = np.repeat(value[..., None], 3, axis=2)
    if value.shape[2] not in (3, 4) or not value.size:
        return None
    from contextual_anomaly.detection.image_reading import ReadImage

    pixels = np.ascontiguousarray(value[..., :3])
    return ReadImage(pixels, pixels.shape[1], pixels.shape[0])
