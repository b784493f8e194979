"""Why context finds a class likely or not, in words: the other classes that speak most for it or against it."""

import numpy as np

NAMED = 3  # classes in a text
LEAST = 0.25  # of log-odds: less is not worth a word


def explanations(attributions: np.ndarray, probability: np.ndarray, classes: tuple[str, ...]) -> list[str]:
    """Return texts as "p = 0.97 given fork, knife, plate", or "p = 0.004 beside oven" where all speaks against.

    Args:
        attributions: [Q, C] what each class of the image adds to the log-odds of the class in question.
        probability: [Q] of that class, by context.
        classes: C names.
    """
    return [_in_words(p, of_question, classes) for p, of_question in zip(probability, attributions, strict=True)]


SUMS = {
    "swapped": "log-odds against the given label",
    "overlooked": "log-odds",
}
"""What reasons add up to; of other kinds, the log-odds of the error against a right annotation."""


def reasons_in_words(kind: str, evidence: tuple[tuple[str, float], ...]) -> str:
    """Return reasons as "log-odds +1.20 = usual -3.90, detector +4.80, company +0.30"; empty where there are none.

    Args:
        kind: of the finding.
        evidence: what was looked at, and what it adds.
    """
    if not evidence:
        return ""
    said = ", ".join(f"{name} {value:+.2f}" for name, value in evidence if name == "usual" or abs(value) >= 0.005)
    total = sum(value for _, value in evidence)
    return f"{SUMS.get(kind, 'log-odds against a right annotation')} {total:+.2f} = {said}"


def _in_words(probability: float, attributions: np.ndarray, classes: tuple[str, ...]) -> str:
    order = np.argsort(-attributions, kind="stable")
    speaking_for = [classes[c] for c in order[:NAMED] if attributions[c] > LEAST]
    against = [classes[c] for c in order[::-1][:NAMED] if attributions[c] < -LEAST]
    text = f"p = {probability:.2f}" if probability >= 0.005 else f"p = {probability:.1g}"
    if probability < 0.5 and against:
        return f"{text} beside {', '.join(against)}" + (f", though {', '.join(speaking_for)}" if speaking_for else "")
    if speaking_for:
        return f"{text} given {', '.join(speaking_for)}"
    return f"{text} beside {', '.join(against)}" if against else text
