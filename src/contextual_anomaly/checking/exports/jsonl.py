"""Answers as JSON lines, in the schema of `checking.results`, each written at once."""

from typing import TextIO

from contextual_anomaly.checking.results import CheckResult
from contextual_anomaly.review.verdicts import Reviewed


class Export:
    """Writes all answers, flagged or not."""

    def __init__(self, out: TextIO, reviewed: Reviewed | None = None, all_images: bool = True) -> None:
        """Begin; see `exports.new_writer`."""
        self.out = out

    def write(self, result: CheckResult) -> None:
        """Write one line."""
        self.out.write(result.to_json() + "\n")
        self.out.flush()

    def close(self) -> dict[str, str]:
        """Return no further files."""
        return {}
