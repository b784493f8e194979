"""`python benchmarks/live.py [--models FOLDER] [--calls N] [--detector NAME] [--images FOLDER]`: what a person calls, live.

Scenes of 2, 4 and 8 objects, one of them unexpected, through `check` and `predict`, reasons included, with each model
that comes with the package; the bound of each answer is the model's bare log-odds of that scene. Then the bare log-odds of
every model of a folder. The time from the start of the command line to its answer, and of a folder of images beside the
detector alone.
"""

import argparse
import os
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median

# As the command line does: matrix products on several threads are slower for one scene.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
from measure import WORK, Lacking, by_turns, coco, command, detector_file, main_of, middle, optional, report, run
from measure import seconds_of as seconds_of_runs

import contextual_anomaly as ca
from contextual_anomaly import pretrained
from contextual_anomaly.checking.run import check_sources
from contextual_anomaly.checking.sources import Kind, find_sources
from contextual_anomaly.models.registry import load_model
from contextual_anomaly.models.store import read_model

WARM_UP = 20
SCENE = ("surfboard", "laptop", "keyboard", "mouse", "tv", "book", "cup", "cell phone")
"""The first is unexpected among the others."""
SIZES = (2, 4, 8)
BOX, IMAGE = (120, 80, 60, 50), (640, 480)


def seconds_of(call: Callable[[], object], calls: int) -> tuple[float, float]:
    """Median seconds of a call, and the 99th percentile."""
    seconds = []
    for _ in range(calls + WARM_UP):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return median(seconds[WARM_UP:]), float(np.quantile(seconds[WARM_UP:], 0.99))


def of_a_person(name: str, calls: int) -> None:
    """Measure answers with their reasons."""
    # Everything as unexpected as the first object is flagged, so that each answer has a reason.
    checker = ca.load(name, false_alarms=0.2)
    predictor = ca.Predictor.choose(name)
    model = load_model(pretrained.find(name))
    for size in SIZES:
        names = list(SCENE[:size])
        # Another scene in each call, as its objects move a little.
        scenes = ([(*BOX[:2], BOX[2] + number / 100, BOX[3])] * size for number in count())
        reasons = sum(
            len(found.attributions) > 0 for found in checker.check(names, boxes=next(scenes), size=IMAGE).objects
        )
        middle_seconds, slow = seconds_of(lambda n=names, s=scenes: checker.check(n, boxes=next(s), size=IMAGE), calls)
        presence = np.isin(model.classes, names).astype(np.float32)[None]
        bound = seconds_of(lambda p=presence: model.log_odds(p), calls)[0]
        report(
            f"check of {size} objects, {reasons} with reasons, model {name}", "", middle_seconds, runs=calls,
            work=f"99 of 100 calls within {1000 * slow:.2f} ms", bound_seconds=bound,
        )  # fmt: skip
        scene = dict.fromkeys(names, 1.0)
        middle_seconds, slow = seconds_of(lambda s=scene: predictor.predict(s), calls // 10)
        report(
            f"predict of {size} objects, reasons for all and for 5 absent classes, model {name}", "", middle_seconds,
            runs=calls // 10, work=f"99 of 100 calls within {1000 * slow:.2f} ms", bound_seconds=bound,
        )  # fmt: skip


def of_a_model(path: Path, calls: int) -> None:
    """Measure the bare log-odds of single scenes."""
    model = load_model(path)
    scenes = iter((np.random.default_rng(0).random((calls + WARM_UP, len(model.classes))) < 0.05).astype(np.float32))
    seconds, slow = seconds_of(lambda: model.predict_proba(next(scenes)[None]), calls)
    parameters = sum(tensor.size for tensor in read_model(path)[1].values())
    report(
        f"one scene, model {path.stem}", "", seconds, runs=calls,
        work=f"{parameters:,} parameters to read; 99 of 100 calls within {1000 * slow:.2f} ms",
    )  # fmt: skip


def of_images(folder: Path, detector: str, runs: int) -> None:
    """Measure the first answer for an image, and a folder beside the detector alone."""
    if not folder.is_dir():
        raise Lacking(f"{folder}: no folder of images; --images names one")
    images = [source for source in find_sources([str(folder)]) if source.kind is Kind.image]
    name, detector = detector, detector_file(detector)
    photo = ["check", images[0].path, "--detector", detector, "--exit-zero"]
    first = [run(*command(*photo)) for _ in range(runs)]
    report(
        "command line to the first answer, check of a photo", "", seconds_of_runs(first), peak_mb=middle(first)[1],
        work=f"{Path(images[0].path).name} through {name}",
    )  # fmt: skip
    from contextual_anomaly.checking.run import Frame
    from contextual_anomaly.detection.image_reading import read_image

    checker = ca.load(detector=detector)
    cores = len(os.sched_getaffinity(0))
    assert checker.detector is not None
    loaded = checker.detector.loaded(cores)

    def bare() -> float:
        start = time.perf_counter()
        jobs = ((Frame(source.path), lambda p=source.path: read_image(Path(p))) for source in images)
        sum(1 for _ in loaded.detect_many(jobs, cores))
        return time.perf_counter() - start

    def checked() -> float:
        start = time.perf_counter()
        sum(len(result.to_json()) for result in check_sources(checker, images, threads=cores))
        return time.perf_counter() - start

    alone, ours = by_turns(runs, bare, checked)
    report(
        f"check of {len(images)} images", "the same detector without a check", ours, bound_seconds=median(alone),
        peer_seconds=alone, work=f"{len(images) / median(ours):.3g} images a second",
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=WORK / "workflow" / "results" / "models")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--detector", default="yolox-nano")
    parser.add_argument("--images", type=Path, help="a folder of images; default: val2017 of the copy of COCO")
    options = parser.parse_args()
    for name in pretrained.names():
        of_a_person(name, options.calls)
    paths = sorted(options.models.glob("*.safetensors"))
    if not paths:
        print(
            f"models of a run are skipped: {options.models}: none there; benchmarks/workflow.py makes them, --models names others"
        )
    for path in paths:
        of_a_model(path, options.calls)
    asked = ["laptop", "keyboard", "surfboard", "--model", "coco"]
    first = [run(*command("predict", *asked)) for _ in range(options.runs)]
    size = pretrained.find("coco").stat().st_size
    report(
        "command line to the first answer, predict with the model coco", "", seconds_of_runs(first), peak_mb=middle(first)[1], work=f"{size / 1e6:.2f} MB of model to read",
    )  # fmt: skip
    optional(lambda: of_images(options.images or coco() / "val2017", options.detector, options.runs))


if __name__ == "__main__":
    main_of(main)
