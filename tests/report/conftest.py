"""A small results folder, written with the real commands' functions on a hand-made world."""

import json
import os
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import pytest

from contextual_anomaly.cli import application

NAMES = ["bed", "<script>alert(1)</script>", "cat", "cup", r"=$\fork{$", "knife"]


@pytest.fixture(scope="session")
def results(tmp_path_factory) -> Path:
    """The results of the stages before the report, run on 300 + 60 images of six classes, one of a hostile name."""
    folder = tmp_path_factory.mktemp("results")
    rng = np.random.default_rng(0)
    categories = [{"id": i + 1, "name": name, "supercategory": "thing"} for i, name in enumerate(NAMES)]
    share = np.array([[0.8, 0.7, 0.6, 0.05, 0.03, 0.02], [0.02, 0.05, 0.3, 0.7, 0.8, 0.9]])
    for split, images in (("train", 300), ("val", 60)):
        presence = rng.random((images, 6)) < share[rng.integers(0, 2, images)]
        annotations = [
            {"id": int(i * 6 + c), "image_id": int(i), "category_id": int(c + 1), "bbox": [4 + 5 * int(c), 6, 20, 30]}
            for i, c in np.argwhere(presence)
        ]
        pictures = [
            {"id": i, "file_name": f"{i:012}.jpg", "width": 80, "height": 60, "coco_url": f"http://x/{i}.jpg"}
            for i in range(images)
        ]
        content = {"images": pictures, "annotations": annotations, "categories": categories}
        (folder / f"{split}.json").write_text(json.dumps(content))
        tables = [f"--{name}={folder}/{name}/{split}.parquet" for name in ("annotations", "images", "categories")]
        run("annotations", folder / f"{split}.json", *tables)
    (folder / "pictures").mkdir()
    for i in range(60):
        cv2.imwrite(str(folder / "pictures" / f"{i:012}.jpg"), rng.integers(0, 255, (60, 80, 3), np.uint8))
    splits = [
        f"--{s}-{t}={folder}/{t}/{s}.parquet" for s in ("train", "val") for t in ("annotations", "categories", "scenes")
    ]
    out = [
        f"--class-counts={folder}/scenes/class_counts.csv",
        f"--train-scenes-unfiltered={folder}/scenes/train_unfiltered.parquet",
        f"--val-scenes-unfiltered={folder}/scenes/val_unfiltered.parquet",
    ]
    run("scenes", *splits, "--dataset", "six things", *out)
    train = f"--scenes={folder}/scenes/train.parquet"
    val = f"--scenes={folder}/scenes/val.parquet"
    models = folder / "models"
    settings = {
        "published": {"family": "autoencoder", "objective": "published", "bottlenecks": [2, 10], "weight_seeds": [0],
                      "epochs": 3, "batch_size": 32},
        "frequency": {"family": "frequency"},
        "mixture": {"family": "mixture", "components": [2], "seeds": [0], "steps": 20},
    }  # fmt: skip
    for model, chosen in settings.items():
        out = [f"--output={models}/{model}.safetensors", f"--history={models}/{model}.history.csv"]
        known = f"--calibration={models}/{model}.calibration.parquet"
        run("fit", train, "--name", model, "--settings", json.dumps(chosen), *out, known)
        for protocol in ("published", "corrected")[model == "mixture" :]:
            out = folder / "experiments" / protocol
            options = [f"--model={models}/{model}.safetensors", val, "--n-resamples=20"]
            options += [f"--summary={out}/{model}.summary.parquet", f"--csv={out}/{model}.summary.csv"]
            options += [f"--train-scenes={folder}/scenes/train.parquet"]
            if protocol == "published":
                options += [f"--draws-table={out}/{model}.draws.parquet"]
            else:
                options += [known, f"--trials-table={out}/{model}.parquet", f"--curve={out}/{model}.calibration.csv"]
            run(f"experiment-{protocol}", *options)
    trials = [f"--trials={folder}/experiments/corrected/{model}.parquet" for model in settings]
    names = [f"--name={model}" for model in settings]
    run("compare-models", *trials, *names, "--reference=published", f"--output={folder}/experiments/differences.csv")
    run(
        "list-anomalies", f"--model={models}/published.safetensors", val, f"--images={folder}/images/val.parquet",
        f"--calibration={models}/published.calibration.parquet",
        "--missing-above=0.4", "--unexpected-below=0.35", f"--output={folder}/anomalies/published.parquet",
        f"--csv={folder}/anomalies/published.csv", f"--text={folder}/anomalies/published.txt",
        f"--attributions={folder}/anomalies/published.attributions.parquet",
    )  # fmt: skip
    tables = [f"--{name}={folder}/{name}/val.parquet" for name in ("annotations", "images", "categories")]
    tables += [f"--train-{name}={folder}/{name}/train.parquet" for name in ("annotations", "images")]
    written = {"summary": "summary.parquet", "csv": "summary.csv", "odd": "odd.parquet", "odd-csv": "odd.csv"}
    out = [f"--{option}={folder}/experiments/objects/mixture.{end}" for option, end in written.items()]
    run("experiment-objects", f"--model={models}/mixture.safetensors", *tables, "--n-resamples=20", *out)
    (folder / "logs").mkdir()
    usage = {"command": "fit", "seconds": 12.34, "peak_memory_mb": 512}
    (folder / "logs/fit.published.usage.json").write_text(json.dumps(usage))
    (folder / "logs/fit.published.log").write_text("finished in 99.99 s, peak memory 999 MB\n")  # nobody reads it
    (models / "published.timing.json").write_text(json.dumps({"fit_seconds": 11.9}))
    (folder / "experiments/corrected/published.timing.json").write_text(json.dumps({"milliseconds_per_scene": 0.46}))
    (folder / "configuration.yaml").write_text("results: results\n")
    return folder


def run(command: str, *options) -> None:
    """A command of the package, in this process: twenty of them would take longer to start than to run."""
    # What the commands tell the libraries of the one process that they usually are is not for the tests that follow.
    with mock.patch.dict(os.environ, PJRT_NPROC=str(os.cpu_count())):
        application([command.replace("-", "_")])([command, *map(str, options)], standalone_mode=False)
