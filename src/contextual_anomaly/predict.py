"""Predict for one scene at a time: which of its objects are unexpected, which classes are missing, and why. For live use."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

import numpy as np

from contextual_anomaly import pretrained
from contextual_anomaly.array_types import Float, Int
from contextual_anomaly.coco.classes import LEFT_OUT, plain_name, spellings
from contextual_anomaly.errors import UserError
from contextual_anomaly.models import posterior
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.models.calibration import Calibration, read_calibration
from contextual_anomaly.models.explanation import explain
from contextual_anomaly.models.registry import load_variant
from contextual_anomaly.pretrained.runs import USUAL_MODEL, listing_model
from contextual_anomaly.runtime.input_problems import InputProblem, one_problem
from contextual_anomaly.runtime.lines import LONGEST_LINE
from contextual_anomaly.runtime.safe_text import shortened
from contextual_anomaly.stats.log_odds import expit

FEWEST_CLASSES = 2
"""Of scenes of fewer classes there is nothing to compare: each class is judged by the others."""
LONGEST_SHOWN = 200  # characters of a line in a message


@dataclass(frozen=True)
class ClassPrediction:
    """What the other classes of a scene say about one class.

    Attributes:
        category: the class.
        probability: P(class present | the others); None where there are no others to compare with.
        p_value: share of genuine cases that are as unusual; None without a calibration, and where the scene has fewer
            classes than the scenes of the calibration.
        changed: P(the class was added to the scene, or removed from it), if at most one class was; None as probability.
        explanation: the classes that speak most for it and against it, in log-odds; empty where none was asked for.
    """

    category: str
    probability: float | None
    p_value: float | None
    changed: float | None
    explanation: str


@dataclass(frozen=True)
class Prediction:
    """A prediction for one scene.

    Attributes:
        objects: its classes, the least probable first.
        missing: absent classes, the most probable first.
        note: what limits the prediction, in words; None if nothing does.
        line: number of the line of a stream, from 1 on; None elsewhere.
        error: what is wrong with the line; the rest of it is predicted all the same.
    """

    objects: list[ClassPrediction]
    missing: list[ClassPrediction]
    note: str | None = None
    line: int | None = None
    error: InputProblem | None = None

    def as_json(self) -> str:
        """Return the prediction as one line of JSON."""
        return json.dumps(asdict(self), allow_nan=False)


@dataclass(frozen=True)
class Predictor:
    """A context model that predicts for single scenes.

    >>> import contextual_anomaly as ca
    >>> scenes = [[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1], [1, 0, 0]] * 20
    >>> detector = ca.ContextAnomalyDetector("naive_bayes").fit(scenes)
    >>> predictor = ca.Predictor(detector.model_, calibration=detector.calibration_)
    >>> prediction = predictor.predict({"x0": 1.0, "x2": 0.9}, missing=1)
    >>> [found.category for found in prediction.objects], prediction.missing[0].category
    (['x2', 'x0'], 'x1')

    Attributes:
        model: the model.
        variant: index of the variant that predicts.
        calibration: of the variant, for p-values.
        clean_share: prior probability that nothing was added to a scene or removed from it.
    """

    model: ContextModel
    variant: int = 0
    calibration: Calibration | None = None
    clean_share: float = 0.9

    @classmethod
    def from_files(
        cls,
        model: str | Path,
        calibration: str | Path | None = None,
        bottleneck: int | None = None,
        clean_share: float = 0.9,
    ) -> "Predictor":
        """Return a predictor from the files of a fitted model.

        Args:
            model: the `.safetensors` file.
            calibration: its calibration (Parquet), for p-values.
            bottleneck: which variant of a sweep predicts; by default the one that was chosen when it was fitted.
            clean_share: prior probability that nothing was added to a scene or removed from it.

        Raises:
            UserError: a file is missing or not what is expected.
        """
        loaded, variant = load_variant(model, bottleneck)
        known = read_calibration(calibration, loaded) if calibration else None
        return cls(loaded, variant, known, clean_share)

    @classmethod
    def choose(
        cls,
        model: str | None = None,
        run: str | Path | None = None,
        calibration: str | Path | None = None,
        bottleneck: int | None = None,
    ) -> "Predictor":
        """Return a predictor from a file, of a run, or of the package where the run has no such model.

        Args:
            model: name of a model, or its `.safetensors` file; by default the run's first, or the package's.
            run: the folder of the run; by default `results`.
            calibration: of a model that is given as a file; by default the one beside it.
            bottleneck: which variant of a sweep predicts, of a model that is given as a file.

        Raises:
            UserError: there is no such model.
        """
        of_run = {file.stem for file in (Path("results") / "models").glob("*.safetensors")}
        if model is not None and model.endswith(".safetensors"):
            path = Path(model)
        elif run is not None or (of_run and (model in of_run or model not in pretrained.names())):
            return cls.from_run(run or "results", model)
        else:
            path = pretrained.find(model or pretrained.DEFAULT)
        return cls.from_files(path, calibration or pretrained.find_calibration(path), bottleneck)

    @classmethod
    def from_run(cls, results: str | Path, model: str | None = None) -> "Predictor":
        """Return a predictor from the results of a run of the workflow.

        Args:
            results: the folder of the run.
            model: the model's name; by default the first of the setting `anomalies.models`.

        Raises:
            UserError: the folder holds no such model.
        """
        folder = Path(results) / "models"
        available = sorted(file.stem for file in folder.glob("*.safetensors"))
        if not available:
            raise UserError(
                f"{results}: there are no models, so this is not the folder of a run. Give --run or --model."
            )
        name = model or listing_model(Path(results)) or USUAL_MODEL
        if name not in available:
            raise UserError(f"{results}: there is no model {name!r}, only {', '.join(available)}.")
        calibration = folder / f"{name}.calibration.parquet"
        return cls.from_files(folder / f"{name}.safetensors", calibration if calibration.is_file() else None)

    def predict(self, objects: Mapping[str, float], missing: int = 5, explain: bool = True) -> Prediction:
        """Predict for one scene.

        Args:
            objects: for each class in the scene, the probability that it is there, 0 to 1. A person, whom most models do
                not predict, is no mistake.
            missing: number of absent classes to name.
            explain: whether each class gets an explanation. An ensemble is explained by Shapley values, whose cost grows
                with the number of classes in the scene: without, an answer takes less than a millisecond.

        Returns:
            Of scenes with none or one class there is nothing to compare: no class has a probability, and none is missing.

        Raises:
            UserError: a class is unknown, or a probability is not between 0 and 1.
        """
        objects, remarks = self._known(objects)
        presence = self._presence(objects)
        if np.count_nonzero(presence) < FEWEST_CLASSES:
            what = "objects of one class" if presence.any() else "no objects"
            remarks.insert(0, f"nothing to compare: {what}")
            unjudged = [ClassPrediction(name, None, None, None, "") for name in objects]
            return Prediction(unjudged, [], "; ".join(remarks))
        log_odds = self.model.log_odds(presence)[self.variant][0].astype(np.float64)
        present = np.array([self.model.classes.index(name) for name in objects], np.intp)
        absent = np.setdiff1d(np.arange(len(self.model.classes)), present)
        present = present[np.argsort(log_odds[present], kind="stable")]
        absent = absent[np.argsort(-log_odds[absent], kind="stable")][:missing]
        texts = self._explanations(presence, np.append(present, absent)) if explain else {}
        return Prediction(
            self._of_classes(presence, log_odds, present, True, texts),
            self._of_classes(presence, log_odds, absent, False, texts),
            "; ".join(remarks) or None,
        )

    def predict_many(
        self, scenes: Iterable[Mapping[str, float]], missing: int = 5, explain: bool = True
    ) -> Iterator[Prediction]:
        """Predict for one scene after another.

        Args:
            scenes: for each scene, its classes as `predict` takes them.
            missing: number of absent classes to name.
            explain: whether each class gets an explanation.

        Yields:
            A prediction for each scene, as soon as the scene is there.

        Raises:
            UserError: a class is unknown, or a probability is not between 0 and 1.
        """
        for objects in scenes:
            yield self.predict(objects, missing, explain)

    def predict_lines(
        self, lines: Iterable[tuple[int, bytes | None]], missing: int = 5, explain: bool = True
    ) -> Iterator[Prediction]:
        """Predict for each line of a stream, whatever is in it.

        Args:
            lines: number and content of each line, as `runtime.lines.lines_of` gives them.
            missing: number of absent classes to name.
            explain: whether each class gets an explanation.

        Yields:
            A prediction for each line, as soon as the line is there; what is wrong with the line is its ``error``, and what
            can be understood of it is predicted.
        """
        for number, line in lines:
            try:
                if line is None:
                    raise UserError(f"a line of at most {LONGEST_LINE:,} bytes was expected.")
                objects = read_objects(line.decode())
            except (UserError, UnicodeDecodeError) as error:
                yield Prediction([], [], None, number, InputProblem("bad_line", f"line {number}: {error}"))
                continue
            usable: dict[str, float] = {}
            problems: list[InputProblem] = []
            for name, probability in self._known(objects)[0].items():
                try:
                    self._presence({name: probability})
                    usable[name] = probability
                except UserError as error:
                    kind = "out_of_range" if name in self.model.classes else "unknown_class"
                    problems.append(InputProblem(kind, str(error), (name,)))
            people = {name: 1.0 for name in objects if name in LEFT_OUT and name not in self.model.classes}
            prediction = self.predict({**usable, **people}, missing, explain)
            yield replace(prediction, line=number, error=one_problem(problems))

    def _known(self, objects: Mapping[str, float]) -> tuple[dict[str, float], list[str]]:
        """Return the objects by the names that the model has for them, without those that it leaves out; and remarks."""
        found: dict[str, float] = {}
        remarks = []
        for name, probability in objects.items():
            as_name = name if name in self.model.classes else self._spellings.get(plain_name(name), name)
            if name != as_name:
                remarks.append(f"{name} is taken as {as_name}")
            if as_name in LEFT_OUT and as_name not in self.model.classes:
                remarks.append(f"not judged: {name}")
                continue
            found[as_name] = max(probability, found.get(as_name, probability))
        return found, remarks

    @cached_property
    def _spellings(self) -> dict[str, str]:
        """The class that each other spelling of it means."""
        return spellings((*self.model.classes, *LEFT_OUT))

    def _presence(self, objects: Mapping[str, float]) -> Float[np.ndarray, "1 C"]:
        classes = self.model.classes
        presence = np.zeros((1, len(classes)), np.float32)
        for name, probability in objects.items():
            if name not in classes:
                close = get_close_matches(name, classes, 3, 0.5)
                hint = f"did you mean {' or '.join(close)}?" if close else f"it knows {', '.join(classes)}."
                raise UserError(f"{name!r} is no class of model {self.model.name!r}: {hint}")
            if not 0 <= probability <= 1:
                raise UserError(f"{name!r}: a probability from 0 to 1 was expected, found {probability}.")
            presence[0, classes.index(name)] = probability
        return presence

    def _explanations(self, presence: Float[np.ndarray, "1 C"], targets: Int[np.ndarray, " F"]) -> dict[int, str]:
        """Return the explanation of some classes of a scene; together they take little longer than one."""
        found = explain(self.model, self.variant, np.repeat(presence, len(targets), axis=0), targets)
        return {int(c): found.text(i, self.model.classes) for i, c in enumerate(targets)}

    def _of_classes(
        self,
        presence: Float[np.ndarray, "1 C"],
        log_odds: Float[np.ndarray, " C"],
        targets: Int[np.ndarray, " F"],
        present: bool,
        texts: Mapping[int, str],
    ) -> list[ClassPrediction]:
        if not len(targets):
            return []
        p_values: Sequence[float | None] = [None] * len(targets)
        # A smaller scene than those of the calibration is not exchangeable with them.
        if self.calibration is not None and np.count_nonzero(presence) >= self.calibration.minimum_classes:
            p_value = self.calibration.unexpected if present else self.calibration.missing
            p_values = p_value(log_odds[targets]).tolist()
        probability = expit(log_odds[targets])
        infer = posterior.added if present else posterior.removed
        changed, _ = infer(log_odds[None], presence > 0, self.clean_share)
        return [
            ClassPrediction(
                category=self.model.classes[c],
                probability=float(probability[i]),
                p_value=p_values[i],
                changed=float(changed[0, c]),
                explanation=texts.get(int(c), ""),
            )
            for i, c in enumerate(targets)
        ]


def read_objects(given: list[str] | str) -> dict[str, float]:
    """Read the classes of a scene.

    Args:
        given: a list of names and of CLASS=PROBABILITY, or text: names separated by commas, or a JSON object of class and
            probability.

    Returns:
        The probability of each class; 1 where none is given.

    Raises:
        UserError: it is none of these.
    """
    if isinstance(given, str):
        given = given.strip().removeprefix("\ufeff")
        if given.startswith("{"):
            try:
                found = json.loads(given)
                return {str(name): float(value) for name, value in found.items()}
            except (ValueError, TypeError, OverflowError, RecursionError, AttributeError) as error:
                raise UserError(
                    f"{shortened(given, LONGEST_SHOWN)}: a JSON object of class and probability was expected ({error})."
                ) from error
        given = [name.strip() for name in given.split(",") if name.strip()]
    objects = {}
    for entry in given:
        name, equals, value = entry.rpartition("=")
        try:
            objects[name if equals else entry] = float(value) if equals else 1.0
        except ValueError as error:
            raise UserError(f"{entry!r}: CLASS=PROBABILITY was expected, as cup=0.7.") from error
    return objects


def as_table(prediction: Prediction) -> str:
    """Return a prediction as a table for a terminal."""
    if prediction.note is not None and all(found.probability is None for found in prediction.objects):
        return prediction.note
    lines = [f"{'in the scene':<20} {'probability':>11} {'p-value':>8} {'P(added)':>11}  explanation"]
    lines += [_line(found) for found in prediction.objects]
    if prediction.missing:
        lines += ["", f"{'not in it':<20} {'probability':>11} {'p-value':>8} {'P(removed)':>11}  explanation"]
        lines += [_line(found) for found in prediction.missing]
    if prediction.note is not None:
        lines += ["", prediction.note]
    return "\n".join(lines)


def _line(found: ClassPrediction) -> str:
    p_value = "" if found.p_value is None else _four_digits(found.p_value)
    numbers = f"{_four_digits(found.probability or 0):>11} {p_value:>8} {found.changed or 0:>11.3f}"
    return f"{found.category:<20} {numbers}  {found.explanation}".rstrip()


def _four_digits(share: float) -> str:
    """Write a share with four decimals, and one that these would make zero with an exponent."""
    return f"{share:.4f}" if share >= 0.0001 or not share else f"{share:.1e}"
