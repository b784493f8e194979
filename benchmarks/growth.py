"""`python benchmarks/growth.py [--images N…] [--classes C…] [--steps STEP…]`: how time and memory grow with images and classes.

Made-up data sets. Each step is a process of its own, or a few for the report. Steps: `scenes` encodes; `fit` trains the object
transformer for one epoch; `audit` judges all labels by a mixture; `check` answers for every image of a COCO file by the same;
`report` lists anomalies and writes the report of a run with so many validation images. Models for audit, check and report are
fitted on the first 20,000 images, which is not counted: what is measured is what grows with the images that are looked at.

Results are kept in results/benchmarks/growth.csv, and the exponents of time and memory between the smallest and the largest
number of images are printed: 1 is a straight line, 2 is quadratic. A start of the process counts, so small sets seem to grow
less; what is printed as seconds a 1,000 images is without that of the smallest set. Time is that of all cores together, which
hardly depends on what else the machine does.
"""

import argparse
import csv
import json
import math
import shutil
from pathlib import Path

from made_up import write_json, write_tables
from measure import WORK, command, main_of, run

STEPS = ("scenes", "fit", "audit", "check", "report")
FITTED_ON = 20_000  # images
JUDGES = {"family": "mixture", "components": [40], "seeds": [0], "steps": 30}
TABLE = WORK / "growth.csv"
COLUMNS = ("step", "classes", "images", "seconds", "processor_seconds", "peak_mb", "report_mb")


class DataSet:
    """A made-up data set, its scenes, and the models that judge it."""

    def __init__(self, images: int, classes: int) -> None:
        """Write the tables that all steps read."""
        self.images, self.classes = images, classes
        self.folder = WORK / "growth" / f"{images}_{classes}"
        shutil.rmtree(self.folder, ignore_errors=True)
        write_tables(self.folder, "train", min(images, FITTED_ON), classes, seed=1)
        write_tables(self.folder, "val", images, classes)

    def file(self, name: str, split: str = "val") -> Path:
        """A table of a split."""
        return self.folder / name / f"{split}.parquet"

    def encode(self):
        """Encode both splits."""
        sources = [
            f"--{s}-{t}={self.file(t, s)}" for s in ("train", "val") for t in ("annotations", "categories", "scenes")
        ]
        rest = [f"--{s}-scenes-unfiltered={self.folder}/scenes/{s}_unfiltered.parquet" for s in ("train", "val")]
        counts = [
            f"--class-counts={self.folder}/scenes/class_counts.csv",
            f"--data-summary={self.folder}/data_summary.csv",
        ]
        images = [f"--{s}-images={self.file('images', s)}" for s in ("train", "val")]
        return run(*command("scenes", "--dataset", "made up", "--include-person", *sources, *rest, *counts, *images))

    def fit(self, name: str, settings: dict, split: str, *more):
        """Fit a model."""
        out = [
            f"--{what}={self.folder}/models/{name}.{what}.{end}"
            for what, end in (("history", "csv"), ("calibration", "parquet"))
        ]
        out += [f"--output={self.folder}/models/{name}.safetensors", f"--scenes={self.file('scenes', split)}"]
        return run(*command("fit", "--name", name, "--settings", json.dumps(settings), "--threads", 2, *out, *more))

    def judge(self) -> Path:
        """The model that audits and checks, fitted if it is not there."""
        model = self.folder / "models" / "judge.safetensors"
        if not model.exists():
            self.fit("judge", JUDGES, "train")
        return model


def scenes(data: DataSet) -> list:
    return [data.encode()]


def fit(data: DataSet) -> list:
    settings = {"family": "object_transformer", "epochs": 1, "min_steps": 0}
    tables = {"objects": "annotations", "images": "images", "categories": "categories"}
    return [data.fit("objects", settings, "val", *(f"--{o}={data.file(t)}" for o, t in tables.items()))]


def audit(data: DataSet) -> list:
    data.judge()
    return [run(*command("audit", *_audit(data, data.folder)))]


def _audited(data: DataSet) -> list:
    """The options that name what is audited."""
    sources = [f"--{name}={data.file(name)}" for name in ("annotations", "categories", "images")]
    return [*sources, f"--model={data.judge()}", f"--train-scenes={data.file('scenes', 'train')}"]


def _audit(data: DataSet, folder: Path) -> list:
    out = folder / "audit"
    targets = [f"--output={out}/context.parquet", f"--csv={out}/context.csv", f"--coco={out}/context.json"]
    targets += [f"--selection-table={out}/context.selection.csv"]
    return [*_audited(data), *targets]


def check(data: DataSet) -> list:
    model, source = data.judge(), data.folder / "instances.json"
    write_json(source, data.images, data.classes)
    calibration = model.with_suffix(".calibration.parquet")
    options = ["--model", model, "--calibration", calibration, "--format", "jsonl", "--exit-zero"]
    return [run(*command("check", source, *options, "--output", data.folder / "answers.jsonl"))]


