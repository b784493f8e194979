"""Model files: tensors and text in one `.safetensors`, never a pickle."""

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save

from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import atomic_write, require_file
from contextual_anomaly.runtime.provenance import made_by

# One entry: safetensors writes several in a different order every time.
METADATA = "contextual_anomaly"


def write_model(path: str | Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Write a model file atomically.

    Args:
        path: the file to write.
        tensors: the model's arrays.
        metadata: text; at least "family" and "classes" (JSON).
    """
    with atomic_write(path) as temporary:
        contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        stamped = {**made_by(), **metadata}
        # Not save_file, whose files only their owner may read.
        temporary.write_bytes(save(contiguous, metadata={METADATA: json.dumps(stamped, sort_keys=True)}))


def read_model(path: str | Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Return metadata and tensors of a model file.

    Args:
        path: the file.

    Raises:
        UserError: the file is missing, or is not a model of this project.
    """
    metadata = read_metadata(path)
    return metadata, load_file(path)


def read_metadata(path: str | Path) -> dict[str, str]:
    """Return the metadata of a model file.

    Args:
        path: the file.

    Raises:
        UserError: the file is missing, or is not a model of this project.
    """
    require_file(path, "a model file of an earlier stage")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = json.loads((file.metadata() or {}).get(METADATA, "{}"))
    except SafetensorError as error:
        raise UserError(f"{path}: not a readable safetensors file ({error}). Delete it and run again.") from error
    if "family" not in metadata or "classes" not in metadata:
        raise UserError(f"{path}: a safetensors file, but no context model: its metadata lacks family and classes.")
    return metadata
