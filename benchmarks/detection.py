"""How fast detectors go: the whole of `detect` beside the bare network, and beside a plain loop over the images.

    python benchmarks/detection.py [--weights FILE] [--images FOLDER]

Reads YOLOX-nano and 200 validation images from ../shared/coco; others by --weights and --images. Each way has a process of
its own, and they take turns over the same images, so that a machine that is busy otherwise slows all of them.
"""

import argparse
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
from measure import ROOT, Lacking, main_of, optional, peer_python, report
from measure import run as run_process

from contextual_anomaly.detection.detector import Detector, shard_of
from contextual_anomaly.detection.detector_families.registry import DETECTOR_FAMILIES
from contextual_anomaly.detection.image_reading import read_image
from contextual_anomaly.detection.network import Network
from contextual_anomaly.detection.suppression import box_non_max_suppression

SHARED = ROOT.parent / "shared/coco"
Turn = Callable[[], object]
SCORE_THRESHOLD, NMS_THRESHOLD = 0.01, 0.5


def whole(how: argparse.Namespace) -> Turn:
    """As the command does it: read ahead, one network a core, boxes and class scores."""
    return _pipeline(how, "cpu")


def whole_in_onnx_runtime(how: argparse.Namespace) -> Turn:
    """The same with `backend: onnxruntime`."""
    return _pipeline(how, "onnxruntime")


def _pipeline(how: argparse.Namespace, backend: str) -> Turn:
    cv2.setNumThreads(1)
    family = DETECTOR_FAMILIES[how.family]
    networks = [Network(how.weights, how.family, family, backend=backend) for _ in range(how.cores)]
    names = [path.name for path in _pictures(how)]
    table = pd.DataFrame({"image_id": range(len(names)), "file_name": names, "width": 0, "height": 0})
    classes = networks[0].classes
    categories = pd.DataFrame({"category_id": range(classes), "name": [str(i) for i in range(classes)]})
    rows = shard_of(table, how.images, 0, 1)
    detector = Detector(networks, np.arange(classes), categories, SCORE_THRESHOLD, NMS_THRESHOLD)
    return lambda: detector.detect(rows, how.images, how.cores)


def loop(how: argparse.Namespace) -> Turn:
    """One after another: read, prepare, forward, decode, suppress; OpenCV itself uses all cores."""
    cv2.setNumThreads(how.cores)
    network = Network(how.weights, how.family, DETECTOR_FAMILIES[how.family])

    def turn() -> None:
        for path in _pictures(how):
            place, blob = network.prepare(read_image(path).pixels)
            ((boxes, scores),) = network.detect(blob)
            place.to_image(box_non_max_suppression(boxes, scores, SCORE_THRESHOLD, NMS_THRESHOLD)[0])

    return turn


def forward(how: argparse.Namespace) -> Turn:
    """The network alone, as often as there are images; OpenCV itself uses all cores."""
    cv2.setNumThreads(how.cores)
    net = cv2.dnn.readNetFromONNX(str(how.weights))
    blob = Network(how.weights, how.family, DETECTOR_FAMILIES[how.family]).prepare(
        read_image(_pictures(how)[0]).pixels
    )[1]

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
    parser.add_argument("--family", choices=DETECTOR_FAMILIES, default="yolox", help="its family")
    parser.add_argument("--images", type=Path, default=SHARED / "images/val2017", help="a folder of .jpg files")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)), help="default: all")
    parser.add_argument("--count", type=int, default=200, help="how many of the images")
    parser.add_argument("--rounds", type=int, default=5)
    how = parser.parse_args()
    if not how.weights.is_file() or not _pictures(how):
        raise Lacking(f"{how.weights} and {how.images}/*.jpg are needed; give others with --weights and --images.")
    ways = {way.__name__: _Apart(way, how) for way in (whole, whole_in_onnx_runtime, forward, loop)}
    turns = [{name: way.turn() for name, way in ways.items()} for _ in range(how.rounds)]
    seconds = {name: [turn[name][0] for turn in turns] for name in ways}
    pictures = len(_pictures(how))
    there = {"peak_mb": turns[-1]["whole"][1], "bound_seconds": float(np.median(seconds["forward"]))}
    work = f"{pictures} forward passes of OpenCV, reading and decoding beside them"
    stage = f"detect {how.weights.stem}, {pictures} images, {how.cores} cores"
    for peer, name in (("OpenCV's bare forward passes", "forward"), ("a plain loop over the images", "loop")):
        report(stage, peer, seconds["whole"], peer_seconds=seconds[name], work=work, **there)
    blob = Network(how.weights, how.family, DETECTOR_FAMILIES[how.family]).prepare(
        read_image(_pictures(how)[0]).pixels
    )[1]
    program = ROOT / "benchmarks/peers/onnxruntime_forward.py"
    python = optional(lambda: peer_python("onnxruntime"))
    if python is None:
        return
    bare = [run_process(python, program, how.weights, pictures, how.cores, *blob.shape) for _ in range(how.rounds)]
    peer_seconds = [float(one.output.splitlines()[-1]) for one in bare]
    report(stage, "ONNX Runtime's bare forward passes", seconds["whole"], peer_seconds=peer_seconds, work=work, **there)
    seconds_there = seconds["whole_in_onnx_runtime"]
    stage, work = (
        f"{stage}, in ONNX Runtime",
        f"{pictures} forward passes of ONNX Runtime, reading and decoding beside them",
    )
    there |= {"peak_mb": turns[-1]["whole_in_onnx_runtime"][1], "bound_seconds": float(np.median(peer_seconds))}
    report(stage, "ONNX Runtime's bare forward passes", seconds_there, peer_seconds=peer_seconds, work=work, **there)


if __name__ == "__main__":
    main_of(main)
