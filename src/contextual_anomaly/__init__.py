"""Which objects are unexpected in an image, and which expected ones are missing.

The names below are imported when they are first used, so that importing the package costs nothing; `__init__.pyi` says
where they are.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

__all__ = [
    "Calibration",
    "CheckResult",
    "Checker",
    "ContextAnomalyDetector",
    "ContextModel",
    "Prediction",
    "Predictor",
    "Rates",
    "Scenes",
    "Thresholds",
    "UserError",
    "__version__",
    "count_instances",
    "find_label_issues",
    "list_anomalies",
    "load",
    "load_model",
    "read_calibration",
    "read_coco",
    "read_scenes",
    "save_model",
    "watch",
]

_MODULES = {
    "Calibration": "models.calibration",
    "CheckResult": "checking.results",
    "Checker": "checking.checker",
    "ContextAnomalyDetector": "models.estimator",
    "ContextModel": "models.base",
    "Prediction": "predict",
    "Predictor": "predict",
    "Rates": "anomalies",
    "Scenes": "scenes",
    "Thresholds": "anomalies",
    "UserError": "errors",
    "count_instances": "scenes",
    "find_label_issues": "audit.label_issues",
    "list_anomalies": "anomalies",
    "load": "checking.checker",
    "load_model": "models.registry",
    "read_calibration": "models.calibration",
    "read_coco": "coco.reader",
    "read_scenes": "scenes",
    "save_model": "models.registry",
    "watch": "watching.run",
}
_NAMES_THERE = {"read_coco": "read_instances", "save_model": "save"}  # where the module has another name


def __getattr__(name: str) -> Any:
    """Import a public name on its first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), _NAMES_THERE.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, imported or not."""
    return sorted({*globals(), *__all__})
