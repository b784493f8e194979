"""Which file holds which family; a new family is one file and one line here."""

from importlib import import_module
from pathlib import Path

from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.models.store import read_model

FAMILIES = ("autoencoder", "frequency", "oracle")


def load_model(path: str | Path) -> ContextModel:
    """The context model at ``path``, whatever its family.

    Raises:
        UserError: the file is missing, unreadable, or of a family that this version does not know.
    """
    metadata, _ = read_model(path)
    if metadata["family"] not in FAMILIES:
        raise UserError(
            f"{path}: model family {metadata['family']!r} is unknown, expected one of {', '.join(FAMILIES)}."
        )
    return import_module(f"contextual_anomaly.models.{metadata['family']}").load(path)
