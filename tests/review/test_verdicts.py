"""Verdicts: read from every tool, and what they mean for the other findings."""

import csv
import json
import math

import pytest
from scipy import integrate

from contextual_anomaly.errors import UserError
from contextual_anomaly.review.cvat import cvat_document
from contextual_anomaly.review.findings import Finding, FindingIds, ReviewedImage
from contextual_anomaly.review.label_studio import task
from contextual_anomaly.review.verdicts import Reviewed, Verdict, e_value, read_verdicts


@pytest.mark.parametrize("p_value", [1e-6, 0.002, 0.05, 0.5, 0.99, 0.99995, 1.0])
def test_the_e_value_is_the_mean_of_power_calibrators(p_value):
    mean, _ = integrate.quad(lambda power: power * p_value ** (power - 1), 0, 1)
    assert e_value(p_value) == pytest.approx(mean, rel=1e-3)


def test_e_values_are_at_most_one_on_average():
    """That makes them e-values: for a uniform p-value the expectation is 1."""
    mean, _ = integrate.quad(lambda log: e_value(math.exp(log)) * math.exp(log), -18, 0, limit=200)
    below = 1 / 18  # ∫ from 0 to exp(-18) of 1 / (p log² p), the leading term
    assert mean + below == pytest.approx(1, abs=2e-3)


def test_rates_shrink_towards_the_kind_and_the_kind_towards_a_half():
    verdicts = [Verdict(str(n), "missing", "mouse", True) for n in range(6)]
    verdicts += [Verdict(f"b{n}", "missing", "cup", False) for n in range(2)]
    reviewed = Reviewed(verdicts)
    kind = (1 + 6) / (2 + 8)
    assert reviewed.true_rate("missing", "mouse") == pytest.approx((8 * kind + 6) / (8 + 6))
    assert reviewed.true_rate("missing", "cup") == pytest.approx(8 * kind / (8 + 2))
    assert reviewed.true_rate("missing", "unheard of") == pytest.approx(kind)
    assert reviewed.true_rate("unexpected", "mouse") == 0.5


def test_probabilities_multiply_the_odds_by_the_evidence():
    reviewed = Reviewed([Verdict("a", "missing", "mouse", True)])
    rate = reviewed.true_rate("missing", "mouse")
    assert reviewed.true_probability("new", "missing", "mouse", 0.001, 0.001) == pytest.approx(rate)
    smaller = reviewed.true_probability("new", "missing", "mouse", 0.0001, 0.001)
    assert smaller / (1 - smaller) == pytest.approx(rate / (1 - rate) * e_value(0.0001) / e_value(0.001))
    assert reviewed.true_probability("new", "missing", "mouse") == pytest.approx(rate)
    assert reviewed.true_probability("a", "missing", "mouse", 0.001, 0.001) == 1


def test_of_two_verdicts_on_a_finding_the_last_counts():
    reviewed = Reviewed([Verdict("a", "missing", "cup", True), Verdict("a", "missing", "cup", False)])
    assert reviewed.true_probability("a", "missing", "cup", 1e-9, 0.01) == 0
    assert reviewed.true_rate("missing", "cup") == pytest.approx((8 / 3 + 0) / 9)


def test_equal_findings_of_an_image_have_different_names():
    ids = FindingIds("a.jpg")
    names = [ids.next("unexpected", "cup", box) for box in ((1, 2, 3, 4), (1.2, 2.1, 3, 4), (9, 2, 3, 4), None)]
    assert len(set(names)) == 4
    again = FindingIds("a.jpg")
    assert [again.next("unexpected", "cup", (1, 2, 3, 4)) for _ in range(2)] == names[:2]
    assert FindingIds("b.jpg").next("unexpected", "cup", (1, 2, 3, 4)) != names[0]


