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


def save_model(path: str | Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Write a model aside and rename it; ``metadata`` names at least its "family" and "classes" (JSON)."""
    with atomic_write(path) as temporary:
        contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        stamped = {**made_by(), **metadata}
        # Not save_file, which lets nobody but the owner read the file.
        temporary.write_bytes(save(contiguous, metadata={METADATA: json.dumps(stamped, sort_keys=True)}))


def read_model(path: str | Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Metadata and tensors of the model at ``path``.

    Raises:
        UserError: it is missing, or is not a model of this project.
    """
    require_file(path, "a model file of an earlier stage")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = json.loads((file.metadata() or {}).get(METADATA, "{}"))
        tensors = load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path}: not a readable safetensors file ({error}). Delete it and run again.") from error
    if "family" not in metadata or "classes" not in metadata:
        raise UserError(f"{path}: a safetensors file, but no context model: its metadata lacks family and classes.")
    return metadata, tensors
