"""The workflow from the network: a real server on loopback, archives, subsets, cache, and no network at all."""

import json
import re
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from tests.download.server import Misbehaviour, Site, serving
from tests.workflow.conftest import copy_project

pytestmark = pytest.mark.workflow
ARCHIVE = "annotations_trainval2017.zip"
IMAGES = 16
LISTING = "results/anomalies/published.csv"


@pytest.fixture(scope="module")
def world(finished, tmp_path_factory) -> tuple[Site, bytes]:
    """The synthetic world's own files as COCO's server has them, and its annotations as COCO's archive."""
    site = Site()
    with serving(site):
        folder = finished.folder / "results/world"
        for picture in (folder / "val2017").glob("*.jpg"):
            site.files[f"/val2017/{picture.name}"] = picture.read_bytes()
        archive = tmp_path_factory.mktemp("archive") / ARCHIVE
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as package:
            for split in ("train", "val"):
                content = json.loads((folder / f"annotations/instances_{split}2017.json").read_text())
                for image in content["images"]:
                    image["coco_url"] = f"{site.address}/{split}2017/{image['file_name']}"
                package.writestr(f"annotations/instances_{split}2017.json", json.dumps(content))
                package.writestr(f"annotations/captions_{split}2017.json", "{}")
        site.files[f"/{ARCHIVE}"] = archive.read_bytes()
        yield site, archive.read_bytes()


def coco(project, site: Site, archive: bytes, **downloads) -> str:
    """A configuration of kind coco that downloads from the site."""
    files = {
        ARCHIVE: {
            "addresses": [f"{site.address}/nowhere.zip", f"{site.address}/{ARCHIVE}"],
            "size": len(archive),
            "sha256": sha256(archive).hexdigest(),
        }
    }
    settings = {
        "dataset": {"name": "synthetic world", "kind": "coco"},
        "downloads": {"files": files, "hosts": ["127.0.0.1"], **downloads},
        "detection": {"detectors": []},
    }
    (project.folder / "coco.json").write_text(json.dumps(settings))
    return "coco.json"


def made(project) -> set[str]:
    return {str(p.relative_to(project.folder / "data")) for p in (project.folder / "data").iterdir()}


def requested(site: Site, since: int) -> list[str]:
    return [path for path, _ in site.requests[since:]]


def test_a_dry_run_needs_no_network(fresh):
    nobody = Site(address="http://127.0.0.1:9")
    settings = coco(fresh, nobody, b"x", images="subset"), "workflow/config/coco2017_yolov3.yaml"
    planned = fresh.snakemake("--dry-run", settings=settings, CONTEXTUAL_ANOMALY_DATA="").stdout
    for job in (
        "download",
        "unpack_annotations",
        "fetch_images",
        "darknet_to_onnx",
        "detect",
        "evaluate_detector",
        "write_report",
    ):
        assert f"rule {job}:" in planned
    for name in ("yolov3.weights", "yolov3.cfg", "coco.names"):
        assert f"output: data/{name}" in planned
    assert not (fresh.folder / "data").exists()


