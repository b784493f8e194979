"""Answers after a review."""

import csv
import io
from dataclasses import replace

import pytest

from contextual_anomaly.checking.exports import new_writer
from contextual_anomaly.checking.exports.to_review import to_review
from contextual_anomaly.checking.reranking import rerank
from contextual_anomaly.checking.results import CheckedObject, CheckResult
from contextual_anomaly.review.verdicts import Reviewed, Verdict, read_verdicts


def flagged(name: str, category: str, p_value: float) -> CheckResult:
    return CheckResult(
        name, (CheckedObject(category, 0.9, (1.0, 2.0, 3.0, 4.0), None, p_value / 2, p_value, True),), file_name=name
    )


def names(results) -> list[str]:
    return [result.source for result in results]


def test_a_spreadsheet_of_verdicts_changes_the_order(tmp_path):
    """Kites were wrong four times, so a new kite comes after a bus that is less unusual."""
    results = [flagged(f"{n}.jpg", "kite", 0.001) for n in range(5)]
    results += [flagged("bus.jpg", "bus", 0.0015), flagged("none.jpg", "cup", 0.009)]
    assert names(rerank(results, Reviewed([]))) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg", "4.jpg", "bus.jpg", "none.jpg"]
    out = io.StringIO()
    writer = new_writer("csv", out)
    for result in results:
        writer.write(result)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    for row in rows[:4]:
        row["verdict"] = "rejected"
    rows[6]["verdict"] = "confirmed"
    path = tmp_path / "verdicts.csv"
    with path.open("w", newline="") as file:
        again = csv.DictWriter(file, rows[0])
        again.writeheader()
        again.writerows(rows)
    reviewed = read_verdicts(path)
    after = rerank(results, reviewed)
    assert names(after)[:3] == ["none.jpg", "bus.jpg", "4.jpg"]
    assert [result.flagged for result in after] == [True, True, True, False, False, False, False]
    assert all(result.unexpected == [] for result in after[3:])
    (kite,) = to_review(after[2], reviewed).findings
    # One kind with 1 of 5 verdicts confirmed; the class with 0 of 4; at p = 0.001 the evidence counts.
    rate = (8 * (1 + 1) / (2 + 5) + 0) / (8 + 4)
    assert reviewed.true_rate("unexpected", "kite") == pytest.approx(rate)
    assert kite.attributes["true_probability"] == pytest.approx(
        reviewed.true_probability("", "unexpected", "kite", 0.001, 0.01), rel=1e-3
    )


def test_of_equal_findings_each_has_its_verdict():
    twice = flagged("a.jpg", "cup", 0.001)
    twice = replace(twice, objects=twice.objects * 2)
    first, second = (finding.id for finding in to_review(twice).findings)
    (after,) = rerank([twice], Reviewed([Verdict(second, "unexpected", "cup", False)]))
    assert [found.flagged for found in after.objects] == [True, False]
    (left,) = [finding for finding in to_review(after).findings if finding.kind]
    assert left.id == first


def test_a_missing_class_can_be_rejected(results):
    (mouse,) = [finding for finding in to_review(results[0]).findings if finding.kind == "missing"]
    after = rerank(results, Reviewed([Verdict(mouse.id, "missing", "mouse", False)]))
    assert after[0].missing == []
    assert [found.category for found in after[0].unexpected] == ["surfboard"]
