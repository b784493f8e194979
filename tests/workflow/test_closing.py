"""The last lines of a run."""

import re
import sys
from pathlib import Path

import pytest

from contextual_anomaly.cli import COMMANDS
from contextual_anomaly.workflow.closing import closing_message


def test_report_findings_and_what_to_try_next(tmp_path):
    (tmp_path / "anomalies").mkdir()
    (tmp_path / "audit").mkdir()
    (tmp_path / "anomalies/m.csv").write_text(
        "image_id,category,kind,probability,file_name\n1,cup,unexpected,0.00123,1.jpg\n2,fork,missing,0.987,2.jpg\n"
        "3,cup,unexpected,0.2,3.jpg\n"
    )
    (tmp_path / "audit/d.csv").write_text(
        'kind,given_label,predicted_label,probability,file_name\nswapped,"a, b",cup,0.91,5.jpg\noverlooked,,cup,0.8,6.jpg\n'
    )
    (tmp_path / "world").mkdir()
    (tmp_path / "world/kitchen.mp4").touch()
    lines = closing_message(tmp_path, "m", "d", is_synthetic=True).splitlines()
    assert lines[:4] == [
        f"The report: {tmp_path}/report.html",
        "  Most unexpected object: cup in 1.jpg, probability 0.0012 (2 listed)",
        "  Most probable missing object: fork in 2.jpg, probability 0.99 (1 listed)",
        "  Likeliest annotation error: a, b, which may be cup, in 5.jpg, probability 0.91 (2 listed)",
    ]
    assert "coco2017.yaml" in lines[-1]
    named = re.findall(r"contextual-anomaly ([a-z-]+)", "\n".join(lines))
    assert named == ["predict", "watch", "find-label-issues"]
    assert {name.replace("-", "_") for name in named} <= set(COMMANDS)
    assert len({line.rindex("    ") for line in lines[5:]}) == 1  # what each is for stands aligned


def test_nothing_found_is_no_failure(monkeypatch):
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    text = closing_message(Path("nowhere"), "m", "d", is_synthetic=False)
    assert text.startswith("The report: nowhere/report.html\nTry next:")
    assert "nowhere/audit/d.csv" in text


def test_the_environment_that_make_has_made_is_named_until_it_is_active(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    hint = "Try next (after: source .venv/bin/activate):"
    assert hint in closing_message(Path("results"), "m", "d", True)
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / ".venv"))
    assert hint not in closing_message(Path("results"), "m", "d", True)
    monkeypatch.delenv("VIRTUAL_ENV")
    monkeypatch.setattr(sys, "prefix", "/usr")
    assert "source" not in closing_message(Path("results"), "m", "d", True)


@pytest.mark.parametrize(
    ("kind", "labels", "said"),
    [
        ("overlooked", ",cup", "an overlooked cup in 5.jpg"),
        ("spurious", "fork,", "fork, where there may be none, in 5.jpg"),
        ("misplaced", "fork,", "fork, whose box may be wrong, in 5.jpg"),
        ("duplicate", "fork,", "fork, which may be annotated twice, in 5.jpg"),
    ],
)
def test_every_kind_of_annotation_error_is_said_in_words(tmp_path, kind, labels, said):
    (tmp_path / "audit").mkdir()
    header = "kind,given_label,predicted_label,probability,file_name\n"
    (tmp_path / "audit/d.csv").write_text(f"{header}{kind},{labels},0.91,5.jpg\n")
    assert f"Likeliest annotation error: {said}, probability 0.91" in closing_message(tmp_path, "m", "d", True)
