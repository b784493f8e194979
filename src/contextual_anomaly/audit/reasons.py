"""Why a class is expected or not, in words: the other classes of the image that speak most for it or against it."""

import numpy as np

from contextual_anomaly.audit.evidence import Context, log_odds

NAMED = 3  # classes in a text
LEAST_DIFFERENCE = 0.25  # of log-odds: less is not worth a word


class Reasons:
    """What each class does to the log-odds of each other, when it is put into an empty image (leave-one-in)."""

    def __init__(self, context: Context, classes: tuple[str, ...]) -> None:
        self.classes = classes
        width = len(classes)
        alone = log_odds(context.expected(np.vstack([np.zeros((1, width)), np.eye(width)])))
        self.difference = alone[1:] - alone[0]  # [C put in, C asked for]

    def text(self, column: int, expected: float, there: np.ndarray) -> str:
        """As "p = 0.97 given fork, knife, plate", or "p = 0.004 despite oven" where all speaks against it.

        Args:
            column: the class that is asked for.
            expected: its probability by context.
            there: [C] bool, the classes of the image; the class itself does not count.
        """
        others = np.flatnonzero(there & (np.arange(len(there)) != column))
        difference = self.difference[others, column]
        order = np.argsort(-difference, kind="stable")
        speaking_for = [self.classes[others[i]] for i in order[:NAMED] if difference[i] > LEAST_DIFFERENCE]
        against = [self.classes[others[i]] for i in order[::-1][:NAMED] if difference[i] < -LEAST_DIFFERENCE]
        text = f"p = {expected:.2f}" if expected >= 0.005 else f"p = {expected:.1g}"
        if expected < 0.5 and against:
            return f"{text} beside {', '.join(against)}" + (
                f", though {', '.join(speaking_for)}" if speaking_for else ""
            )
        if speaking_for:
            return f"{text} given {', '.join(speaking_for)}"
        return f"{text} beside {', '.join(against)}" if against else text
