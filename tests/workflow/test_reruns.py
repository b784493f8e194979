"""What runs and what runs again, on the real workflow; test_dag.py asks only what would run."""

import shutil

import pytest

from tests.workflow.conftest import Project

pytestmark = pytest.mark.workflow


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


def test_a_deleted_output_is_made_again_with_what_follows(finished, tmp_path):
    shutil.copytree(finished.folder, tmp_path / "project", symlinks=True)
    project = Project(tmp_path / "project")
    path = project.folder / "results/models/frequency.safetensors"
    content, before = path.read_bytes(), path.stat()
    path.unlink()
    expected = {"fit", "experiment_published", "experiment_corrected", "compare_models", "write_report", "all"}
    assert set(project.planned()) == expected
    project.snakemake("results/models/frequency.safetensors")
    assert path.read_bytes() == content
    assert path.stat().st_mtime_ns > before.st_mtime_ns
    project.snakemake()
    assert project.planned() == {}


def test_a_single_target_makes_what_it_needs_and_no_more(fresh):
    expected = {"world_annotations": 1, "annotations": 2, "scenes": 1, "fit": 1}
    assert fresh.planned("results/models/frequency.safetensors") == expected
    fresh.snakemake("results/models/frequency.safetensors")
    made = {str(p.relative_to(fresh.folder / "results")) for p in (fresh.folder / "results").rglob("*") if p.is_file()}
    assert "models/frequency.safetensors" in made
    assert not [name for name in made if name.startswith(("world/val2017", "experiments", "report"))]