def test_from_nothing_over_a_network_that_breaks_off_to_the_report(fresh, finished, world):
    site, archive = world
    settings = coco(fresh, site, archive, images="subset", subset=IMAGES)
    pictures = sorted(path for path in site.files if path.startswith("/val2017/"))
    gone = site.files.pop(pictures[2])
    site.misbehaviours[f"/{ARCHIVE}"] = [Misbehaviour(break_after=len(archive) // 2)]
    site.misbehaviours[pictures[0]] = [Misbehaviour(break_after=10)]
    said = fresh.snakemake(settings=(settings,), CONTEXTUAL_ANOMALY_DATA="").stdout
    site.files[pictures[2]] = gone

    assert f"{len(archive) // 2:,} bytes are here, continuing in" in said
    assert "404 Not Found" in said  # the picture that is gone
    name = Path(pictures[2]).name
    assert f"{name}: missing" in said
    html = (fresh.folder / "results/report.html").read_text()
    assert f"{IMAGES - 1} of {IMAGES} images were fetched one by one; no server has {name}." in html
    assert len(list((fresh.folder / f"data/val2017_first{IMAGES}").glob("*.jpg"))) == IMAGES - 1
    # The same scenes as the world's own, so the same figures; only the links to COCO differ.
    published = "results/experiments/published/published.summary.csv"
    assert (fresh.folder / published).read_bytes() == (finished.folder / published).read_bytes()

    before = len(site.requests)
    planned = fresh.snakemake("--dry-run", settings=(settings,), CONTEXTUAL_ANOMALY_DATA="").stdout
    assert "Nothing to be done" in planned
    # The same file from elsewhere is the same file.
    text = (fresh.folder / settings).read_text().replace("/nowhere.zip", "/elsewhere.zip")
    (fresh.folder / settings).write_text(text)
    planned = fresh.snakemake("--dry-run", settings=(settings,), CONTEXTUAL_ANOMALY_DATA="").stdout
    assert "rule download:" not in planned
    assert len(site.requests) == before


def test_a_wrong_checksum_ends_in_one_message_and_no_file(fresh, world):
    site, archive = world
    settings = coco(fresh, site, archive)
    text = (fresh.folder / settings).read_text().replace(sha256(archive).hexdigest(), 64 * "0")
    (fresh.folder / settings).write_text(text)
    done = fresh.snakemake("prepare", "--retries", "0", settings=(settings,), check=False, CONTEXTUAL_ANOMALY_DATA="")
    assert done.returncode != 0
    assert f"{64 * '0'} was expected; it was deleted" in done.stdout
    assert "Traceback" not in done.stdout
    assert not [name for name in made(fresh) if name.endswith((".zip", ".part"))]


def test_working_copies_share_a_cache(fresh, world, tmp_path):
    site, archive = world
    cache = tmp_path / "cache"
    cache.mkdir()
    environment = {"CONTEXTUAL_ANOMALY_DATA": "", "SNAKEMAKE_OUTPUT_CACHE": str(cache)}
    fresh.snakemake("prepare", "--cache", settings=(coco(fresh, site, archive),), **environment)
    another = copy_project(tmp_path / "another")
    before = len(site.requests)
    another.snakemake("prepare", "--cache", settings=(coco(another, site, archive),), **environment)
    assert requested(site, before) == []
    assert (another.folder / "results/scenes/val.parquet").is_file()


def test_another_version_of_the_rule_fetches_nothing_anew(fresh, world):
    site, archive = world
    settings = coco(fresh, site, archive)
    fresh.snakemake(f"data/{ARCHIVE}", settings=(settings,), CONTEXTUAL_ANOMALY_DATA="")
    rules = fresh.folder / "rules/download.smk"
    rules.write_text(rules.read_text().replace(" {params.addresses} ", "  {params.addresses}  "))
    before = len(site.requests)
    said = fresh.snakemake(f"data/{ARCHIVE}", "--verbose", settings=(settings,), CONTEXTUAL_ANOMALY_DATA="").stdout
    assert "Code has changed" in said
    assert "checksum verified, was there" in said
    assert requested(site, before) == []


def test_only_what_the_local_copy_lacks_is_fetched_for_an_offline_machine(fresh, tmp_path):
    copy = tmp_path / "copy"
    (copy / "annotations").mkdir(parents=True)
    for split in ("train", "val"):
        (copy / f"annotations/instances_{split}2017.json").touch()
    (copy / "yolov3.cfg").touch()
    (fresh.folder / "coco.yaml").write_text("dataset: {kind: coco}\ndetection: {detectors: []}\n")
    planned = fresh.snakemake(
        "--dry-run", "downloads", settings=("coco.yaml",), CONTEXTUAL_ANOMALY_DATA=str(copy)
    ).stdout
    assert set(re.findall(r"output: data/(\S+)", planned)) == {"val2017.zip", "yolov3.weights", "coco.names"}


@pytest.mark.parametrize("kind", ["folder", "archives"])
def test_a_local_copy_is_used_in_place_of_the_network(fresh, finished, world, tmp_path, kind):
    site, archive = world
    copy = tmp_path / "copy"
    copy.mkdir()
    pictures = finished.folder / "results/world/val2017"
    if kind == "folder":
        (copy / ARCHIVE).write_bytes(archive)
        with zipfile.ZipFile(copy / ARCHIVE) as package:
            package.extractall(copy, [f"annotations/instances_{split}2017.json" for split in ("train", "val")])
        (copy / ARCHIVE).unlink()
        (copy / "val2017").symlink_to(pictures)
    else:
        (copy / ARCHIVE).write_bytes(archive)
        with zipfile.ZipFile(copy / "val2017.zip", "w") as package:
            for picture in pictures.iterdir():
                package.write(picture, f"val2017/{picture.name}")
    before = len(site.requests)
    settings = coco(fresh, site, archive)
    fresh.snakemake(LISTING, settings=(settings,), CONTEXTUAL_ANOMALY_DATA=str(copy))
    planned = fresh.snakemake("--dry-run", settings=(settings,), CONTEXTUAL_ANOMALY_DATA=str(copy)).stdout
    assert ("rule unpack_images:" in planned) == (kind == "archives")
    assert requested(site, before) == []
    if kind == "archives":
        fresh.snakemake("data/val2017", settings=(settings,), CONTEXTUAL_ANOMALY_DATA=str(copy))
        assert len(list((fresh.folder / "data/val2017").glob("*.jpg"))) == IMAGES


def test_detectors_without_images_are_refused_with_what_to_do(fresh, world):
    site, archive = world
    settings = coco(fresh, site, archive)
    text = json.loads((fresh.folder / settings).read_text())
    text["detection"]["detectors"] = [{"name": "d", "family": "yolox", "weights": "d.onnx"}]
    (fresh.folder / settings).write_text(json.dumps(text))
    done = fresh.snakemake("--dry-run", settings=(settings,), check=False, CONTEXTUAL_ANOMALY_DATA="")
    assert done.returncode != 0
    assert "Set downloads.images to subset or archive" in done.stdout
