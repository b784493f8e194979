"""What runs again after which change, on the real workflow."""

from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.workflow

# What judges by the masked network unless another model is named.
BY_MASKED = {"fuse": 1, "rescore_boxes": 1, "evaluate_rescoring": 1, "audit_annotations": 1, "evaluate_audit": 1}
CORRECTED = {"experiment_corrected": 1, "compare_models": 1}
REPORT = {"write_report": 1, "all": 1}


@contextmanager
def edited(project, name):
    """A module with a line more, for a while."""
    path = project.folder / "src/contextual_anomaly" / name
    before = path.read_text()
    path.write_text(before + "\n# edited\n")
    try:
        yield
    finally:
        path.write_text(before)


def test_the_whole_workflow_ends_in_a_report(finished):
    assert (finished.folder / "results/report.html").stat().st_size > 100_000


def test_a_second_run_has_nothing_to_do(finished):
    assert finished.planned() == {}


def test_everything_lies_under_results(finished):
    made = {path.name for path in finished.folder.iterdir()}
    assert made - {".snakemake"} == {"Snakefile", "config.yaml", "rules", "workflow", "envs", "profiles", "src"} | {
        "small.yaml",
        "results",
    }


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("anomalies={missing_above: 0.7}", {"list_anomalies": 1} | REPORT),
        ("anomalies={missing_rate: 0.01}", {"list_anomalies": 1} | REPORT),
        ("rescoring={keep_above: 0.6}", {"rescore": 1} | REPORT),
        ("experiments={n_draws_corrected: 2}", {"experiment_corrected": 8, "compare_models": 1} | REPORT),
        ("models={published: {epochs: 4}}",
         {"fit": 1, "list_anomalies": 1, "experiment_published": 1, "rescore": 1} | CORRECTED | REPORT),
        ("models={masked: {epochs: 2}}",
         {"fit": 2, "list_anomalies": 1} | CORRECTED | {"experiment_corrected": 2} | BY_MASKED | REPORT),
    ],
)  # fmt: skip
def test_a_setting_reruns_what_reads_it_and_what_follows(finished, setting, expected):
    # The settings are written down, whatever else reads them.
    assert finished.planned("--config", setting) == expected | {"configuration": 1}


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("anomalies.py", {"list_anomalies": 2} | REPORT),
        ("models/families/oracle.py", {"world_oracle": 1, "experiment_published": 1} | CORRECTED | REPORT),
        ("models/training/masked.py",
         {"fit": 3, "list_anomalies": 1} | CORRECTED | {"experiment_corrected": 3} | BY_MASKED | REPORT),
        ("commands/evaluate_detector.py", {"evaluate_detector": 1} | REPORT),
        ("report/__init__.py", REPORT),
        ("download/transfer.py", {}),
        ("config.py", {}),
    ],
)  # fmt: skip
def test_an_edit_reruns_the_stages_that_use_the_module(finished, module, expected):
    with edited(finished, module):
        assert finished.planned() == expected
    assert finished.planned() == {}


def test_a_deleted_output_is_made_again_with_what_follows(finished):
    path = finished.folder / "results/models/frequency.safetensors"
    content, before = path.read_bytes(), path.stat()
    path.unlink()
    assert finished.planned() == {"fit": 1, "experiment_published": 1} | CORRECTED | REPORT
    finished.snakemake("results/models/frequency.safetensors")
    assert path.read_bytes() == content
    assert path.stat().st_mtime_ns > before.st_mtime_ns
    finished.snakemake()
    assert finished.planned() == {}


def test_a_single_target_makes_what_it_needs_and_no_more(fresh):
    expected = {"world_annotations": 1, "annotations": 2, "scenes": 1, "fit": 1}
    assert fresh.planned("results/models/frequency.safetensors") == expected
    fresh.snakemake("results/models/frequency.safetensors")
    made = {str(p.relative_to(fresh.folder / "results")) for p in (fresh.folder / "results").rglob("*") if p.is_file()}
    assert "models/frequency.safetensors" in made
    assert not [name for name in made if name.startswith(("world/val2017", "experiments", "report"))]


def test_a_named_target_runs_alone(fresh):
    assert set(fresh.planned("prepare")) == {"world_annotations", "annotations", "scenes", "prepare"}