IMAGE = ReviewedImage(
    "a.jpg",
    "photos/a.jpg",
    200,
    100,
    [
        Finding("unexpected", "surfboard", (-5.0, 10.0, 50.0, 40.0), id="one"),
        Finding("unexpected", "kite", (100.0, 10.0, 50.0, 40.0), id="two"),
        Finding("unexpected", "bus", (150.0, 10.0, 50.0, 40.0), id="three"),
        Finding("missing", "mouse", id="four"),
        Finding("missing", "tv", id="five"),
        Finding("", "laptop", (10.0, 10.0, 20.0, 20.0)),
    ],
)
EXPECTED = {
    Verdict("one", "unexpected", "surfboard", True),
    Verdict("two", "unexpected", "kite", False),
    Verdict("four", "missing", "mouse", True),
    Verdict("five", "missing", "tv", False),
}


@pytest.fixture
def exported(tmp_path):
    """The JSON export of Label Studio after a review: verdicts per region, one missing class unchosen."""

    def export(renamed: bool):
        reviewed = task(IMAGE, "model")
        result = json.loads(json.dumps(reviewed["predictions"][0]["result"]))
        for region in result:
            if renamed and region["type"] == "rectanglelabels":
                region["id"] = f"new {region['id']}" if "id" in region else "new"
            if region["type"] == "choices":
                region["value"]["choices"] = ["mouse"]
        names = {region["value"]["rectanglelabels"][0]: region for region in result if region["type"] != "choices"}
        for name, verdict in (("surfboard", "confirmed"), ("kite", "rejected")):
            value = {**names[name]["value"], "choices": [verdict]}
            del value["rectanglelabels"]
            result.append({**names[name], "from_name": "verdict", "type": "choices", "value": value})
        annotations = [{"was_cancelled": True, "result": []}, {"was_cancelled": False, "result": result}]
        path = tmp_path / "export.json"
        path.write_text(json.dumps([{"id": 1, **reviewed, "annotations": annotations}, task(IMAGE, "model")]))
        return path

    return export


@pytest.mark.parametrize("renamed", [False, True])
def test_verdicts_of_label_studio(exported, renamed):
    assert set(read_verdicts(exported(renamed)).verdicts.values()) == EXPECTED


def test_verdicts_of_cvat(tmp_path):
    text = cvat_document([IMAGE], ["surfboard", "kite", "bus", "mouse", "tv", "laptop"])
    answers = {"one": "confirmed", "two": "rejected", "four": "confirmed", "five": "rejected"}
    for name, verdict in answers.items():
        before, after = text.split(f'<attribute name="finding_id">{name}</attribute>')
        text = f'{before}<attribute name="finding_id">{name}</attribute>' + after.replace(
            '<attribute name="verdict">open<', f'<attribute name="verdict">{verdict}<', 1
        )
    path = tmp_path / "annotations.xml"
    path.write_text(text)
    assert set(read_verdicts(path).verdicts.values()) == EXPECTED


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_verdicts_of_our_own_rows(tmp_path, suffix):
    rows = [
        {"finding_id": v.finding_id, "kind": v.kind, "category": v.category, "verdict": "Confirmed" if v.confirmed else "rejected"}
        for v in sorted(EXPECTED, key=lambda verdict: verdict.finding_id)
    ] + [{"finding_id": "three", "kind": "unexpected", "category": "bus", "verdict": ""}]  # fmt: skip
    path = tmp_path / f"verdicts.{suffix}"
    if suffix == "json":
        path.write_text(json.dumps(rows))
    else:
        with path.open("w", newline="", encoding="utf-8-sig") as out:  # as spreadsheets write it
            writer = csv.DictWriter(out, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    assert set(read_verdicts(path).verdicts.values()) == EXPECTED


@pytest.mark.parametrize(
    "text",
    ["a,b\n1,2\n", '{"images": []}', "[1, 2]", '[{"data": {}}]', "<html><p></html>", "[", "finding_id,kind,category,verdict\na,b,c,maybe\n"],
)  # fmt: skip
def test_other_files_are_refused_in_words(tmp_path, text):
    path = tmp_path / "verdicts"
    path.write_text(text)
    with pytest.raises(UserError, match="verdicts were expected"):
        read_verdicts(path)
