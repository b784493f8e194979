"""The last lines of a run."""

from pathlib import Path

import pytest

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
    lines = closing_message(tmp_path, "m", "d", is_synthetic=True).splitlines()
    assert lines[:4] == [
        f"The report: {tmp_path}/report.html",
        "  Most unexpected object: cup in 1.jpg, probability 0.0012 (2 listed)",
        "  Most probable missing object: fork in 2.jpg, probability 0.99 (1 listed)",
        "  Likeliest annotation error: a, b, which may be cup, in 5.jpg, probability 0.91 (2 listed)",
    ]
    assert "coco2017.yaml" in lines[-1]


def test_nothing_found_is_no_failure():
    text = closing_message(Path("nowhere"), "m", "d", is_synthetic=False)
    assert text.startswith("The report: nowhere/report.html\nTry next:")
    assert "nowhere/audit/d.csv" in text


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
