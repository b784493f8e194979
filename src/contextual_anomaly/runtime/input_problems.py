"""What is wrong with a part of the input, where the rest is answered all the same."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class InputProblem:
    """What could not be read, or was no part of the answer.

    Attributes:
        kind: a short name that does not change: unreadable, bad_line, unknown_class, out_of_range.
        message: what is wrong and what to do, in words.
        classes: the classes that are meant, where some are.
    """

    kind: str
    message: str
    classes: tuple[str, ...] = ()


def one_problem(problems: Sequence[InputProblem]) -> InputProblem | None:
    """Return several problems as one."""
    if len(problems) < 2:
        return problems[0] if problems else None
    classes = tuple(dict.fromkeys(name for problem in problems for name in problem.classes))
    return InputProblem(problems[0].kind, " ".join(problem.message for problem in problems), classes)
