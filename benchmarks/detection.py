"""How fast detectors go: the whole of `detect` beside the bare network, and beside a plain loop over the images.

    python benchmarks/detection.py [--append results.csv]

Reads YOLOX-nano and 200 validation images from ../shared/coco; others by --weights and --images. Each way has a process of
its own, and they take turns over the same images, so that a machine that is busy otherwise slows all of them. Columns:
stage, peer, seconds, peer_seconds (of the fastest turn), ratio (how many times as fast as the peer, the median of all
turns), peak_mb (of ours).
"""

import argparse
import csv
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable
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
Turn = Callable[[], object]
SCORE_THRESHOLD, NMS_THRESHOLD = 0.01, 0.5


def whole(how: argparse.Namespace) -> Turn:
    """As the command does it: read ahead, one network a core, boxes and confidences of classes."""
    cv2.setNumThreads(1)
    networks = [Network(how.weights, how.family, FAMILIES[how.family]) for _ in range(how.cores)]
    names = [path.name for path in _pictures(how)]
    table = pd.DataFrame({"image_id": range(len(names)), "file_name": names, "width": 0, "height": 0})
    classes = networks[0].classes
    categories = pd.DataFrame({"category_id": range(classes), "name": [str(i) for i in range(classes)]})
    rows = shard_of(table, how.images, 0, 1)
    return lambda: run(
        networks, np.arange(classes), categories, rows, how.images, SCORE_THRESHOLD, NMS_THRESHOLD, how.cores
    )


def loop(how: argparse.Namespace) -> Turn:
    """One after another: read, prepare, forward, decode, suppress; OpenCV itself uses all cores."""
    cv2.setNumThreads(how.cores)
    network = Network(how.weights, how.family, FAMILIES[how.family])

    def turn() -> None:
        for path in _pictures(how):
            place, blob = network.prepare(read_image(path))
            ((boxes, scores),) = network.detect(blob)
            place.to_image(suppress(boxes, scores, SCORE_THRESHOLD, NMS_THRESHOLD)[0])

    return turn


def forward(how: argparse.Namespace) -> Turn:
    """The network alone, as often as there are images; OpenCV itself uses all cores."""
    cv2.setNumThreads(how.cores)
    net = cv2.dnn.readNetFromONNX(str(how.weights))
    blob = Network(how.weights, how.family, FAMILIES[how.family]).prepare(read_image(_pictures(how)[0]))[1]

    def turn() -> None:
        for _ in _pictures(how):
            net.setInput(blob)
            net.forward()

    return turn


def _pictures(how: argparse.Namespace) -> list[Path]:
    return sorted(how.images.glob("*.jpg"))[: how.count]


class _Apart:
    """One way in a process of its own, that waits for its turn."""

    def __init__(self, way: Callable[[argparse.Namespace], Turn], how: argparse.Namespace) -> None:
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        context.Process(target=_serve, args=(way, how, there), daemon=True).start()
        self.turn()  # once for nothing: files come into memory

    def turn(self) -> tuple[float, float]:
        """Seconds, and peak memory in MB so far."""
        self._here.send(None)
        return self._here.recv()


def _serve(way: Callable, how: argparse.Namespace, pipe) -> None:
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 the progress of each turn
    turn = way(how)
    while True:
        pipe.recv()
        start = time.perf_counter()
        turn()
        pipe.send((time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def main() -> None:
    """Measure, print, append."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=SHARED / "weights/yolox_nano.onnx", help="an ONNX detector")
    parser.add_argument("--family", choices=FAMILIES, default="yolox", help="its family")
    parser.add_argument("--images", type=Path, default=SHARED / "images/val2017", help="a folder of .jpg files")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)), help="default: all")
    parser.add_argument("--count", type=int, default=100, help="how many of the images")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--append", type=Path, help="a CSV file that the rows are added to")
    how = parser.parse_args()
    if not how.weights.is_file() or not _pictures(how):
        sys.exit(f"{how.weights} and {how.images}/*.jpg are needed; give others with --weights and --images.")
    ways = {way.__name__: _Apart(way, how) for way in (whole, forward, loop)}
    turns = [{name: way.turn() for name, way in ways.items()} for _ in range(how.rounds)]
    seconds = {name: np.array([turn[name][0] for turn in turns]) for name in ways}
    peak = turns[-1]["whole"][1]
    stage = f"detect {how.weights.stem}, {len(_pictures(how))} images, {how.cores} cores"
    ours = seconds["whole"]
    rows = [
        [stage, peer, f"{ours.min():.3f}", f"{theirs.min():.3f}", f"{np.median(theirs / ours):.3f}", f"{peak:.0f}"]
        for peer, theirs in (("the bare network", seconds["forward"]), ("a plain loop", seconds["loop"]))
    ]
    writer = csv.writer(sys.stdout)
    writer.writerows([COLUMNS, *rows])
    if how.append:
        new = not how.append.exists()
        with how.append.open("a", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *rows] if new else rows)


if __name__ == "__main__":
    main()
