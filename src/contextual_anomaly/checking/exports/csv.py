"""Findings as CSV, one a row, with an empty column for a verdict: a reviewer fills in confirmed or rejected."""

import csv
from typing import TextIO

from contextual_anomaly.checking.exports.to_review import to_review
from contextual_anomaly.checking.results import CheckResult
from contextual_anomaly.review.verdicts import Reviewed
from contextual_anomaly.runtime.safe_text import to_cell

COLUMNS: tuple[str, ...] = (
    "finding_id",
    "image",
    "image_id",
    "kind",
    "category",
    "probability",
    "p_value",
    "true_probability",
    "score",
    "x",
    "y",
    "width",
    "height",
    "explanation",
    "verdict",
)


class Export:
    """Writes the findings of each answer at once."""

    def __init__(self, out: TextIO, reviewed: Reviewed | None = None, all_images: bool = False) -> None:
        """Write the header; see `exports.new_writer`."""
        self.out, self.reviewed = out, reviewed
        self.rows = csv.DictWriter(out, COLUMNS, lineterminator="\n", extrasaction="ignore")
        self.rows.writeheader()

    def write(self, result: CheckResult) -> None:
        """Write the findings of one answer."""
        image = to_review(result, self.reviewed)
        for finding in image.findings:
            if not finding.kind:
                continue
            row = {
                "finding_id": finding.id,
                "image": image.path,
                "image_id": image.image_id,
                "kind": finding.kind,
                "category": finding.category,
                "score": finding.score,
                "explanation": finding.explanation,
                "verdict": "confirmed" if finding.attributes.get("true_probability") == 1 else "",
                **finding.attributes,
                **dict(zip(("x", "y", "width", "height"), finding.box or (), strict=False)),
            }
            self.rows.writerow({name: to_cell(value) for name, value in row.items()})
        self.out.flush()

    def close(self) -> dict[str, str]:
        """Return no further files."""
        return {}
