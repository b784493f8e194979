"""Find, fit, save and load the families of context models.

A new family is one file in `models/families/`, or a module of another distribution that is named by an entry point:

    [project.entry-points."contextual_anomaly.families"]
    my_family = "my_package.my_module"

The module of a family defines

- `Settings`, a `models.settings.Section` with a `family` of the family's name, from which the configuration takes its
  settings;
- `fit(data, name, settings, threads)`, which returns a `data.Fitted`;
- `load(metadata, tensors)`, which restores the model from its `state()`.

A family without `Settings` cannot be configured: another command makes its model.
"""

import json
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

import numpy as np
from pydantic import ValidationError

from contextual_anomaly.errors import UserError
from contextual_anomaly.models import store
from contextual_anomaly.models.base import ContextModel, variant_index
from contextual_anomaly.models.data import Fitted, TrainingData
from contextual_anomaly.models.settings import Section
from contextual_anomaly.models.store import read_model, write_model
from contextual_anomaly.runtime.safe_text import short_repr

FAMILIES = tuple(sorted(p.stem for p in (Path(__file__).parent / "families").glob("*.py") if p.stem != "__init__"))
"""The families of this package."""

ENTRY_POINTS = "contextual_anomaly.families"


@cache
def external_families() -> dict[str, EntryPoint]:
    """Return the families of other installed distributions by name; a name of this package cannot be taken."""
    return {found.name: found for found in entry_points(group=ENTRY_POINTS) if found.name not in FAMILIES}


def family_names() -> tuple[str, ...]:
    """Return the names of all families."""
    return (*FAMILIES, *sorted(external_families()))


def module_of_family(name: str) -> str:
    """Return the name of the module of a family, without importing it.

    Args:
        name: one of `family_names`.

    Raises:
        UserError: there is no such family.
    """
    if name in FAMILIES:
        return f"contextual_anomaly.models.families.{name}"
    if name in external_families():
        return external_families()[name].module
    raise UserError(f"model family {name!r} is unknown, expected one of {', '.join(family_names())}.")


@cache
def family(name: str) -> ModuleType:
    """Return the module of a family.

    Args:
        name: one of `family_names`.

    Raises:
        UserError: there is no such family.
    """
    return import_module(module_of_family(name))


def configurable_families() -> dict[str, ModuleType]:
    """Return the modules of the families that have settings, by name."""
    return {name: family(name) for name in family_names() if hasattr(family(name), "Settings")}