def report(data: DataSet) -> list:
    """All that reads the validation images on the way to the report; experiments and audit are made on few."""
    folder, models = data.folder, data.folder / "models"
    data.fit("frequency", {"family": "frequency"}, "train")
    few = DataSet(1_000, data.classes) if data.images > 1_000 else data
    if few is not data:
        few.encode()
    for protocol in ("published", "corrected"):
        out = folder / "experiments" / protocol
        options = [f"--model={models}/frequency.safetensors", f"--scenes={few.file('scenes')}", "--n-resamples=20"]
        options += [f"--summary={out}/frequency.summary.parquet", f"--csv={out}/frequency.summary.csv"]
        options += [f"--train-scenes={data.file('scenes', 'train')}"]
        if protocol == "published":
            options += [f"--draws-table={out}/frequency.draws.parquet"]
        else:
            known = f"--calibration={models}/frequency.calibration.parquet"
            options += [known, f"--trials-table={out}/frequency.parquet", f"--curve={out}/frequency.calibration.csv"]
        run(*command(f"experiment-{protocol}", *options))
    trials = [f"--trials={folder}/experiments/corrected/frequency.parquet", "--name=frequency", "--reference=frequency"]
    run(*command("compare-models", *trials, f"--output={folder}/experiments/differences.csv"))
    (folder / "configuration.yaml").write_text("results: results\n")
    if not (folder / "audit" / "context.parquet").exists():
        run(*command("audit", *_audit(few, folder)))
    evaluation = folder / "audit" / "context.evaluation.csv"
    run(*command("evaluate-audit", *_audited(few), f"--output={evaluation}", "--n-resamples=20"))
    listing = [f"--{a}={folder}/anomalies/frequency.{b}" for a, b in (
        ("output", "parquet"), ("csv", "csv"), ("text", "txt"), ("attributions", "attributions.parquet")
    )]  # fmt: skip
    listed = run(
        *command("list-anomalies", f"--model={models}/frequency.safetensors", f"--scenes={data.file('scenes')}"),
        f"--images={data.file('images')}", f"--calibration={models}/frequency.calibration.parquet", *listing,
    )  # fmt: skip
    named = ["--model", "frequency=frequency", "--listing", "frequency", "--auditor", "context"]
    paths = [f"--figure={folder}/anomalies.png", f"--summary={folder}/summary.json", f"--output={folder}/report.html"]
    options = ["--results", folder, "--dataset-name", "made up", "--dataset-kind", "own", *named, *paths]
    return [listed, run(*command("write-report", *options, f"--configuration={folder}/configuration.yaml"))]


def measure(step: str, data: DataSet) -> dict:
    """Run a step, and keep a row of it."""
    if step != "scenes" and not data.file("scenes").exists():
        data.encode()
    runs = globals()[step](data)
    page = data.folder / "report.html"
    return {
        "step": step, "classes": data.classes, "images": data.images, "seconds": round(sum(r.seconds for r in runs), 2),
        "processor_seconds": round(sum(r.processor_seconds for r in runs), 2),
        "peak_mb": round(max(r.peak_mb for r in runs)),
        "report_mb": round(page.stat().st_size / 1e6, 2) if step == "report" else "",
    }  # fmt: skip


def exponent(first: dict, last: dict, what: str) -> float:
    """The power of the number of images with which a figure grows."""
    return math.log(float(last[what]) / float(first[what])) / math.log(int(last["images"]) / int(first["images"]))


def kept() -> dict[tuple, dict]:
    """The rows that are there, by step, classes and images."""
    if not TABLE.exists():
        return {}
    with TABLE.open(newline="") as file:
        return {(r["step"], int(r["classes"]), int(r["images"])): r for r in csv.DictReader(file)}


def keep(row: dict) -> None:
    """Put a row into the table, in place of an earlier one."""
    rows = kept()
    rows[row["step"], row["classes"], row["images"]] = row
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    with TABLE.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows[key] for key in sorted(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--classes", type=int, nargs="+", default=[80, 202, 1230])
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    how = parser.parse_args()
    for classes in how.classes:
        for images in how.images:
            data = DataSet(images, classes)
            for step in how.steps:
                row = measure(step, data)
                keep(row)
                print(", ".join(f"{name} {row[name]}" for name in COLUMNS if row[name] != ""), flush=True)
            shutil.rmtree(data.folder)
    for step in how.steps:
        for classes in how.classes:
            rows = [r for (s, c, _), r in sorted(kept().items()) if (s, c) == (step, classes)]
            if len(rows) > 1:
                first, last = rows[0], rows[-1]
                more = (float(last["processor_seconds"]) - float(first["processor_seconds"])) / (
                    int(last["images"]) - int(first["images"])
                )
                print(
                    f"{step}, {classes} classes, {first['images']} to {last['images']} images: {1e3 * more:.3g} processor "
                    f"seconds a 1,000 images, time grows as images^{exponent(first, last, 'processor_seconds'):.2f}, memory as "
                    f"images^{exponent(first, last, 'peak_mb'):.2f}"
                )


if __name__ == "__main__":
    main_of(main)
