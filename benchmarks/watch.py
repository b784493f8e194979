"""`python benchmarks/watch.py [VIDEO] [--detector NAME] [--frames N] [--lines N]`: what a watch costs beside its detector.

A video is decoded and detected alone, and then watched, by turns, with as many networks: as without a viewer, and with every
frame drawn, as `--save` does. What context, tracking and drawing take of a frame, and how long after its frame an event can
come, is measured inside the watch. Beside it runs supervision's own loop over the same frames and network: detect and draw.
Ultralytics' loop has no place here: it runs networks of its own layouts, and none of YOLOX. Without a video it is the kitchen
that benchmarks/workflow.py has made.
Then detections go through `watch` as lines, as fast as possible, and the memory of the process is looked at all the while.
"""

import argparse
import json
import os
import threading
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # as the command line does

from measure import WORK, Lacking, by_turns, detector_file, main_of, optional, peer_python, report, run

import contextual_anomaly as ca
from contextual_anomaly.checking.checker import Checker
from contextual_anomaly.watching.detecting import detect_frames
from contextual_anomaly.watching.frames import Frame, SourceStatus
from contextual_anomaly.watching.pictures import ScenePicture
from contextual_anomaly.watching.sources.files import VideoFile
from contextual_anomaly.watching.watcher import Watcher, WatchSettings

PEER = Path(__file__).parent / "peers" / "supervision_watch.py"
KITCHEN = WORK / "workflow" / "results" / "world" / "kitchen.mp4"
WARM_UP = 10  # frames


class FirstFrames(VideoFile):
    """The first frames of a video, again and again where it is shorter."""

    def __init__(self, path: Path, frames: int) -> None:
        super().__init__(path)
        self.path, self.frames = path, frames
        self.given: dict[int, float] = {}

    def __iter__(self):
        number, offset, seconds = 0, 0.0, 0.0
        while True:
            for item in VideoFile(self.path):
                if isinstance(item, SourceStatus):
                    continue
                if number == self.frames or self._closed.is_set():
                    return
                seconds = offset + item.seconds
                self.given[number] = time.perf_counter()
                yield Frame(number, seconds, item.timestamp, item.pixels, size=item.size)
                number += 1
            offset = seconds + 0.1


def of_a_video(path: Path, detector: str, frames: int, runs: int, threads: int) -> None:
    """Measure the rate beside that of the bare detector, the work in between, and the delay."""
    checker = Checker.load(detector=detector_file(detector))
    assert checker.detector is not None
    loaded = checker.detector.loaded(threads)
    work: list[float] = []
    delays: list[float] = []
    detections: list[float] = []

    def bare() -> float:
        source = FirstFrames(path, frames)
        start = time.perf_counter()
        for watched in detect_frames(source, loaded):
            detections.append(time.perf_counter() - source.given[watched.frame.number])
        return time.perf_counter() - start

    def watched(every_frame_is_drawn: bool) -> float:
        source, watcher = FirstFrames(path, frames), Watcher(checker, WatchSettings(), "video")
        start = time.perf_counter()
        for item in detect_frames(source, loaded):
            began = time.thread_time()
            step = watcher.step(item.frame, item.objects)
            if every_frame_is_drawn:
                ScenePicture(item.frame, step.scene).drawn  # noqa: B018  # drawn when it is asked for
                work.append(time.thread_time() - began)
            else:
                delays.append(time.perf_counter() - source.given[item.frame.number])
        return time.perf_counter() - start

    python = optional(lambda: peer_python("supervision"))

    def of_supervision() -> float:
        return float(run(python, PEER, path, loaded.networks[0].path, frames).output.split()[-1])

    tasks = [bare, lambda: watched(False), lambda: watched(True)]
    alone, ours, drawn, *loops = by_turns(runs, *tasks, *([of_supervision] if python else []))
    for seconds in loops:
        report(
            f"watch of {frames} frames, each drawn", "supervision's loop: detect and draw", drawn, peer_seconds=seconds,
            bound_seconds=median(alone), work=f"{frames} frames of {path.name}",
        )  # fmt: skip
    report(
        f"watch of {frames} frames", "the same detector without a watch", ours, peer_seconds=alone, bound_seconds=median(alone),
        work=f"{frames / median(alone):.3g} frames a second by the bare detector; from frame to answer "
        f"{1000 * median(delays):.0f} ms, {median(delays) / median(detections):.2f} of that of the bare detector",
    )  # fmt: skip
    report(
        f"watch of {frames} frames, each drawn", "the same detector without a watch", drawn, peer_seconds=alone,
        bound_seconds=median(alone),
        work=f"{1000 * median(work[WARM_UP:]):.2f} ms of processor a frame for tracking, context and drawing",
    )  # fmt: skip


def of_lines(lines: int) -> None:
    """Measure lines of detections, an hour of ten frames a second and more, and the memory meanwhile."""
    names = ("laptop", "keyboard", "mouse", "tv", "cup", "book")
    memory: list[int] = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "detections.jsonl"
        with path.open("w") as file:
            for number in range(lines):
                # Each object is away for two of sixty seconds, and one in twenty comes and goes.
                there = [name for place, name in enumerate(names) if (number // 10 + 9 * place) % 60 > 1]
                objects = [{"category": n, "score": 0.9, "box": [80 * i, 100, 60, 80]} for i, n in enumerate(there)]
                line = {"seconds": number / 10, "width": 640, "height": 480, "objects": objects}
                file.write(json.dumps(line) + "\n")
        watch = ca.watch(path, model="coco-small")
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(0.2):
                memory.append(resident())

        looking = threading.Thread(target=look)
        looking.start()
        threads = threading.active_count()
        files = len(os.listdir("/proc/self/fd"))
        start = time.perf_counter()
        events = sum(1 for _ in watch)
        seconds = time.perf_counter() - start
        left = threading.active_count() - threads, len(os.listdir("/proc/self/fd")) - files + 1
        ended.set()
        looking.join()
    settled = memory[len(memory) // 5 :]
    report(
        f"watch of {lines:,} lines of detections", "", seconds, runs=1, peak_mb=max(memory) / 1e6,
        work=f"{lines / seconds:,.0f} lines a second, {events} messages; memory after the first fifth "
        f"{min(settled) / 1e6:.0f} to {max(settled) / 1e6:.0f} MB; threads and files left: {left[0]} and {left[1]}",
    )  # fmt: skip


def resident() -> int:
    """Return the bytes in memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path, nargs="?", default=KITCHEN)
    parser.add_argument("--detector", default="yolox-nano")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--lines", type=int, default=36_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    if options.lines:
        of_lines(options.lines)
    if options.frames:
        if not options.video.is_file():
            raise Lacking(
                f"{options.video}: no such video; benchmarks/workflow.py makes one, and an argument names another"
            )
        of_a_video(options.video, options.detector, options.frames, options.runs, options.threads)


if __name__ == "__main__":
    main_of(main)
