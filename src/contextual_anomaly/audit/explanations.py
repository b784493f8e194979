"""Why a class is expected or not, in words: the other classes of the image that speak most for it or against it."""

import numpy as np

from contextual_anomaly.audit.box_pairs import Context
from contextual_anomaly.models.explanation import explain

NAMED = 3  # classes in a text
LEAST = 0.25  # of log-odds: less is not worth a word


def explanations(
    context: Context, there: np.ndarray, asked: np.ndarray, expected: np.ndarray, classes: tuple[str, ...]
) -> list[str]:
    """Of each question, a text as "p = 0.97 given fork, knife, plate", or "p = 0.004 beside oven" where all speaks against.

    Args:
        there: [Q, C] bool, the classes of the image; the class that is asked for does not count.
        asked: [Q] that class.
        expected: [Q] its probability by context.
    """
    weights = explain(context.model, context.variant, there, asked).attributions
    return [_in_words(p, of_question, classes) for p, of_question in zip(expected, weights, strict=True)]


def _in_words(expected: float, weights: np.ndarray, classes: tuple[str, ...]) -> str:
    order = np.argsort(-weights, kind="stable")
    speaking_for = [classes[c] for c in order[:NAMED] if weights[c] > LEAST]
    against = [classes[c] for c in order[::-1][:NAMED] if weights[c] < -LEAST]
    text = f"p = {expected:.2f}" if expected >= 0.005 else f"p = {expected:.1g}"
    if expected < 0.5 and against:
        return f"{text} beside {', '.join(against)}" + (f", though {', '.join(speaking_for)}" if speaking_for else "")
    if speaking_for:
        return f"{text} given {', '.join(speaking_for)}"
    return f"{text} beside {', '.join(against)}" if against else text
