"""What would run: dry runs, on a project that looks as if its workflow had run. Nothing is computed."""

import json
import re
import shutil
from contextlib import contextmanager

import pytest
import yaml

from contextual_anomaly.runtime.atomic import atomic_folder

pytestmark = pytest.mark.slow

# What judges by the masked network unless another model is named.
BY_MASKED = {"fuse": 1, "evaluate_rescoring": 1, "audit_annotations": 1, "evaluate_audit": 1}
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


def test_a_run_that_is_complete_has_nothing_to_do(pretended):
    assert pretended.planned() == {}


@pytest.mark.parametrize("settings", [(), ("workflow/config/coco2017.yaml",)])
def test_an_output_that_is_deleted_is_made_again(fresh, settings):
    """Snakemake makes a missing file again if a later step has to run, or if it is a target: all outputs are targets.

    Downloads are not, nor what is unpacked from them: they may be deleted where space is short.
    """
    plan = fresh.snakemake("--workflow-profile", "none", "--dry-run", "--forceall", settings=settings).stdout
    jobs = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", plan, re.MULTILINE)

    def files(kind: str, of: str | None = None) -> set[str]:
        lists = [re.search(rf"^    {kind}: (.*)$", job, re.MULTILINE) for rule, job in jobs if of in (None, rule)]
        return {name for found in lists if found for name in found[1].split(", ")}

    assert len(files("output")) > 100
    assert {name for name in files("output") - files("input", "all") if not name.startswith("data/")} == set()


def test_an_image_that_is_missing_is_named_before_anything_runs(fresh):
    folder = fresh.folder / "results/world/val2017"
    with atomic_folder(folder) as temporary:
        for name in ("1.jpg", "2.jpg"):
            (temporary / name).write_text("an image")
    fresh.snakemake("--dry-run", "models")
    (folder / "2.jpg").unlink()
    done = fresh.snakemake("--dry-run", "models", check=False)
    assert done.returncode != 0
    assert (
        "results/world/val2017: 1 of the 2 files of its manifest are damaged, the first: 2.jpg is missing."
        " Delete the folder and run again." in done.stdout
    )
    shutil.rmtree(folder)
    assert fresh.planned("results/world/val2017")["world_images"] == 1


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("anomalies={missing_above: 0.7}", {"list_anomalies": 1} | REPORT),
        ("anomalies={missing_rate: 0.01}", {"list_anomalies": 1} | REPORT),
        ("rescoring={keep_above: 0.6}", {"rescore": 1} | REPORT),
        ("experiments={n_draws_corrected: 2}", {"experiment_corrected": 9, "compare_models": 1} | REPORT),
        ("experiments={changed_objects: 0.1}", {"experiment_objects": 1} | REPORT),
        ("models={published: {epochs: 4}}",
         {"fit": 1, "list_anomalies": 1, "experiment_published": 1, "rescore": 1} | CORRECTED | REPORT),
        ("models={masked: {epochs: 2}}",
         {"fit": 2, "list_anomalies": 1, "calibrate_detections": 1, "evaluate_watch": 1, "experiment_objects": 1}
         | CORRECTED | {"experiment_corrected": 2} | BY_MASKED | REPORT),
    ],
)  # fmt: skip
def test_a_setting_reruns_what_reads_it_and_what_follows(pretended, setting, expected):
    # The settings are written down, whatever else reads them.
    assert pretended.planned("--config", setting) == expected | {"configuration": 1}


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("anomalies.py", {"list_anomalies": 2} | REPORT),
        ("models/families/oracle.py",
         {"world_oracle": 1, "world_oracle_with_boxes": 1, "experiment_published": 1}
         | CORRECTED | {"experiment_corrected": 2} | REPORT),
        ("models/training/masked.py",
         {"fit": 3, "list_anomalies": 1, "calibrate_detections": 1, "evaluate_watch": 1, "experiment_objects": 1}
         | CORRECTED | {"experiment_corrected": 3} | BY_MASKED | REPORT),
        ("experiments/odd_objects.py", {"experiment_objects": 1} | REPORT),
        ("commands/evaluate_detector.py", {"evaluate_detector": 1} | REPORT),
        ("report/page.py", REPORT),
        ("download/transfer.py", {}),
        ("config.py", {}),
    ],
)  # fmt: skip
def test_an_edit_reruns_the_stages_that_use_the_module(pretended, module, expected):
    with edited(pretended, module):
        assert pretended.planned() == expected
    assert pretended.planned() == {}


