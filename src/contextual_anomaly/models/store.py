"""Model files: tensors and text in one `.safetensors`, never a pickle; with a digest of both."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import atomic_write, require_file
from contextual_anomaly.runtime.provenance import made_by

# One entry: safetensors writes several in a different order every time.
METADATA = "contextual_anomaly"
DIGEST = "sha256"
"""Entry of the metadata: `digest` of all else."""


def digest(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> str:
    """Return the SHA-256 digest of text and tensors, 64 hexadecimal digits.

    Args:
        metadata: text by name.
        tensors: arrays by name.
    """
    found = sha256(json.dumps(metadata, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        tensor = np.ascontiguousarray(tensor)  # a single number is one of one number, as in the file
        found.update(json.dumps([name, tensor.dtype.str, tensor.shape]).encode())
        found.update(tensor.data)
    return found.hexdigest()


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
        stamped[DIGEST] = digest(stamped, contiguous)
        # Not save_file, whose files only their owner may read.
        temporary.write_bytes(save(contiguous, metadata={METADATA: json.dumps(stamped, sort_keys=True)}))


def read_model(path: str | Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Return metadata and tensors of a model file.

    Args:
        path: the file.

    Raises:
        UserError: the file is missing, damaged, or is not a model of this project.
    """
    require_file(path, "a model file of an earlier stage")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = json.loads((file.metadata() or {}).get(METADATA, "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
        expected = metadata.pop(DIGEST, None)
    except (SafetensorError, ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path}: not a readable safetensors file, or damaged ({error}). Delete it and run again."
        ) from error
    if not (isinstance(metadata, dict) and {"family", "classes"} <= metadata.keys()):
        raise UserError(f"{path}: a safetensors file, but no context model: its metadata lacks family and classes.")
    if expected is None:  # a file of an earlier version; or the name of the entry is what has changed
        others = {name: {k: v for k, v in metadata.items() if k != name} for name in metadata}
        changed = any(
            len(metadata[name]) == 64 and metadata[name] == digest(others[name], tensors) for name in metadata
        )
    else:
        changed = expected != digest(metadata, tensors)
    if changed:
        raise UserError(f"{path}: damaged, its content is not that of its digest. Delete it and run again.")
    return metadata, tensors


def in_half_precision(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the tensors with half as many bits for each floating-point number, float32 as float16.

    Args:
        tensors: arrays by name.

    Raises:
        UserError: a number is too large for half of its bits.
    """
    halved = {}
    for name, tensor in tensors.items():
        if tensor.dtype not in (np.float32, np.float64):
            halved[name] = tensor
            continue
        with np.errstate(over="ignore"):
            halved[name] = tensor.astype(np.float16 if tensor.dtype == np.float32 else np.float32)
        if not np.isfinite(halved[name]).all():
            raise UserError(f"tensor {name}: a number is too large for {halved[name].dtype}.")
    return halved
