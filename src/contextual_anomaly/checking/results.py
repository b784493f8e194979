"""What a check answers: plain data, one object from image to JSON.

`SCHEMA` names the form of `CheckResult.to_dict`; a change that a reader could notice gives it another number. It is a
JSON object with these fields, all of them always there:

| field | what it is |
| --- | --- |
| `schema` | `"contextual-anomaly.check/1"` |
| `source` | what was checked: a path, `-` for standard input, or the name that the caller gave |
| `line` | number of the line of a stream, from 1 on; null elsewhere |
| `frame`, `seconds` | number of a video's frame, from 0 on, and when it is shown; null elsewhere |
| `image_id` | of the annotations or detections, as they say it; null where there is none |
| `file_name` | of the image; null where there is none |
| `width`, `height` | of the image in pixels; null where they are not known |
| `model`, `detector` | names of the context model and of the detector; `detector` is null for annotations and names |
| `calibration` | `"detections"`: p-values hold for this detector; `"annotations"`: for objects that people marked; null: no p-values |
| `false_alarms` | `{"unexpected": 0.01, "missing": 0.001}`: the p-values up to which something is flagged |
| `flagged` | whether anything is unexpected or missing |
| `unexpected` | the flagged ones of `objects`, the least probable first |
| `missing` | absent classes that are flagged, the most probable first |
| `objects` | all objects, in the order in which they were given |
| `absent` | the most probable absent classes, flagged or not |
| `ignored` | classes of the input that the model does not judge, such as person |
| `note` | what limits the answer, in words; null if nothing does |
| `error` | `{"kind", "message", "classes"}` of what could not be read; null if all was; what could be read is answered |

An object has `id` (of the annotation, or null), `category`, `score` (the detector's confidence, or null), `box`
(`[x, y, width, height]` in pixels, or null), `probability` (that the class is present, given the other objects), `p_value`
(share of genuine cases that are as unusual), `flagged`, and `attributions`: a list of `{"category", "log_odds"}` that,
with `(base)` and `(rest)`, add up to the log-odds of the probability; empty for what is not flagged. An absent class has
`category`, `probability`, `p_value`, `flagged` and `attributions`. `probability` and `p_value` are null where there is
nothing to compare with.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

from contextual_anomaly.models.attributions import in_words
from contextual_anomaly.runtime.input_problems import InputProblem

SCHEMA = "contextual-anomaly.check/1"
NOTHING_TO_COMPARE = "nothing to compare"
"""How the note of an image begins that has too few classes for an answer."""
NOT_JUDGED = "not judged: "
"""How a note begins that names classes that the model does not know."""


@dataclass(frozen=True)
class Attribution:
    """What one class adds to the log-odds of another.

    Attributes:
        category: the class, or `attributions.BASE` or `REST`.
        log_odds: what it adds; negative speaks against.
    """

    category: str
    log_odds: float


def _in_words(attributions: tuple[Attribution, ...]) -> str:
    return in_words((part.category, part.log_odds) for part in attributions)


@dataclass(frozen=True)
class CheckedObject:
    """One object of an image.

    Attributes:
        category: its class.
        score: the detector's confidence, 0 to 1; None for annotations.
        box: x, y, width and height in pixels; None where there is none.
        id: of the annotation or detection in its file; None where there is none.
        probability: P(its class is present | the other classes); None where the model does not judge it.
        p_value: share of genuine objects that are as unusual; None without a calibration.
        flagged: whether it is unexpected.
        attributions: what the log-odds of its probability are made of; empty unless flagged.
    """

    category: str
    score: float | None = None
    box: tuple[float, float, float, float] | None = None
    id: int | str | None = None
    probability: float | None = None
    p_value: float | None = None
    flagged: bool = False
    attributions: tuple[Attribution, ...] = ()

    @property
    def explanation(self) -> str:
        """The classes that speak most for it and against it: "laptop -4.8, keyboard -4.2"."""
        return _in_words(self.attributions)


@dataclass(frozen=True)
class MissingClass:
    """A class that is not in an image.

    Attributes:
        category: the class.
        probability: P(it is present | the classes that are).
        p_value: share of rightly absent classes that are as probable; None without a calibration.
        flagged: whether it is missing.
        attributions: what the log-odds of its probability are made of; empty unless flagged.
    """

    category: str
    probability: float
    p_value: float | None = None
    flagged: bool = False
    attributions: tuple[Attribution, ...] = ()

    @property
    def explanation(self) -> str:
        """The classes that speak most for it and against it: "fork +1.9, knife +1.2"."""
        return _in_words(self.attributions)


@dataclass(frozen=True)
class FalseAlarms:
    """P-values up to which something is flagged, so that they are the rates of false alarms.

    Attributes:
        unexpected: share of genuine objects that may be flagged.
        missing: share of rightly absent classes that may be flagged.
    """

    unexpected: float = 0.01
    missing: float = 0.001


@dataclass(frozen=True)
class CheckResult:
    """The answer for one image, scene or line; the table at the top of this module says what its JSON means.

    Attributes:
        source: what was checked.
        objects: all objects, in the order in which they were given.
        absent: the most probable absent classes, the most probable first.
        ignored: classes of the input that the model does not judge.
        image_id: of the annotations or detections.
        file_name: of the image.
        width: of the image in pixels.
        height: of the image in pixels.
        line: number of the line of a stream, from 1 on.
        frame: number of a video's frame, from 0 on.
        seconds: when the frame is shown.
        model: name of the context model.
        detector: name of the detector.
        calibration: "detections", "annotations", or None where there are no p-values.
        false_alarms: the p-values up to which something is flagged.
        note: what limits the answer, in words.
        error: what could not be read.
    """

    source: str
    objects: tuple[CheckedObject, ...] = ()
    absent: tuple[MissingClass, ...] = ()
    ignored: tuple[str, ...] = ()
    image_id: int | str | None = None
    file_name: str | None = None
    width: int | None = None
    height: int | None = None
    line: int | None = None
    frame: int | None = None
    seconds: float | None = None
    model: str = ""
    detector: str | None = None
    calibration: str | None = None
    false_alarms: FalseAlarms = field(default_factory=FalseAlarms)
    note: str | None = None
    error: InputProblem | None = None

    @property
    def unexpected(self) -> list[CheckedObject]:
        """The flagged objects, the least probable first."""
        flagged = [found for found in self.objects if found.flagged]
        return sorted(flagged, key=lambda found: 1.0 if found.probability is None else found.probability)

    @property
    def missing(self) -> list[MissingClass]:
        """The flagged absent classes, the most probable first."""
        return [found for found in self.absent if found.flagged]

    @property
    def notes(self) -> list[str]:
        """The parts of the note."""
        return self.note.split("; ") if self.note else []

    @property
    def flagged(self) -> bool:
        """Whether anything is unexpected or missing."""
        return any(found.flagged for found in (*self.objects, *self.absent))

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain values, as JSON has them."""
        objects = [asdict(found) for found in self.objects]
        absent = [asdict(found) for found in self.absent]
        fields = {name: getattr(self, name) for name in _PLAIN}
        return {
            "schema": SCHEMA,
            **fields,
            "ignored": list(self.ignored),
            "false_alarms": asdict(self.false_alarms),
            "flagged": self.flagged,
            "unexpected": [_listed(asdict(found)) for found in self.unexpected],
            "missing": [_listed(asdict(found)) for found in self.missing],
            "objects": [_listed(found) for found in objects],
            "absent": [_listed(found) for found in absent],
            "error": None if self.error is None else _listed(asdict(self.error)),
        }

    def to_json(self) -> str:
        """Return `to_dict` as one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "CheckResult":
        """Return the answer that `to_dict` made these values of.

        >>> from contextual_anomaly.checking.results import CheckedObject, CheckResult
        >>> result = CheckResult("a.jpg", (CheckedObject("cup", 0.9, (1.0, 2.0, 3.0, 4.0)),))
        >>> CheckResult.from_dict(result.to_dict()) == result
        True

        Args:
            values: of the present `SCHEMA`.

        Raises:
            ValueError: they are of another schema.
        """
        if values.get("schema") != SCHEMA:
            raise ValueError(f"answers of the schema {SCHEMA} were expected, found {values.get('schema')!r}")
        error = values["error"]
        return cls(
            objects=tuple(CheckedObject(**_restored(found)) for found in values["objects"]),
            absent=tuple(MissingClass(**_restored(found)) for found in values["absent"]),
            ignored=tuple(values["ignored"]),
            false_alarms=FalseAlarms(**values["false_alarms"]),
            error=None if error is None else InputProblem(**{**error, "classes": tuple(error["classes"])}),
            **{name: values[name] for name in _PLAIN},
        )

    def _repr_html_(self) -> str:
        """Return the answer for a notebook: what is flagged first, then all objects."""
        rows = [
            _row("unexpected", found.category, found.probability, found.p_value, found.explanation)
            for found in self.unexpected
        ]
        rows += [
            _row("missing", found.category, found.probability, found.p_value, found.explanation)
            for found in self.missing
        ]
        rows += [
            _row("", found.category, found.probability, found.p_value, "")
            for found in self.objects
            if not found.flagged
        ]
        remarks = "".join(f"<p>{escape(text)}</p>" for text in (self.note, self.error and self.error.message) if text)
        head = "".join(f"<th>{name}</th>" for name in ("", "class", "probability", "p-value", "because of"))
        return (
            f"<div><p><b>{escape(self.file_name or self.source)}</b></p>{remarks}"
            f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        )


_PLAIN = (
    "source",
    "line",
    "frame",
    "seconds",
    "image_id",
    "file_name",
    "width",
    "height",
    "model",
    "detector",
    "calibration",
    "note",
)
"""The fields that JSON has as they are."""


def _listed(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with lists in place of tuples, as JSON gives them back."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _restored(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a `CheckedObject` or `MissingClass`."""
    restored = {**values, "attributions": tuple(Attribution(**part) for part in values["attributions"])}
    if restored.get("box") is not None:
        restored["box"] = tuple(restored["box"])
    return restored


def _row(kind: str, category: str, probability: float | None, p_value: float | None, explanation: str) -> str:
    """Return one line of the table."""
    numbers = ("" if number is None else f"{number:.3g}" for number in (probability, p_value))
    cells = (kind, category, *numbers, explanation)
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
