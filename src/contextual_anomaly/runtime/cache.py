"""The user's cache folder: what can be made or fetched again."""

import os
from pathlib import Path


def cache_folder() -> Path | None:
    """Return the folder of this program in the user's cache, by the XDG Base Directory Specification.

    Returns:
        `$XDG_CACHE_HOME/contextual-anomaly`, or `~/.cache/contextual-anomaly`; None for a user without a home, as in some
        containers. The folder need not be there.
    """
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "contextual-anomaly"
    except RuntimeError:
        return None
