"""Which extra of this package installs a package that is missing."""

import re
from collections import Counter

DISTRIBUTION = "contextual-anomaly"
DISTRIBUTIONS = {"google": "onnx", "paho": "paho-mqtt", "sklearn": "scikit-learn", "yaml": "pyyaml"}
"""What installs modules that are called otherwise."""


def installation_advice(module: str | None) -> str:
    """Say in one line how to install what is missing.

    Args:
        module: the module that could not be imported, as `ModuleNotFoundError.name` has it.

    Returns:
        The line, which names the smallest extra that has it, or "" if no extra of this package installs the module.
    """
    from importlib.metadata import PackageNotFoundError, requires  # a tenth of the time that a command takes to start

    top = (module or "").partition(".")[0]
    wanted = DISTRIBUTIONS.get(top, top).lower()
    try:
        requirements = requires(DISTRIBUTION) or []
    except PackageNotFoundError:  # the source alone is on the path
        return ""
    parts = [re.match(r"([\w.-]+).*extra == ['\"]([\w-]+)['\"]", requirement) for requirement in requirements]
    packages = [(part[1].lower(), part[2]) for part in parts if part]
    size = Counter(extra for _, extra in packages)
    smallest = min((extra for package, extra in packages if package == wanted), key=size.__getitem__, default=None)
    if smallest is None:
        return ""
    return f"this needs the package {wanted}, which is not installed: pip install '{DISTRIBUTION}[{smallest}]'."
