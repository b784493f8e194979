"""What reviewers said of findings, and what follows for the others.

A finding of one kind and class is true with a rate that verdicts tell: a Beta distribution around the rate of its kind,
so that a class with few verdicts is judged by its kind. Where the finding has a p-value, the odds of that rate are
multiplied by its evidence: by the ratio of e-values at its p-value and at the limit up to which findings are listed. The
e-value of a p-value is the mean of κ p^(κ-1) over κ from 0 to 1 (Vovk and Wang, E-values: calibration, combination and
applications, Annals of Statistics 2021).
"""

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contextual_anomaly.errors import UserError
from contextual_anomaly.review.label_studio import CONFIRMED, LABEL, MISSING_CLASSES, REJECTED, VERDICT
from contextual_anomaly.runtime.atomic import require_file
from contextual_anomaly.runtime.safe_text import from_cell

KIND_STRENGTH = 2.0
"""Verdicts that the rate of a kind is worth before there are any: half of them confirm."""
CLASS_STRENGTH = 8.0
"""Verdicts that the rate of the kind is worth for one of its classes: the best of 1, 2, 4 and 8 for the first findings where
objects were planted in COCO's validation images."""
ANSWERS = {CONFIRMED: True, REJECTED: False}


@dataclass(frozen=True)
class Verdict:
    """What a reviewer said of a finding.

    Attributes:
        finding_id: of the finding, see `findings.FindingIds`.
        kind: of the finding.
        category: its class.
        confirmed: whether it is right.
    """

    finding_id: str
    kind: str
    category: str
    confirmed: bool


class Reviewed:
    """The verdicts on some findings, and the rates of true findings that follow.

    Attributes:
        verdicts: by finding_id.
    """

    def __init__(self, verdicts: Iterable[Verdict]) -> None:
        """Count the verdicts; of several on one finding, the last counts."""
        self.verdicts = {verdict.finding_id: verdict for verdict in verdicts}
        self._of_kind: Counter[tuple[str, bool]] = Counter()
        self._of_class: Counter[tuple[str, str, bool]] = Counter()
        for verdict in self.verdicts.values():
            self._of_kind[verdict.kind, verdict.confirmed] += 1
            self._of_class[verdict.kind, verdict.category, verdict.confirmed] += 1

    @property
    def rejected(self) -> set[str]:
        """Ids of the findings that are not right."""
        return {name for name, verdict in self.verdicts.items() if not verdict.confirmed}

    def true_rate(self, kind: str, category: str) -> float:
        """Return the expected share of true findings of one kind and class among those without a verdict.

        >>> reviewed = Reviewed([Verdict("a", "missing", "mouse", True), Verdict("b", "missing", "cup", False)])
        >>> reviewed.true_rate("missing", "mouse"), reviewed.true_rate("missing", "tv"), reviewed.true_rate("swapped", "tv")
        (0.5555555555555556, 0.5, 0.5)
        """
        true, false = self._of_kind[kind, True], self._of_kind[kind, False]
        of_kind = (KIND_STRENGTH / 2 + true) / (KIND_STRENGTH + true + false)
        true, false = self._of_class[kind, category, True], self._of_class[kind, category, False]
        return (CLASS_STRENGTH * of_kind + true) / (CLASS_STRENGTH + true + false)

    def true_probability(
        self, finding_id: str, kind: str, category: str, p_value: float | None = None, limit: float | None = None
    ) -> float:
        """Return the probability that a finding is right: 1 or 0 after a verdict, else by the rate and its evidence.

        Args:
            finding_id: of the finding.
            kind: of the finding.
            category: its class.
            p_value: of the finding; None where it has none.
            limit: the p-value up to which findings of its kind are listed.
        """
        if finding_id in self.verdicts:
            return float(self.verdicts[finding_id].confirmed)
        rate = self.true_rate(kind, category)
        if p_value is None or limit is None:
            return rate
        odds = rate / (1 - rate) * e_value(p_value) / e_value(limit)
        return odds / (1 + odds)


def e_value(p_value: float) -> float:
    """Return (1 - p + p log p) / (p log² p), the mean of κ p^(κ-1) over κ from 0 to 1; ½ at 1.

    >>> round(e_value(0.01), 3), e_value(1)
    (4.451, 0.5)

    Args:
        p_value: from 0 to 1; no calibration gives one below 1e-9.
    """
    p_value = max(p_value, 1e-9)
    if p_value > 1 - 1e-4:
        return 0.5  # the limit, where rounding would make it nothing at all
    log = math.log(p_value)
    return (1 - p_value + p_value * log) / (p_value * log * log)


