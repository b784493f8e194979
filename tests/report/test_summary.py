"""The file of figures, against the CSV files that it is made from."""

import csv
import json
import math

import pandas as pd
import pytest
from typer.testing import CliRunner

from contextual_anomaly.cli import application
from contextual_anomaly.errors import UserError
from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.summary import figure_name, read_summary, summarize, write_summary
from contextual_anomaly.report.summary_tables import SummaryTable, summary_table

FAMILIES = {"published": "autoencoder", "frequency": "frequency", "mixture": "mixture"}


@pytest.fixture(scope="module")
def summary(results, tmp_path_factory):
    """The figures of the small run, written and read again."""
    path = tmp_path_factory.mktemp("summary") / "summary.json"
    run = FinishedRun(results, FAMILIES, ["published"], [], None, object_judges=["mixture"])
    write_summary(summarize(run, "six things"), path)
    return read_summary(path)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_names_have_four_parts_of_plain_characters():
    assert figure_name("COCO 2017", "ensemble", "inject_uniform", "recall_at_1") == (
        "coco2017.ensemble.inject_uniform.recall_at_1"
    )
    name = figure_name("my Data-set", "naive Bayes", "scenes", "unexpected_rate_at_0.05")
    assert name == "my_data_set.naive_bayes.scenes.unexpected_rate_at_0_05"


@pytest.mark.parametrize("protocol", ["published", "corrected", "objects"])
def test_every_row_of_the_summaries_is_there(results, summary, protocol):
    prefix = "published_" if protocol == "published" else ""
    checked = 0
    for model in FAMILIES:
        path = results / f"experiments/{protocol}/{model}.summary.csv"
        for row in rows(path) if path.exists() else []:
            name = f"{model}_d{row['bottleneck']}" if row["bottleneck"] else model
            key = figure_name("six things", name, prefix + row["experiment"], row["metric"])
            if not row["value"]:
                assert key not in summary
                continue
            if model == "published" and row["experiment"] == "scenes":
                assert key not in summary  # it sees the class itself, so its outputs are no probabilities
                continue
            figure = summary[key]  # one weight seed: no mean is taken
            for column in ("value", "low", "high"):
                expected = float(row[column]) if row[column] else None
                assert figure[column] == (None if expected is None else pytest.approx(expected, rel=2e-5)), (
                    key,
                    column,
                )
            assert figure["n_images"] == int(row["images"])
            checked += 1
    assert checked > (100 if protocol == "corrected" else 10)


def test_a_sweep_is_named_by_itself_too(summary):
    """The bottleneck that stands for the sweep has the sweep's own name as well."""
    key = "six_things.published{}.published_inject_any.found"
    assert summary[key.format("")] == summary[key.format("_d10")] != summary[key.format("_d2")]


def test_differences_from_the_reference(results, summary):
    for row in rows(results / "experiments/differences.csv"):
        measure = f"{row['metric']}_minus_published"
        figure = summary[figure_name("six things", row["model"], row["experiment"], measure)]
        assert figure["value"] == pytest.approx(float(row["difference"]), rel=2e-5)
        assert figure["low"] == pytest.approx(float(row["low"]), rel=2e-5)


def test_figures_of_the_data(results, summary):
    annotations = json.loads((results / "val.json").read_text())["annotations"]
    assert summary["six_things.data.val.n_objects"]["value"] == len(annotations)
    classes = {}
    for annotation in annotations:
        classes.setdefault(annotation["image_id"], set()).add(annotation["category_id"])
    assert summary["six_things.data.val.n_scenes"]["value"] == sum(len(of_image) >= 2 for of_image in classes.values())
    assert summary["six_things.data.val.n_unfiltered_scenes"]["value"] == len(classes)


def test_several_seeds_are_a_mean_with_its_spread(results, tmp_path):
    """Two weight seeds, 0.2 and 0.4: mean 0.3, standard deviation 0.1414."""
    run = FinishedRun(results, FAMILIES, ["published"], [], None)
    corrected = run.summary("corrected")
    one = corrected[(corrected["experiment"] == "remove") & (corrected["metric"] == "auroc")].iloc[[0, 0]].copy()
    one["model"], one["bottleneck"], one["weight_seed"], one["value"] = "twice", math.nan, [0, 1], [0.2, 0.4]

    class Twice(FinishedRun):
        def summary(self, protocol):
            return one if protocol == "corrected" else super().summary(protocol)

    figure = summarize(Twice(results, FAMILIES, ["published"], [], None), "x")["x.twice.remove.auroc"]
    assert figure["value"] == pytest.approx(0.3)
    assert figure["std"] == pytest.approx(math.sqrt(0.02), rel=1e-5)
    assert figure["n_seeds"] == 2