def read_settings(text: str) -> Section:
    """Read a family's settings from JSON.

    Args:
        text: a JSON object with a "family" and settings of it; settings that are left out have their defaults.

    Raises:
        UserError: the text is no JSON, the family is unknown, or a setting is wrong.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"--settings {text}: JSON was expected ({error}).") from error
    known = configurable_families()
    if not isinstance(values, dict) or values.get("family") not in list(known):  # in a list, as it may be any value
        raise UserError(f"--settings {text}: a family was expected, one of {', '.join(known)}.")
    try:
        return known[values["family"]].Settings.model_validate(values)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, p['loc']))}: {p['msg']}, found {short_repr(p['input'])}" for p in error.errors()
        ]
        raise UserError(f"--settings: {'; '.join(problems)}") from error


def family_of(settings: Section) -> str:
    """Return the family of some settings."""
    return settings.model_dump()["family"]


def fit(data: TrainingData, name: str, settings: Section, threads: int = 1) -> Fitted:
    """Fit a model.

    Args:
        data: the training data.
        name: the model's name.
        settings: the family and its settings, as from `read_settings`.
        threads: processor cores to use; their number changes no result.
    """
    return family(family_of(settings)).fit(data, name, settings, threads)


def load_model(path: str | Path) -> ContextModel:
    """Load a context model of any family.

    >>> import contextual_anomaly as ca
    >>> detector = ca.ContextAnomalyDetector("naive_bayes").fit([[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1]] * 9)
    >>> ca.save_model(detector.model_, "model.safetensors")
    >>> model = ca.load_model("model.safetensors")
    >>> model.family, model.classes
    ('naive_bayes', ('x0', 'x1', 'x2'))

    Args:
        path: a `.safetensors` file that `fit` wrote.

    Raises:
        UserError: the file is missing, damaged, of an unknown family, or of another version.
    """
    return _of_file(path, *read_model(path))


def load_variant(path: str | Path, bottleneck: int | None = None) -> tuple[ContextModel, int]:
    """Load a context model, and choose which of its variants answers.

    Args:
        path: a `.safetensors` file that `fit` wrote.
        bottleneck: of the variant, for a sweep; by default the one that was chosen when it was fitted.

    Returns:
        The model, and the index of the variant.

    Raises:
        UserError: as `load_model`, or there is no such variant.
    """
    metadata, tensors = read_model(path)
    model = _of_file(path, metadata, tensors)
    if bottleneck is None:
        bottleneck = json.loads(metadata.get("family_settings", "{}")).get("chosen_bottleneck")
    return model, variant_index(model, bottleneck)


def _of_file(path: str | Path, metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> ContextModel:
    """Return the model of a file's content; see `load_model`."""
    if metadata["family"] not in family_names():
        raise UserError(
            f"{path}: model family {metadata['family']!r} is unknown, expected one of {', '.join(family_names())}."
        )
    try:
        model = from_state(metadata, tensors)
        answer = model.log_odds(np.zeros((1, len(model.classes)), np.float32))
    except KeyError as error:
        raise UserError(
            f"{path}: a model of another version of this package, it lacks {error}. Fit it again: delete the file and run "
            "the workflow, or `contextual-anomaly fit`."
        ) from error
    except (ValueError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{path}: damaged, its parts do not fit together ({error}). Delete it and run again."
        ) from error
    if problem := _problem(model, tensors, answer):
        raise UserError(f"{path}: damaged, {problem}. Delete it and run again.")
    return model


def _problem(model: ContextModel, tensors: dict[str, np.ndarray], answer: np.ndarray) -> str:
    """Return what is wrong with a model that was read, or "": names, shapes and numbers.

    Args:
        model: what was read.
        tensors: of its file.
        answer: [M, 1, C] its log-odds for an empty scene.
    """
    if not all(isinstance(name, str) and name for name in model.classes) or len(set(model.classes)) != len(
        model.classes
    ):
        return "its class names are not different texts"
    if answer.shape != (len(model.variants), 1, len(model.classes)):
        return f"it answers in the shape {answer.shape} for {len(model.variants)} variants and {len(model.classes)} classes"
    unbounded = [name for name, tensor in tensors.items() if not np.isfinite(tensor).all()]
    if unbounded or not np.isfinite(answer).all():
        return f"there are numbers in it that are not finite, in {', '.join(unbounded[:5]) or 'its answer'}"
    return ""


def from_state(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> ContextModel:
    """Restore the model of a `full_state`."""
    return family(metadata["family"]).load(metadata, tensors)


def full_state(model: ContextModel) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Return a model's state with its family, name and classes."""
    metadata, tensors = model.state()
    common = {"family": model.family, "name": model.name, "classes": json.dumps(model.classes)}
    return {**common, **metadata}, tensors


def digest(model: ContextModel) -> str:
    """Return the SHA-256 digest of all that a model answers from, the same before it is saved and after it is loaded."""
    return store.digest(*full_state(model))


def save(model: ContextModel, path: str | Path, made_from: dict[str, str] | None = None) -> None:
    """Write a model.

    >>> import contextual_anomaly as ca
    >>> detector = ca.ContextAnomalyDetector("frequency").fit([[1, 0], [0, 1], [1, 1], [1, 0]] * 9)
    >>> ca.save_model(detector.model_, "frequency.safetensors")

    Args:
        model: the model.
        path: the `.safetensors` file.
        made_from: text that says how the model was fitted, kept in the file's metadata.
    """
    metadata, tensors = full_state(model)
    write_model(path, tensors, {**metadata, **(made_from or {})})
