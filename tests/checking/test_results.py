"""Answers of a check, from Python to JSON and back."""

import json
import subprocess
import sys

import pytest

from contextual_anomaly.checking.results import (
    Attribution,
    CheckedObject,
    CheckResult,
    FalseAlarms,
    MissingClass,
)
from contextual_anomaly.runtime.input_problems import InputProblem

REASONS = (
    Attribution("(base)", -3.5),
    Attribution("laptop", -2.25),
    Attribution("cup", 0.01),
    Attribution("kite", 0.5),
)


@pytest.fixture
def result() -> CheckResult:
    return CheckResult(
        "photos/é.jpg",
        (
            CheckedObject("surfboard", 0.75, (1.0, 2.5, 3.0, 4.0), 7, 0.002, 0.003, True, REASONS),
            CheckedObject("laptop", 0.5, None, None, 0.5, 0.5),
            CheckedObject("<b>", 0.5, None, "x", 0.001, 0.004, True),
            CheckedObject("person", 0.5),
        ),
        (MissingClass("mouse", 0.9, 0.0005, True, REASONS), MissingClass("keyboard", 0.6)),
        ignored=("person",),
        image_id="a",
        width=640,
        height=480,
        model="coco",
        calibration="detections",
        false_alarms=FalseAlarms(0.02, 0.002),
        error=InputProblem("unknown_class", "'frok' is no class", ("frok",)),
    )


def test_json_gives_the_answer_back(result):
    values = json.loads(result.to_json())
    assert CheckResult.from_dict(values) == result
    assert [found["category"] for found in values["unexpected"]] == ["<b>", "surfboard"]  # the least probable first
    assert [found["category"] for found in values["missing"]] == ["mouse"]
    assert [found["category"] for found in values["objects"]] == ["surfboard", "laptop", "<b>", "person"]
    assert values["flagged"] is True
    assert "é" in result.to_json()


def test_each_field_that_json_has_is_documented(result):
    from contextual_anomaly.checking import results

    assert all(f"`{name}`" in str(results.__doc__) for name in result.to_dict())
    assert all(f"`{name}`" in str(results.__doc__) for name in result.to_dict()["objects"][0])


def test_answers_of_another_schema_are_refused(result):
    with pytest.raises(ValueError, match="were expected, found"):
        CheckResult.from_dict({**result.to_dict(), "schema": "contextual-anomaly.check/0"})


def test_the_largest_reasons_are_named(result):
    assert result.objects[0].explanation == "laptop -2.2, kite +0.5"
    assert result.objects[1].explanation == ""


def test_a_notebook_shows_what_is_flagged_first(result):
    html = result._repr_html_()
    assert html.index("surfboard") < html.index("mouse") < html.index(">laptop<")
    assert "<b>&lt;" not in html
    assert "&lt;b&gt;" in html


def test_answers_need_no_library():
    code = "import sys, contextual_anomaly.checking.results; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"numpy", "pandas", "jax", "cv2", "pyarrow"}.isdisjoint(done.stdout.split())