def read_verdicts(path: str | Path) -> Reviewed:
    """Read verdicts from a file of ours or of the tool in which findings were reviewed, recognised by its content.

    Args:
        path: CSV with the columns finding_id, kind, category and verdict; JSON, a list of objects with these; the JSON
            export of Label Studio; or the XML export of CVAT ("CVAT for images 1.1").

    Raises:
        UserError: the file is none of these.
    """
    path = require_file(path, "verdicts (CSV, JSON of Label Studio, or XML of CVAT)")
    try:
        text = path.read_text(encoding="utf-8-sig")
        start = text.lstrip()[:1]
        if start == "<":
            verdicts = _of_cvat(path)
        elif start in ("[", "{"):
            verdicts = _of_json(json.loads(text))
        else:
            verdicts = _of_rows(csv.DictReader(io.StringIO(text, newline="")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        raise UserError(
            f"{path}: verdicts were expected, as CSV or JSON with the columns finding_id, kind, category and verdict, or "
            f"an export of Label Studio (JSON) or CVAT (XML), found something else ({error})."
        ) from error
    return Reviewed(verdicts)


def _of_rows(rows: Iterable[Mapping[str, Any]]) -> list[Verdict]:
    """Read one verdict a row; those whose verdict is empty or open are not reviewed yet."""
    found = []
    for row in rows:
        answer = str(row["verdict"] or "").strip().lower()
        if answer in ANSWERS:
            names = (str(from_cell(row[column])) for column in ("finding_id", "kind", "category"))
            found.append(Verdict(*names, confirmed=ANSWERS[answer]))
        elif answer not in ("", "open"):
            raise ValueError(f"the verdict {row['verdict']!r} is none of confirmed, rejected and open")
    return found


def _of_json(content: Any) -> list[Verdict]:
    """Read a list of our own rows, or of Label Studio's tasks."""
    if isinstance(content, dict):
        content = [content]
    if all("verdict" in row for row in content):
        return _of_rows(content)
    return [verdict for task in content for verdict in _of_task(task)]


def _of_task(task: Mapping[str, Any]) -> list[Verdict]:
    """Read what the last annotation of a task says of the findings listed in its data.

    A region's verdict was chosen there. A missing class is confirmed if it is still chosen, else rejected.
    """
    listed = task["data"]["listed"]
    done = [found for found in task.get("annotations") or [] if not found.get("was_cancelled")]
    if not done:
        return []
    result = done[-1]["result"]
    chosen = {
        region.get("id"): region["value"]["choices"][0]
        for region in result
        if region.get("from_name") == VERDICT and region["value"].get("choices")
    }
    kept = {
        name
        for region in result
        if region.get("from_name") == MISSING_CLASSES
        for name in region["value"].get("choices", [])
    }
    boxes = {region.get("id"): _corner(region) for region in result if region.get("from_name") == LABEL}
    verdicts = []
    for finding in listed:
        if finding["choice"]:
            confirmed: bool | None = finding["category"] in kept
        else:
            confirmed = ANSWERS.get(chosen.get(_region_of(finding, boxes), ""))
        if confirmed is not None:
            verdicts.append(Verdict(finding["finding_id"], finding["kind"], finding["category"], confirmed))
    return verdicts


def _corner(region: Mapping[str, Any]) -> tuple[float, float]:
    """Return the upper left corner of a region in pixels."""
    value = region["value"]
    return value["x"] * region["original_width"] / 100, value["y"] * region["original_height"] / 100


def _region_of(finding: Mapping[str, Any], corners: Mapping[str, tuple[float, float]]) -> str:
    """Return the id of a finding's region: its own, or that of the region with its corner if Label Studio renamed it."""
    if finding["finding_id"] in corners:
        return finding["finding_id"]
    x, y = (max(value, 0.0) for value in finding["box"][:2])
    near = [name for name, (left, top) in corners.items() if abs(left - x) < 1 and abs(top - y) < 1]
    return near[0] if len(near) == 1 else ""


def _of_cvat(path: Path) -> list[Verdict]:
    """Read the attribute `verdict` of each box and tag."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, parse

    try:
        root = parse(path).getroot()
    except (ParseError, DefusedXmlException) as error:
        raise ValueError(str(error)) from error
    if root is None:
        raise ValueError("it is empty")
    rows = []
    for shape in (*root.iter("box"), *root.iter("tag")):
        said = {attribute.get("name"): attribute.text or "" for attribute in shape.iter("attribute")}
        if said.get("finding_id") and said.get("kind"):
            rows.append({**said, "category": shape.get("label"), "verdict": said.get("verdict")})
    return _of_rows(rows)
