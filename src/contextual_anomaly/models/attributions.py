"""Attributions in words: which classes speak most for another and against it."""

from collections.abc import Iterable

BASE, REST = "(base)", "(rest)"
"""Attributions that belong to no class: before any other class counts, and what remains."""
CLASSES_IN_TEXT = 4
LEAST_IN_TEXT = 0.05  # smaller attributions (in log-odds) are left out of the text


def in_words(parts: Iterable[tuple[str, float]]) -> str:
    """Return the largest attributions of classes in words: "fork +1.9, knife +1.2, surfboard -0.3".

    Args:
        parts: names, `BASE` and `REST` among them, and what each adds to the log-odds.
    """
    named = [(name, value) for name, value in parts if name not in (BASE, REST) and abs(value) >= LEAST_IN_TEXT]
    named.sort(key=lambda part: -abs(part[1]))
    return ", ".join(f"{name} {value:+.1f}" for name, value in named[:CLASSES_IN_TEXT])
