"""How fast detectors go: the whole of `detect` beside the bare network, and beside a plain loop over the images.

    python benchmarks/detection.py [--append results.csv]

Reads YOLOX-nano and 200 validation images from ../shared/coco; others by --weights and --images. Every way is a fresh
process and runs in turn with the others, `--rounds` times; what counts is the fastest of each. Columns: stage, peer,
seconds, peer_seconds, ratio (how many times as fast as the peer), peak_mb (of ours).
"""

import argparse
import csv
import multiprocessing
import os
import resource
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from contextual_anomaly.detection.families import FAMILIES
from contextual_anomaly.detection.images import read_image
from contextual_anomaly.detection.inference import run, shard_of
from contextual_anomaly.detection.network import Network
from contextual_anomaly.detection.suppression import suppress

SHARED = Path(__file__).resolve().parents[2] / "shared/coco"
COLUMNS = ["stage", "peer", "seconds", "peer_seconds", "ratio", "peak_mb"]
SCORE_THRESHOLD, NMS_THRESHOLD = 0.01, 0.5


def whole(weights: Path, family: str, folder: Path, cores: int) -> float:
    """As the command does it: read ahead, one network a core, boxes and confidences of classes."""
    cv2.setNumThreads(1)
    networks = [Network(weights, family, FAMILIES[family]) for _ in range(cores)]
    names = sorted(path.name for path in folder.glob("*.jpg"))
    table = pd.DataFrame({"image_id": range(len(names)), "file_name": names, "width": 0, "height": 0})
    classes = networks[0].classes
    categories = pd.DataFrame({"category_id": range(classes), "name": [str(i) for i in range(classes)]})
    rows = shard_of(table, folder, 0, 1)
    start = time.perf_counter()
    run(networks, np.arange(classes), categories, rows, folder, SCORE_THRESHOLD, NMS_THRESHOLD, cores)
    return time.perf_counter() - start


def loop(weights: Path, family: str, folder: Path, cores: int) -> float:
    """One after another: read, prepare, forward, decode, suppress; OpenCV itself uses all cores."""
    cv2.setNumThreads(cores)
    network = Network(weights, family, FAMILIES[family])
    start = time.perf_counter()
    for path in sorted(folder.glob("*.jpg")):
        place, blob = network.prepare(read_image(path))
        ((boxes, scores),) = network.detect(blob)
        place.to_image(suppress(boxes, scores, SCORE_THRESHOLD, NMS_THRESHOLD)[0])
    return time.perf_counter() - start


def forward(weights: Path, family: str, folder: Path, cores: int) -> float:
    """The network alone, as often as there are images; OpenCV itself uses all cores."""
    cv2.setNumThreads(cores)
    network = Network(weights, family, FAMILIES[family])
    width, height = network.input_size
    blob = np.random.default_rng(0).uniform(0, 255 * FAMILIES[family].scale, (1, 3, height, width)).astype(np.float32)
    net = cv2.dnn.readNetFromONNX(str(weights))
    net.setInput(blob)
    net.forward()
    start = time.perf_counter()
    for _ in folder.glob("*.jpg"):
        net.setInput(blob)
        net.forward()
    return time.perf_counter() - start


def _apart(way, *arguments) -> tuple[float, float]:
    """Seconds and peak memory in MB of one way, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (way, *arguments))


def _measured(way, *arguments) -> tuple[float, float]:
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 the process's own progress
    return way(*arguments), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure, print, append."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=SHARED / "weights/yolox_nano.onnx", help="an ONNX detector")
    parser.add_argument("--family", choices=FAMILIES, default="yolox", help="its family")
    parser.add_argument("--images", type=Path, default=SHARED / "images/val2017", help="a folder of .jpg files")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)), help="default: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--append", type=Path, help="a CSV file that the rows are added to")
    options = parser.parse_args()
    if not options.weights.is_file() or not any(options.images.glob("*.jpg")):
        sys.exit(f"{options.weights} and {options.images}/*.jpg are needed; give others with --weights and --images.")
    how = options.weights, options.family, options.images, options.cores
    rounds = [{way.__name__: _apart(way, *how) for way in (whole, forward, loop)} for _ in range(options.rounds)]
    best = {name: min(taken[name] for taken in rounds) for name in rounds[0]}
    count = len(list(options.images.glob("*.jpg")))
    stage = f"detect {options.weights.stem}, {count} images, {options.cores} cores"
    seconds, peak = best["whole"]
    rows = [
        [stage, peer, f"{seconds:.3f}", f"{best[way][0]:.3f}", f"{best[way][0] / seconds:.3f}", f"{peak:.0f}"]
        for way, peer in (("forward", "the bare network"), ("loop", "a plain loop"))
    ]
    writer = csv.writer(sys.stdout)
    writer.writerows([COLUMNS, *rows])
    if options.append:
        new = not options.append.exists()
        with options.append.open("a", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *rows] if new else rows)


if __name__ == "__main__":
    main()
