"""The chapter on the data, from files made by hand."""

import pandas as pd
import pytest

from contextual_anomaly.report.chapters import data
from contextual_anomaly.report.finished_run import FinishedRun


@pytest.fixture
def run(tmp_path) -> FinishedRun:
    """Three classes: person is left out of the scenes, cat occurs in val alone."""
    counts = pd.DataFrame(
        [
            ("train", 1, "person", "person", 9, 12, 0),
            ("train", 2, "dog", "animal", 5, 6, 4),
            ("train", 3, "cat", "animal", 0, 0, 0),
            ("val", 1, "person", "person", 4, 4, 0),
            ("val", 2, "dog", "animal", 2, 2, 1),
            ("val", 3, "cat", "animal", 1, 1, 1),
        ],
        columns=["split", "category_id", "name", "supercategory", "images", "instances", "scenes"],
    )
    counts.insert(4, "original_id", None)
    (tmp_path / "scenes").mkdir()
    counts.to_csv(tmp_path / "scenes/class_counts.csv", index=False)
    return FinishedRun(tmp_path, {}, [], [], None)


def test_without_the_files_on_reading_nothing_is_said_about_it(run):
    chapter = data.chapter(run)
    assert chapter["summary"] is None
    assert chapter["problems"] is None


def test_what_was_left_out_is_named(run):
    chapter = data.chapter(run)
    assert chapter["left_out"] == ["person"]
    assert chapter["one_split_only"] == [("val", ["cat"])]


def test_problems_of_both_splits_stand_in_one_table(run):
    folder = run.folder / "annotations"
    folder.mkdir()
    head = "split,kind,count,first_record,found,action\n"
    (folder / "train.problems.csv").write_text(
        head + 'train,no size,1200,annotations record 3 (id 7),"[0, 0, 0, 0]",kept\n'
    )
    (folder / "val.problems.csv").write_text(head)  # nothing to tell
    problems = data.chapter(run)["problems"]
    assert problems["count"] == 1200
    assert [heading for heading, _ in problems["table"]["headings"]][2:4] == ["count", "first record"]
    assert problems["table"]["rows"] == [
        ["train", "no size", "1,200", "annotations record 3 (id 7)", "[0, 0, 0, 0]", "kept"]
    ]


def test_the_summary_of_the_data_is_a_table(run):
    lines = ["split,item,count,example", "train,images,1234,", "train,images without objects,5,a.jpg"]
    lines += ["train,classes without objects,0,", "val,images,20,", "val,images without objects,0,"]
    lines += ["val,images whose pictures are not found,2,b.jpg"]
    (run.folder / "data_summary.csv").write_text("\n".join(lines) + "\n")
    summary = data.chapter(run)["summary"]
    assert [heading for heading, _ in summary["headings"]] == ["what", "train", "val", "such as"]
    assert summary["rows"] == [
        ["images", "1,234", "20", "–"],
        ["images without objects", "5", "0", "a.jpg"],
        ["images whose pictures are not found", "0", "2", "b.jpg"],
    ]


def test_names_and_numbers_of_a_figure_are_plain_text():
    counts = pd.DataFrame(
        {
            "split": ["train", "train", "val", "val"],
            "name": ["$100", "dog", "$100", "dog"],
            "images": [20_000, 30, 2_000, 3],
        }
    )
    figure = data.class_counts(counts)
    figure.canvas.draw()
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["$100", "dog"]
    assert {"100", "1,000", "10,000"} <= {label.get_text() for label in axes.get_yticklabels()}
