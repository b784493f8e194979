"""`python benchmarks/quick.py [--record]`: in two minutes, whether anything got slower than in the last recorded version.

Made-up data and the models that come with the package, no download and no environment of peers. Each figure is the ratio to
a yardstick that does the same work in another way and is timed by turns with it, so that figures of different machines can
be compared roughly. A stage is called slower where its ratio is below 0.75 of the smallest recorded one: less is noise.
`--record` puts the figures into `benchmarks/recorded.csv`, in place of those of the same version.
"""

import argparse
import contextlib
import csv
import io
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np
from made_up import made_up, write_json
from measure import command, machine, main_of, run

import contextual_anomaly as ca
from contextual_anomaly import pretrained
from contextual_anomaly.coco.reader import read_instances
from contextual_anomaly.models.registry import load_model
from contextual_anomaly.scenes import count_instances

RECORDED = Path(__file__).parent / "recorded.csv"
NOISE = 0.75
ROUNDS = 7
SCENE = ["surfboard", "laptop", "keyboard", "mouse"]
IMAGES, OUTLINE = 2_000, 20


@dataclass(frozen=True)
class Record:
    """One ratio of one version."""

    version: str
    date: str
    stage: str
    yardstick: str
    ratio: float  # how many times as fast as the yardstick: the median of the rounds
    low: float
    high: float
    machine: str


@dataclass(frozen=True)
class Pair:
    """A stage, and what it is compared with."""

    stage: str
    yardstick: str
    ours: Callable[[], object]
    theirs: Callable[[], object]
    calls: int = 1  # in a round


def pairs(folder: Path) -> list[Pair]:
    """What is measured."""
    path = folder / "instances.json"
    write_json(path, IMAGES, 80, outline=OUTLINE)
    few = folder / "few.json"
    write_json(few, 200, 80)
    annotations, _, categories = made_up(20 * IMAGES, 80)
    rows = list(zip(annotations["image_id"].to_pylist(), annotations["category_id"].to_pylist(), strict=True))
    model = load_model(pretrained.find("coco-small"))
    checker = ca.load("coco-small", false_alarms=0.2)
    boxes = [(120, 80, 60, 50)] * len(SCENE)
    presence = np.isin(model.classes, SCENE).astype(np.float32)[None]
    many = (np.random.default_rng(0).random((2_000, len(model.classes))) < 0.05).astype(np.float32)
    weights = np.random.default_rng(0).random((len(model.classes), 1_000), np.float32)

    def loop() -> None:
        counts: dict[int, list[int]] = {}
        for image, category in rows:
            counts.setdefault(image, [0] * 80)[category - 1] += 1

    def pycocotools() -> None:
        from pycocotools.coco import COCO

        with contextlib.redirect_stdout(io.StringIO()):
            COCO(path)

    started = [sys.executable, "-c", "import numpy"]
    return [
        Pair("annotations read from JSON", "pycocotools.COCO", lambda: read_instances(path), pycocotools),
        Pair("instances counted", "a Python loop", lambda: count_instances(annotations, categories, "made up"), loop),
        Pair("log-odds of 2,000 scenes, coco-small", "a matrix product of 79 × 1,000", lambda: model.log_odds(many), lambda: many @ weights),
        Pair("check of 4 objects with reasons, coco-small", "the bare log-odds of the scene",
             lambda: checker.check(SCENE, boxes=boxes, size=(640, 480)), lambda: model.log_odds(presence), calls=100),
        Pair("audit of 200 images, model given", "pycocotools.COCO of 2,000 images",
             lambda: ca.find_label_issues(few, max_issues=50, model=_of_made_up(folder, path)), pycocotools),
        Pair("predict from the command line", "Python with NumPy started",
             lambda: run(*command("predict", *SCENE, "--model", "coco-small")), lambda: run(*started)),
    ]  # fmt: skip


def _of_made_up(folder: Path, path: Path) -> Path:
    """A model of the made-up classes, fitted once."""
    from contextual_anomaly.models import registry
    from contextual_anomaly.models.data import TrainingData

    model = folder / "model.safetensors"
    if not model.exists():
        annotations, _, categories = read_instances(path)
        data = TrainingData(count_instances(annotations, categories, "made up"))
        registry.save(registry.fit(data, "model", registry.read_settings('{"family": "chow_liu"}'), 1).model, model, {})
    return model


def measure(pair: Pair, rounds: int) -> Record:
    """Time both by turns."""
    ratios = []
    for call in (pair.ours, pair.theirs):
        call()  # once for nothing
    for _ in range(rounds):
        seconds = []
        for call in (pair.ours, pair.theirs):
            start = time.perf_counter()
            for _ in range(pair.calls):
                call()
            seconds.append(time.perf_counter() - start)
        ratios.append(seconds[1] / seconds[0])
    low, middle, high = (float(f"{r:.3g}") for r in (min(ratios), median(ratios), max(ratios)))
    today = datetime.now(UTC).date().isoformat()
    return Record(ca.__version__, today, pair.stage, pair.yardstick, middle, low, high, machine())


def read_records(path: Path = RECORDED) -> list[Record]:
    """The recorded figures, the oldest first."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            Record(**{**row, **{n: float(row[n]) for n in ("ratio", "low", "high")}}) for row in csv.DictReader(file)
        ]


def write_records(records: list[Record], path: Path = RECORDED) -> None:
    """Put figures into the table, in place of those of the same version and stage."""
    new = {(record.version, record.stage) for record in records}
    kept = [record for record in read_records(path) if (record.version, record.stage) not in new]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Record)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(asdict, kept + records))


def verdict(now: Record, before: Record | None) -> str:
    """What is said of a figure; it begins with "slower" where it is."""
    if before is None:
        return "not recorded before"
    change = f"{now.ratio:.3g}, {before.ratio:.3g} ({before.low:.3g} to {before.high:.3g}) in version {before.version} on {before.date}"
    elsewhere = "" if before.machine == now.machine else ", on another machine"
    word = "slower" if now.ratio < NOISE * before.low else "faster" if now.ratio > before.high / NOISE else "as before"
    return f"{word}: {change}{elsewhere}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="keep the figures as those of this version")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    how = parser.parse_args()
    last = {record.stage: record for record in read_records()}
    slower = []
    with tempfile.TemporaryDirectory() as folder:
        for pair in pairs(Path(folder)):
            record = measure(pair, how.rounds)
            said = verdict(record, last.get(record.stage))
            print(
                f"{record.stage}: {record.ratio:.3g} times as fast as {record.yardstick} ({record.low:.3g} to "
                f"{record.high:.3g}) | {said}", flush=True,
            )  # fmt: skip
            if how.record:
                write_records([record])  # at once: nothing is lost where a later stage fails
            if said.startswith("slower"):
                slower.append(record.stage)
    print(f"slower: {', '.join(slower) or 'nothing'}")
    sys.exit(1 if slower else 0)


if __name__ == "__main__":
    main_of(main)
