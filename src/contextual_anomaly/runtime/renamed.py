"""Settings and sub-commands that had other names before version 0.2, and what they are called now."""

from collections.abc import Mapping
from typing import Any

COMMANDS = {
    "layouts": "object-geometry",
    "ask": "predict",
    "anomalies": "list-anomalies",
    "evaluate": "evaluate-detector",
    "judge-rescoring": "evaluate-rescoring",
    "audit-check": "evaluate-audit",
    "report": "write-report",
}
"""Old sub-command: new one. `ask` still works, as a hidden alias."""

SETTINGS = {
    "world.drawn_images": "world.rendered_images",
    "world.detector_pictures": "world.detector_train_images",
    "world.detector_steps": "world.detector_train_steps",
    "models.masked_layout": "models.masked_geometry",
    "models.*.penalty": "models.*.l2",
    "models.*.sizes": "models.*.max_scene_size",
    "models.*.recipe": "models.*.objective",
    "models.*.layout": "models.*.geometry",
    "models.*.hidden_share": "models.*.mask_rate",
    "models.*.parts": "models.*.estimators",
    "experiments.published_draws": "experiments.n_draws_published",
    "experiments.corrected_draws": "experiments.n_draws_corrected",
    "experiments.bootstrap": "experiments.n_resamples",
    "audit.least_score": "audit.min_score",
    "audit.listed": "audit.max_issues",
    "audit.planted": "audit.label_noise",
}
"""Old setting: new one. `*` stands for the name of any model."""

VALUES = {"dataset.kind": {"embedded": "synthetic"}}
"""Setting: its old values, and what they are called now."""


def renamed_settings(settings: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each old name among the settings.

    Args:
        settings: the configuration as nested dictionaries.
    """
    found = []
    for old, new in SETTINGS.items():
        for path in _matching(settings, old.split(".")):
            name = path[1] if path[0] == "models" else ""
            found.append(f"the setting {'.'.join(path)} is now called {new.replace('*', name)}")
    for setting, values in VALUES.items():
        *sections, last = setting.split(".")
        section: Any = settings
        for key in sections:
            section = section.get(key) if isinstance(section, Mapping) else None
        value = section.get(last) if isinstance(section, Mapping) else None
        if isinstance(value, str) and value in values:
            found.append(f"the value {value!r} of {setting} is now called {values[value]!r}")
    return found


def _matching(settings: Any, pattern: list[str]) -> list[tuple[str, ...]]:
    """Return the paths among nested dictionaries that match a pattern of keys."""
    if not pattern:
        return [()]
    if not isinstance(settings, Mapping):
        return []
    first, *rest = pattern
    keys = [str(key) for key in settings] if first == "*" else [first]
    return [(key, *path) for key in keys if key in settings for path in _matching(settings[key], rest)]
