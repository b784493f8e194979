"""Working copies that share what is expensive, through Snakemake's cache between workflows."""

from pathlib import Path

import pytest

from tests.workflow.conftest import Project, copy_project

pytestmark = pytest.mark.workflow
SHARED = {
    "annotations.train",
    "annotations.val",
    "fit.frequency",
    "fit.published",
    "scenes",
    "world_annotations",
    "world_detector",
    "world_images",
    "world_oracle",
}
TARGETS = (
    *(f"results/models/{name}.safetensors" for name in ("frequency", "published", "oracle")),
    "results/annotations/val.parquet",
    "results/world/detector.onnx",
    "results/world/val2017",
)


@pytest.fixture
def cache(tmp_path) -> Path:
    """An empty cache."""
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


def done(project: Project, cache: Path, *arguments: str) -> set[str]:
    """The steps that a run with the cache does itself, by the logs that they leave."""
    logs = project.folder / "results/logs"
    for log in logs.glob("*.log"):
        log.unlink()
    project.snakemake(*TARGETS, "--cache", *arguments, SNAKEMAKE_OUTPUT_CACHE=str(cache))
    # What comes from the cache leaves an empty log.
    return {log.stem for log in logs.glob("*.log") if log.stat().st_size}


def test_a_second_working_copy_takes_what_the_first_has_made(finished, fresh, cache, tmp_path):
    assert done(fresh, cache) >= SHARED
    another = copy_project(tmp_path / "another")
    assert not done(another, cache) & SHARED
    made = another.digests()
    assert len(made) > 30
    # Each file is what it would be without a cache: none has been taken for another of its rule.
    whole = finished.digests()
    assert made == {name: whole[name] for name in made}
    assert (another.folder / "results/models/published.safetensors").readlink().is_relative_to(cache)

    # What has changed is made anew, and what does not hang on it still comes from the cache.
    epochs = "models={published: {epochs: 1}}"
    assert done(copy_project(tmp_path / "configured"), cache, "--config", epochs) & SHARED == {"fit.published"}
    edited = copy_project(tmp_path / "edited")
    source = edited.folder / "src/contextual_anomaly/models/training/autoencoder.py"
    source.write_text(source.read_text() + "\n# edited\n")
    assert done(edited, cache) & SHARED == {"fit.published"}


def test_without_the_option_nothing_is_said_of_caches(fresh):
    assert "cach" not in fresh.snakemake("--dry-run").stdout
