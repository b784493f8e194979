"""The families, and models in and out of files. A new family is one file in `models/families/`.

A family's file has

- `Settings`, with a `family` of the file's name, which the configuration takes;
- `fit(data, name, settings, threads)`, which gives a `data.Fitted`, unless another command makes the model;
- `load(metadata, tensors)`, which gives the model again from what its `state()` was.
"""

import json
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
from pydantic import ValidationError

from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.models.settings import Section
from contextual_anomaly.models.store import read_model, save_model

FAMILIES = tuple(sorted(p.stem for p in (Path(__file__).parent / "families").glob("*.py") if p.stem != "__init__"))


@cache
def family(name: str) -> ModuleType:
    """The module of a family."""
    return import_module(f"contextual_anomaly.models.families.{name}")


def with_settings() -> list[ModuleType]:
    """The families that can be configured."""
    return [family(name) for name in FAMILIES if hasattr(family(name), "Settings")]


def read_settings(text: str) -> Section:
    """A family's settings from JSON.

    Raises:
        UserError: it is no JSON, the family is unknown, or a setting is wrong.
    """
    try:
        values = json.loads(text)
        known = {module.__name__.rsplit(".", 1)[-1]: module for module in with_settings()}
        if not isinstance(values, dict) or values.get("family") not in known:
            raise UserError(f"--settings {text}: a family was expected, one of {', '.join(known)}.")
        return known[values["family"]].Settings.model_validate(values)
    except json.JSONDecodeError as error:
        raise UserError(f"--settings {text}: JSON was expected ({error}).") from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, p['loc']))}: {p['msg']}, found {p['input']!r}" for p in error.errors()]
        raise UserError(f"--settings: {'; '.join(problems)}") from error


def load_model(path: str | Path) -> ContextModel:
    """The context model at ``path``, whatever its family.

    Raises:
        UserError: the file is missing, unreadable, or of a family that this version does not know.
    """
    metadata, tensors = read_model(path)
    if metadata["family"] not in FAMILIES:
        raise UserError(
            f"{path}: model family {metadata['family']!r} is unknown, expected one of {', '.join(FAMILIES)}."
        )
    return model_of(metadata, tensors)


def model_of(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> ContextModel:
    """The model of a `full_state`."""
    return family(metadata["family"]).load(metadata, tensors)


def full_state(model: ContextModel) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """A model's state, with what every family has."""
    metadata, tensors = model.state()
    common = {"family": model.family, "name": model.name, "classes": json.dumps(model.classes)}
    return {**common, **metadata}, tensors


def save(model: ContextModel, path: str | Path, made_from: dict[str, str] | None = None) -> None:
    """Write a model; ``made_from`` says how it was fitted."""
    metadata, tensors = full_state(model)
    save_model(path, tensors, {**metadata, **(made_from or {})})
