"""`find-label-issues`: the same issues as the function's, as text, as files, and as a page with the images."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import contextual_anomaly as ca
from contextual_anomaly.cli import application
from contextual_anomaly.errors import UserError
from tests.audit.test_label_issues import detected, kitchens_and_streets


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Annotations, what a detector found, and the picture of the wrong label."""
    folder = tmp_path_factory.mktemp("own")
    content = kitchens_and_streets(400, seed=0)
    (folder / "instances.json").write_text(json.dumps(content))
    (folder / "results.json").write_text(json.dumps(detected(content, seed=1)))
    (folder / "pictures").mkdir()
    cv2.imwrite(str(folder / "pictures/0.jpg"), np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8))
    return folder


def run(*arguments: object):
    return CliRunner().invoke(application(["find_label_issues"]), ["find-label-issues", *map(str, arguments)])


def test_it_prints_what_the_function_returns_the_likeliest_first(folder):
    path = folder / "instances.json"
    issues = ca.find_label_issues(path)
    done = run(path, "--csv", folder / "issues.csv")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert len(lines) == len(issues)
    assert any(re.match(r" *\d+ %  swapped     bus → (oven|pan|knife|cup) +0\.jpg  call it ", line) for line in lines)
    assert "0.jpg" in lines[0]
    written = pd.read_csv(folder / "issues.csv")
    assert written["annotation_id"].tolist() == issues["annotation_id"].tolist()
    assert written["probability"].to_numpy() == pytest.approx(issues["probability"].to_numpy(), rel=1e-5)


def test_nothing_found_or_asked_for_is_exit_status_0(folder, caplog):
    assert run(folder / "instances.json", "--exit-zero").exit_code == 0
    nothing = run(folder / "instances.json", "--min-score", 1)
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert caplog.messages[-1].startswith(
        "0 probable annotation errors in 0 of 400 images; judged by pairwise; boxes of a"
    )


def test_the_page_shows_the_image_with_its_boxes_and_what_is_beside_them(folder):
    run(folder / "instances.json", "--images", folder / "pictures", "--html", folder / "issues.html")
    page = (folder / "issues.html").read_text()
    first, *others = re.findall(r"<article.*?</article>", page, re.DOTALL)
    assert 'data-name="0.jpg"' in first
    assert re.search(r'data-kinds="[a-z ]*swapped"', first)
    assert re.search(r'<b class="swapped">\d? ?bus → (oven|pan|knife|cup)</b> <span>wrong with \d+ %: call it ', first)
    assert re.search(r"also there: cup, knife, oven, pan<", first)
    strengths = [float(strength) for strength in re.findall(r'data-strength="([\d.]+)"', page)]
    assert strengths == sorted(strengths, reverse=True)
    # A picture of noise is far larger as JPEG than boxes on white, which the other images have.
    sizes = [len(image) for image in re.findall(r"base64,([^\"]+)", page)]
    assert sizes[0] > 5 * max(sizes[1:])
    assert len(others) == len(sizes) - 1 > 0


def test_other_tools_are_given_the_same_findings(folder):
    paths = {name: folder / f"issues.{name}" for name in ("coco.json", "tasks.json", "xml", "csv")}
    run(
        folder / "instances.json", "--detections", folder / "results.json", "--csv", paths["csv"],
        "--coco", paths["coco.json"], "--label-studio", paths["tasks.json"], "--cvat", paths["xml"],
    )  # fmt: skip
    issues = pd.read_csv(paths["csv"])
    assert issues["detector_score"].notna().any()
    images = issues["file_name"].nunique()
    assert len(json.loads(paths["coco.json"].read_text())["images"]) == images
    assert len(json.loads(paths["tasks.json"].read_text())) == images
    assert len(ElementTree.parse(paths["xml"]).findall("image")) == images


def test_a_model_that_does_not_exist_is_named_and_nothing_is_written(folder):
    done = run(folder / "instances.json", "--model", "coko", "--csv", folder / "none.csv")
    assert isinstance(done.exception, UserError)
    assert "'coko' does not come with the package, only coco, coco-small" in str(done.exception)
    assert not (folder / "none.csv").exists()


def test_a_model_of_other_classes_is_refused_by_name(folder):
    done = run(folder / "instances.json", "--model", "coco-small")
    assert "lacks classes of model 'coco-small'" in str(done.exception)


def test_what_reviewers_rejected_is_not_listed_again_and_makes_room_for_others(folder):
    path, first, second = folder / "instances.json", folder / "first.csv", folder / "second.csv"
    run(path, "--min-score", 0, "--max-issues", 3, "--csv", first, "--label-studio", folder / "first.json")
    reviewed = pd.read_csv(first, dtype={"verdict": str})
    assert reviewed["finding_id"].is_unique
    tasks = json.loads((folder / "first.json").read_text())
    assert {one["finding_id"] for task in tasks for one in task["data"]["listed"]} == set(reviewed["finding_id"])
    reviewed["verdict"] = ["rejected", "confirmed", ""]
    reviewed.to_csv(folder / "reviewed.csv", index=False)
    run(path, "--min-score", 0, "--max-issues", 3, "--since", folder / "reviewed.csv", "--csv", second)
    rest = pd.read_csv(second)
    assert rest["finding_id"].tolist()[:2] == reviewed["finding_id"].tolist()[1:]
    assert len(rest) == 3
    assert reviewed["finding_id"][0] not in set(rest["finding_id"])


def test_verdicts_that_are_none_are_an_error_before_anything_is_fitted(folder, caplog):
    done = run(folder / "instances.json", "--since", folder / "instances.json")
    assert "verdicts were expected" in str(done.exception)
    assert "fitting" not in caplog.text
