"""Which extra of this package installs a package that is missing."""

import re

DISTRIBUTION = "contextual-anomaly"
DISTRIBUTIONS = {"google": "onnx", "paho": "paho-mqtt", "sklearn": "scikit-learn", "yaml": "pyyaml"}
"""What installs modules that are called otherwise."""


def installation_advice(module: str | None) -> str:
    """Say in one line how to install what is missing.

    Args:
        module: the module that could not be imported, as `ModuleNotFoundError.name` has it.

    Returns:
        The line, or "" if no extra of this package installs the module.
    """
    from importlib.metadata import PackageNotFoundError, requires  # a tenth of the time that a command takes to start

    top = (module or "").partition(".")[0]
    wanted = DISTRIBUTIONS.get(top, top).lower()
    try:
        requirements = requires(DISTRIBUTION) or []
    except PackageNotFoundError:  # the source alone is on the path
        return ""
    for requirement in requirements:
        name = re.match(r"[\w.-]+", requirement)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
        if name and extra and name[0].lower() == wanted:
            return f"this needs the package {wanted}, which is not installed: pip install '{DISTRIBUTION}[{extra[1]}]'."
    return ""