OTHER_FAMILY = """
from typing import Literal
from contextual_anomaly.models.families.frequency import fit, load
from contextual_anomaly.models.settings import Section


class Settings(Section):
    family: Literal["of_another_distribution"]
"""


def test_a_family_of_another_distribution_is_fitted_and_its_edit_seen(fresh, tmp_path):
    site = tmp_path / "site"
    info = site / "other-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[contextual_anomaly.families]\nof_another_distribution = other_family\n")
    (site / "other_family.py").write_text(OTHER_FAMILY)
    (fresh.folder / "other.yaml").write_text(
        yaml.safe_dump({"models": {"mine": {"family": "of_another_distribution"}}})
    )
    target = ("results/models/mine.safetensors", "--configfile", "small.yaml", "other.yaml")
    found = {"small": False, "PYTHONPATH": f"{fresh.folder / 'src'}:{site}"}
    fresh.snakemake(*target, **found)
    assert "Nothing to be done" in fresh.snakemake("--dry-run", *target, **found).stdout
    (site / "other_family.py").write_text(f"{OTHER_FAMILY}\n# edited\n")
    planned = fresh.snakemake("--dry-run", *target, **found).stdout
    assert re.search(r"^fit +1$", planned, re.MULTILINE)
    assert re.search(r"^total +1$", planned, re.MULTILINE)


def test_a_named_target_runs_alone(fresh):
    assert set(fresh.planned("prepare")) == {"world_annotations", "annotations", "scenes", "prepare"}


def test_what_a_person_asks_for_is_a_target(fresh):
    targets = ["models", "anomalies", "detections", "audit", "report", "experiment1", "experiment2"]
    planned = fresh.planned(*targets)
    assert [planned[target] for target in targets] == [1] * len(targets)


def test_models_of_objects_are_measured_beside_the_exact_answer(fresh):
    """In the synthetic world; without such a model it is not asked about single objects, which takes a while."""
    (fresh.folder / "objects.yaml").write_text(
        yaml.safe_dump({"models": {"objects": {"family": "object_transformer", "epochs": 1}}})
    )
    of_objects = ("--configfile", "small.yaml", "objects.yaml")
    planned = fresh.snakemake("--dry-run", "experiment1", *of_objects, small=False).stdout
    assert re.search(r"^experiment_objects +3$", planned, re.MULTILINE)
    assert fresh.planned("experiment1")["experiment_objects"] == 1


OWN = {"dataset": {"name": "mine", "kind": "own"}, "detection": {"detectors": []}}


def own_data(folder, instances):
    """A data set of one's own in a folder; the settings for it."""
    (folder / "annotations").mkdir(parents=True)
    for split in ("train", "val"):
        (folder / f"annotations/instances_{split}2017.json").write_text(json.dumps(instances))
    return OWN | {"dataset": OWN["dataset"] | {"local_copy": str(folder)}}


def test_the_same_settings_mean_the_same_from_another_directory(fresh, tmp_path):
    """A file that changes one setting of a default model: all others come from config.yaml beside the Snakefile."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    settings = yaml.safe_dump({"models": {"mixture": {"steps": 7}}})
    commands = {}
    for folder in (fresh.folder, elsewhere):
        (folder / "mine.yaml").write_text(settings)
        text = fresh.snakemake(
            "--printshellcmds", "--snakefile", str(fresh.folder / "Snakefile"), "--dry-run", "models",
            "--configfile", "mine.yaml", small=False, folder=folder,
        ).stdout  # fmt: skip
        commands[folder] = sorted(re.findall(r"contextual-anomaly --usage .*", text))
    assert len(commands[elsewhere]) > 15
    assert commands[elsewhere] == commands[fresh.folder]
    assert any('"steps":7' in command for command in commands[elsewhere])


def test_another_workflow_uses_this_one_as_a_module(fresh, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "Snakefile").write_text(
        f"""
