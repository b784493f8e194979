"""Which class of the data set each output of a network is: matched by name, never by position."""

from pathlib import Path

import numpy as np

from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import require_file

SPELLINGS = (
    ("airplane", "aeroplane"),
    ("couch", "sofa"),
    ("dining table", "diningtable"),
    ("motorcycle", "motorbike"),
    ("potted plant", "pottedplant"),
    ("tv", "tvmonitor"),
)
"""The same class in COCO 2017's annotations and in Darknet's coco.names, which keeps to Pascal VOC's words."""


def read_names(path: str | Path) -> list[str]:
    """The names in a text file, one a line; empty lines at the end do not count.

    Raises:
        UserError: the file is missing or is not text.
    """
    try:
        text = require_file(path, "a text file with one class name a line").read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text file; one class name a line was expected.") from error
    return [line.strip() for line in text.rstrip().splitlines()]


def match_names(names: list[str], names_of: str, outputs: int, classes: list[str]) -> np.ndarray:
    """[outputs] the index in ``classes``, the data set's names, of each output of the network.

    Args:
        names: of the outputs, in their order; of those in `SPELLINGS` either will do.
        names_of: where the names come from, for messages.

    Raises:
        UserError: a number or a name does not match.
    """
    if len(names) != outputs:
        raise UserError(
            f"{names_of}: {len(names)} class names, but the network's output has {outputs} classes. "
            "Give a file with one name a line, in the order of the network's classes, as --names."
        )
    other = {a: b for pair in SPELLINGS for a, b in (pair, pair[::-1])}
    names = [other[name] if name not in classes and other.get(name) in classes else name for name in names]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise UserError(f"{names_of}: {', '.join(map(repr, twice))} is there more than once, names must differ.")
    unknown = [name for name in names if name not in classes]
    if unknown:
        unused = [name for name in classes if name not in names]
        raise UserError(
            f"{names_of}: {', '.join(map(repr, unknown))} is no class of the data set; of the data set's classes these "
            f"have no output: {', '.join(map(repr, unused)) or 'none'}. Rename them in a file given as --names."
        )
    return np.array([classes.index(name) for name in names])
