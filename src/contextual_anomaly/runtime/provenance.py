"""What made an output: package version, command and its settings, seed among them; kept in the file's own metadata."""

import json
from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from pathlib import Path

from contextual_anomaly import __version__

SPREAD = ("threads", "shards")  # how work is divided

_made_by: dict[str, str] = {}


def recorded(command: Callable) -> Callable:
    """``command``, remembering its settings for the files that it writes.

    Paths are left out, and so are the numbers of threads and of shards: none may change a byte of a result. An option
    without a value is left out as well, for it may be a path that was not given.
    """

    @wraps(command)
    def run(**options):
        settings = {
            name: value
            for name, value in options.items()
            if name not in SPREAD and value is not None and not _is_path(value)
        }
        text = json.dumps({"command": command.__name__, **settings}, sort_keys=True, default=str)
        _made_by.update(settings=text, settings_sha256=sha256(text.encode()).hexdigest())
        return command(**options)

    return run


def _is_path(value) -> bool:
    return isinstance(value, Path) or (isinstance(value, list) and any(isinstance(entry, Path) for entry in value))


def made_by() -> dict[str, str]:
    """Metadata of an output: the package's version and, within a command, its settings and their digest."""
    return {"contextual_anomaly_version": __version__, **_made_by}