module context:
    snakefile: "{fresh.folder}/Snakefile"
    config: {{"world": {{"train_images": 300}}, "results": "context"}}

use rule * from context as context_*

rule mine:
    default_target: True
    input: "context/models/mixture.safetensors"
"""
    )
    text = fresh.snakemake("--dry-run", "--printshellcmds", small=False, folder=other).stdout
    assert "rule context_fit:" in text
    assert "--train-images 300 --val-images 4000" in text


def test_a_folder_may_have_any_name_without_braces(fresh, tmp_path, instances):
    settings = own_data(tmp_path / """it's a "quoted" name & $HOME; `b` * é""", instances)
    (fresh.folder / "own.json").write_text(json.dumps(settings))
    fresh.snakemake("results/annotations/val.parquet", settings=("own.json",))
    assert (fresh.folder / "results/annotations/val.parquet").is_file()


def test_a_path_with_braces_is_refused_by_name(fresh, tmp_path, instances):
    (fresh.folder / "own.json").write_text(json.dumps(own_data(tmp_path / "a{b}", instances)))
    for environment in ({}, {"CONTEXTUAL_ANOMALY_DATA": str(tmp_path / "a{b}")}):
        done = fresh.snakemake("--dry-run", settings=("own.json",), check=False, **environment)
        assert done.returncode != 0
        assert "dataset.local_copy: a path with braces was found" in done.stdout
        assert not (fresh.folder / "results").exists()


def test_the_name_of_a_data_set_may_have_anything(fresh, tmp_path, instances):
    settings = own_data(tmp_path / "data", instances)
    settings["dataset"]["name"] = """{braces} and $HOME, "quotes" and 'these'"""
    (fresh.folder / "own.json").write_text(json.dumps(settings))
    fresh.snakemake("results/configuration.yaml", settings=("own.json",))
    written = yaml.safe_load((fresh.folder / "results/configuration.yaml").read_text())
    assert written["dataset"]["name"] == settings["dataset"]["name"]
    planned = fresh.snakemake("--dry-run", "--printshellcmds", settings=("own.json",)).stdout
    assert "{braces}" in planned


def test_what_went_wrong_is_the_last_thing_on_the_screen_and_there_once(fresh, tmp_path, instances):
    instances["categories"] = []
    (fresh.folder / "own.json").write_text(json.dumps(own_data(tmp_path / "data", instances)))
    done = fresh.snakemake("results/annotations/val.parquet", settings=("own.json",), check=False)
    assert done.returncode != 0
    first, *message, log = done.stdout[done.stdout.index("annotations val failed.") :].splitlines()
    assert first == "annotations val failed."
    assert message[0].startswith("  error: ")
    assert log == "  Log: results/logs/annotations.val.log"
    assert done.stdout.count("error: ") == 1
    assert "Traceback" not in done.stdout


def test_a_mistake_in_the_settings_is_the_last_thing_on_the_screen_and_there_once(fresh):
    done = fresh.snakemake("--dry-run", "--config", "world={drawn_images: 3}", check=False)
    assert done.returncode != 0
    said = "configuration: the setting world.drawn_images is now called world.rendered_images"
    assert done.stdout.splitlines()[-1] == said
    assert done.stdout.count("drawn_images") == 1


def test_a_step_is_one_line_not_a_hundred_file_names(fresh):
    text = fresh.snakemake("prepare").stdout
    lines = text.splitlines()
    assert "[0/5] world_annotations …" in lines
    assert re.search(r"^\[3/5\] annotations (train|val): .+ \([\d.]+ s\)$", text, re.MULTILINE)
    assert re.fullmatch(r"Done in [\d.]+ s\.", lines[-1])
    assert max(map(len, lines)) < 200


def test_downloads_go_before_the_settings(fresh):
    text = fresh.snakemake("--dry-run", "downloads", settings=("workflow/config/coco2017.yaml",)).stdout
    assert "output: data/val2017.zip" in text
