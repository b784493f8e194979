"""One scene at a time: which of its objects are odd, which classes are missing, and why. For live use."""

import json
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import yaml

from contextual_anomaly.errors import UserError
from contextual_anomaly.models import posterior
from contextual_anomaly.models.base import ContextModel, variant_index
from contextual_anomaly.models.calibration import Calibration, read_calibration
from contextual_anomaly.models.explanation import explain
from contextual_anomaly.models.registry import load_model
from contextual_anomaly.stats.log_odds import expit


@dataclass(frozen=True)
class ClassPrediction:
    """What the others say of one class."""

    category: str
    probability: float  # P(present | the others)
    p_value: float | None  # share of genuine cases that look as odd; None without a calibration
    changed: float  # P(it was added, or taken out), were at most one class of the scene
    explanation: str


@dataclass(frozen=True)
class Prediction:
    """Of one scene: its objects, the least expected first, and absent classes, the most expected first."""

    objects: list[ClassPrediction]
    missing: list[ClassPrediction]

    def as_json(self) -> str:
        """In one line."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Predictor:
    """A model that answers for scenes one by one."""

    model: ContextModel
    variant: int
    calibration: Calibration | None
    clean_share: float = 0.9  # of all scenes, before looking at them, those that nothing was added to or taken from

    @classmethod
    def from_files(
        cls, model: str | Path, calibration: str | Path | None = None, bottleneck: int = 10, clean_share: float = 0.9
    ) -> "Predictor":
        """A fitted model and, for p-values, its calibration.

        Raises:
            UserError: a file is missing or not what is expected.
        """
        loaded = load_model(model)
        known = read_calibration(calibration) if calibration else None
        return cls(loaded, variant_index(loaded, bottleneck), known, clean_share)

    @classmethod
    def from_run(cls, results: str | Path, model: str | None = None) -> "Predictor":
        """Return a predictor from the results of a run of the workflow.

        Args:
            results: the folder of the run.
            model: the model's name; by default the first of the setting `anomalies.models`.

        Raises:
            UserError: the folder holds no finished run, or no such model.
        """
        results = Path(results)
        path = results / "configuration.yaml"
        if not path.is_file():
            raise UserError(
                f"{results}: there is no configuration.yaml, so this is not the folder of a finished run. Give --run or --model."
            )
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        name = model or settings["anomalies"]["models"][0]
        weights = results / "models" / f"{name}.safetensors"
        if not weights.is_file():
            there = ", ".join(sorted(file.stem for file in weights.parent.glob("*.safetensors")))
            raise UserError(f"{results}: there is no model {name!r}, only {there or 'none at all'}.")
        bottleneck = settings["models"].get(name, {}).get("chosen_bottleneck", 10)
        return cls.from_files(weights, weights.with_suffix(".calibration.parquet"), bottleneck)

    def predict(self, objects: dict[str, float], missing: int = 5) -> Prediction:
        """Predict for one scene.

        Args:
            objects: class -> how probable it is, 0 to 1.
            missing: how many absent classes to name.

        Raises:
            UserError: a class is unknown, or a probability is not one.
        """
        classes = self.model.classes
        evidence = np.zeros((1, len(classes)), np.float32)
        for name, probability in objects.items():
            if name not in classes:
                close = get_close_matches(name, classes, 3, 0.5)
                hint = f"did you mean {' or '.join(close)}?" if close else f"it knows {', '.join(classes)}."
                raise UserError(f"{name!r} is no class of model {self.model.name!r}: {hint}")
            if not 0 <= probability <= 1:
                raise UserError(f"{name!r}: a probability from 0 to 1 was expected, found {probability}.")
            evidence[0, classes.index(name)] = probability
        odds = self.model.log_odds(evidence)[self.variant][0].astype(np.float64)
        there = np.array([classes.index(name) for name in objects], np.intp)
        absent = np.setdiff1d(np.arange(len(classes)), there)
        there = there[np.argsort(odds[there], kind="stable")]
        absent = absent[np.argsort(-odds[absent], kind="stable")][:missing]
        return Prediction(
            self._predictions(evidence, odds, there, True), self._predictions(evidence, odds, absent, False)
        )

    def _predictions(
        self, evidence: np.ndarray, odds: np.ndarray, asked: np.ndarray, present: bool
    ) -> list[ClassPrediction]:
        if not len(asked):
            return []
        reasons = explain(self.model, self.variant, np.repeat(evidence, len(asked), axis=0), asked)
        known = self.calibration
        p_values = [None] * len(asked)
        if known is not None:
            p_values = (known.unexpected if present else known.missing)(odds[asked]).tolist()
        probability = expit(odds[asked])
        judge = posterior.added if present else posterior.removed
        changed, _ = judge(odds[None], evidence > 0, self.clean_share)
        return [
            ClassPrediction(
                category=self.model.classes[c],
                probability=float(probability[i]),
                p_value=p_values[i],
                changed=float(changed[0, c]),
                explanation=reasons.text(i, self.model.classes),
            )
            for i, c in enumerate(asked)
        ]


def read_objects(said: list[str] | str) -> dict[str, float]:
    """Class -> probability, from names, CLASS=PROBABILITY, names separated by commas, or a JSON object.

    Raises:
        UserError: it is none of these.
    """
    if isinstance(said, str):
        said = said.strip()
        if said.startswith("{"):
            try:
                found = json.loads(said)
                return {str(name): float(value) for name, value in found.items()}
            except (ValueError, TypeError) as error:
                raise UserError(f"{said}: a JSON object of class and probability was expected ({error}).") from error
        said = [name.strip() for name in said.split(",") if name.strip()]
    objects = {}
    for entry in said:
        name, equals, value = entry.rpartition("=")
        try:
            objects[name if equals else entry] = float(value) if equals else 1.0
        except ValueError as error:
            raise UserError(f"{entry!r}: CLASS=PROBABILITY was expected, as cup=0.7.") from error
    return objects


def as_table(answer: Prediction) -> str:
    """For a person at a terminal."""
    lines = [f"{'in the scene':<20} {'probability':>11} {'p-value':>8} {'P(added)':>11}  explanation"]
    lines += [_line(prediction) for prediction in answer.objects]
    if answer.missing:
        lines += ["", f"{'not in it':<20} {'probability':>11} {'p-value':>8} {'P(removed)':>11}  explanation"]
        lines += [_line(prediction) for prediction in answer.missing]
    return "\n".join(lines)


def _line(prediction: ClassPrediction) -> str:
    p_value = "" if prediction.p_value is None else f"{prediction.p_value:.4f}"
    return f"{prediction.category:<20} {prediction.probability:>11.4f} {p_value:>8} {prediction.changed:>11.3f}  {prediction.explanation}".rstrip()
