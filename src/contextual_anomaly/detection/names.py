"""Match the outputs of a network with the classes of the data set, by name."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from contextual_anomaly.coco.classes import OTHER_WORD, plain_name
from contextual_anomaly.detection.text_files import read_text
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import require_file

SHOWN = 10  # names in one message


def read_names(path: str | Path) -> list[str]:
    """Read class names from a text file, one a line, or from a YAML file with `names` as Ultralytics has it.

    Empty lines at the end do not count. Byte order marks and other encodings than UTF-8 are understood.

    Raises:
        UserError: The file is missing, is not text, or is YAML without a list of names.
    """
    path = require_file(path, "a text file with one class name a line")
    text = read_text(path)
    if text is None:
        raise UserError(f"{path}: not a text file; one class name a line was expected.")
    if path.suffix.lower() in (".yaml", ".yml"):
        return _names_of_yaml(path, text)
    return [line.strip() for line in text.rstrip().splitlines()]


def _names_of_yaml(path: Path, text: str) -> list[str]:
    """Return the entry `names`, a list or a mapping from number to name; the whole document may be the list."""
    from contextual_anomaly.runtime.yaml_text import NotYaml, read_yaml

    try:
        content = read_yaml(text)
    except NotYaml as error:
        raise UserError(f"{path}: not readable as YAML ({error}).") from error
    names = content.get("names") if isinstance(content, dict) else content
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not names or not all(isinstance(name, str | int | float) for name in names):
        raise UserError(f"{path}: a list `names`, or a mapping from 0, 1, … to names, was expected in this YAML file.")
    return [str(name) for name in names]


def match_names(names: list[str], names_of: str, outputs: int, classes: list[str]) -> np.ndarray:
    """Find the class of the data set for each output of the network.

    Names match without regard to case, `_`, `-` and spaces, where no class has the very name; of those in `SPELLINGS`
    either will do.

    Args:
        names: Of the outputs, in their order.
        names_of: Where the names come from, for messages.
        outputs: Number of classes in the network's output.
        classes: Names of the data set's classes.

    Returns:
        [outputs] the index in ``classes``.

    Raises:
        UserError: The number of names is wrong, or a name matches no class or the same as another.
    """
    if len(names) != outputs:
        raise UserError(
            f"{names_of}: {len(names)} class names, but the network's output has {outputs} classes. "
            "Give a file with one name a line, in the order of the network's classes, as --names."
        )
    by_plain: dict[str, list[str]] = {}
    for name in classes:
        by_plain.setdefault(plain_name(name), []).append(name)

    def match(name: str) -> str | None:
        if name in classes:
            return name
        plain = plain_name(name)
        same = by_plain.get(plain) or by_plain.get(OTHER_WORD.get(plain, ""), [])
        return same[0] if len(same) == 1 else None

    matched = [match(name) for name in names]
    unknown = [name for name, found in zip(names, matched, strict=True) if found is None]
    if unknown:
        unused = [name for name in classes if name not in matched]
        shown = ", ".join(_with_suggestion(name, unused) for name in unknown[:SHOWN]) + _more(unknown)
        raise UserError(
            f"{names_of}: {shown} is no class of the data set; of the data set's classes these have no output: "
            f"{', '.join(map(repr, unused[:SHOWN])) + _more(unused) or 'none'}. Rename them in a file given as --names."
        )
    if len(set(matched)) < len(matched):
        twice = sorted({str(name) for name in matched if matched.count(name) > 1})
        raise UserError(f"{names_of}: {', '.join(map(repr, twice))} is there more than once, names must differ.")
    return np.array([classes.index(str(name)) for name in matched])


def _with_suggestion(name: str, unused: list[str]) -> str:
    """Return a name in quotes, with the most similar of the data set's unused names."""
    near = get_close_matches(plain_name(name), [plain_name(other) for other in unused], n=1, cutoff=0.7)
    meant = next((other for other in unused if near and plain_name(other) == near[0]), None)
    return f"{name!r} (did you mean {meant!r}?)" if meant else repr(name)


def _more(names: Sequence[str]) -> str:
    """Return how many names are not shown."""
    return f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