def test_two_figures_of_one_name_are_refused(results):
    with pytest.raises(UserError, match="two figures have this name"):
        summarize(FinishedRun(results, FAMILIES, ["published", "PUBLISHED"][:1] * 2, [], None), "x")


def test_tables_are_made_from_the_figures(summary):
    lines = summary_table({"run": summary}, SummaryTable.corrected).splitlines()
    assert lines[0].startswith("| model | inject any: first | AUROC |")
    assert {line.split(" | ")[0].strip("| ") for line in lines[2:]} == set(FAMILIES)  # no single bottlenecks
    of_frequency = next(line for line in lines if line.startswith("| frequency |"))
    auroc = summary["six_things.frequency.inject_uniform.auroc"]["value"]
    assert of_frequency.split(" | ")[2].strip("*") == f"{auroc:.3f}"
    best = max(summary[f"six_things.{model}.inject_uniform.auroc"]["value"] for model in FAMILIES)
    assert f"**{best:.3f}**" in "\n".join(lines)


def test_several_runs_stand_in_one_table(summary):
    table = summary_table({"a": summary, "b": summary}, SummaryTable.published)
    assert [line.split(" | ")[:2] for line in table.splitlines()[2:]] == [
        ["| a", "2"], ["| a", "10"], ["| b", "2"], ["| b", "10"],
    ]  # fmt: skip


def test_published_figures_stand_in_brackets_only_for_coco(summary):
    coco = {name.replace("six_things", "coco2017"): figure for name, figure in summary.items()}
    assert "(76.2 ± 3.3)" in summary_table({"x": coco}, SummaryTable.published)
    assert "(" not in summary_table({"x": summary}, SummaryTable.published)


def test_detectors_and_audits_have_tables():
    def figure(value, low=None, high=None):
        return {"value": value, "low": low, "high": high, "n_images": 400}

    figures = {
        "x.d.detection.ap": figure(0.294),
        "x.d.rescoring_detector.presence_macro_ap": figure(0.751),
        "x.d.rescoring_fusion.presence_macro_ap": figure(0.775),
        "x.d.rescoring_fusion.presence_macro_ap_gain": figure(0.024, 0.001, 0.033),
        "x.d.gate_detector.precision_threshold_0_25": figure(0.796),
        "x.d.gate_detector.recall_threshold_0_25": figure(0.497),
        "x.d.gate.precision_threshold_0_25": figure(0.868),
        "x.d.gate.recall_threshold_0_25": figure(0.418),
        "x.d.gate.precision_gain_same_recall_threshold_0_25": figure(-0.016, -0.053, 0.051),
        "x.d.audit_swapped.auroc_by_detector_and_context": figure(0.979, 0.972, 0.986),
    }
    assert "| d | 400 | 0.294 |" in summary_table({"x": figures}, SummaryTable.detection)
    assert "0.751 → 0.775, +0.024 [+0.001, +0.033]" in summary_table({"x": figures}, SummaryTable.rescoring)
    gate = summary_table({"x": figures}, SummaryTable.gate)
    assert "| d | 0.25 | 0.796 / 0.497 | 0.868 / 0.418 | −0.016 [−0.053, +0.051] |" in gate
    audit = summary_table({"x": figures}, SummaryTable.audit, intervals=True)
    assert "| swapped | d | detector and context | 0.979 [0.972, 0.986] | – | – |" in audit


def test_the_command_prints_the_table(summary, tmp_path):
    path = tmp_path / "summary.json"
    write_summary(summary, path)
    done = CliRunner().invoke(application(["summary_table"]), ["summary-table", str(path), "--table", "published"])
    assert done.exit_code == 0, done.output
    assert summary_table({"x": summary}, SummaryTable.published) in done.output


def test_a_file_of_something_else_is_refused(write_json):
    with pytest.raises(UserError, match=r"dataset\.model\.experiment\.measure"):
        read_summary(write_json({"annotations": []}))
    with pytest.raises(UserError, match="not a readable JSON file"):
        read_summary(write_json("{"))


def test_numbers_of_images_come_from_the_summary_of_the_data(results):
    class Counted(FinishedRun):
        def optional_csv(self, name):
            rows = [
                ("train", "images", 300, ""),
                ("train", "images without objects", 7, "a.jpg"),
                ("val", "classes", 6, ""),
            ]
            return pd.DataFrame(rows, columns=["split", "item", "count", "example"])

    figures = summarize(Counted(results, FAMILIES, ["published"], [], None), "x")
    assert figures["x.data.train.n_images"]["value"] == 300
    assert figures["x.data.train.n_images_without_objects"]["value"] == 7
    assert "x.data.val.n_images" not in figures
