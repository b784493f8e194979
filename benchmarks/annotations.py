"""`python benchmarks/annotations.py [--runs N]`: COCO's training annotations to tables and scenes, as whole processes.

Peers: the original's two steps, group by image and encode, written anew as the original works; and `pycocotools.COCO`,
which only reads. Ours are the two commands of the workflow, and do more: every record is checked, boxes are kept, and
the validation split is encoded beside the training split.
"""

import argparse
import mmap
import shutil
import sys
import time
from pathlib import Path

from measure import WORK, by_turns, coco, command, middle, report, run

PEERS = Path(__file__).parent / "peers"


def read(instances: Path, out: Path, threads: int = 2):
    """The command that reads a file."""
    tables = [f"--{name}={out / name}.parquet" for name in ("annotations", "images", "categories")]
    return run(*command("annotations", instances, *tables, "--threads", threads))


def encode(train: Path, val: Path, out: Path):
    """The command that encodes both splits."""
    sources = [
        f"--{split}-{name}={folder / name}.parquet"
        for split, folder in (("train", train), ("val", val))
        for name in ("annotations", "categories")
    ]
    names = ("train-scenes", "val-scenes", "train-scenes-unfiltered", "val-scenes-unfiltered", "class-counts")
    targets = [f"--{name}={out / name}.parquet" for name in names]
    return run(*command("scenes", "--dataset", "COCO 2017", "--minimum-classes", 2, "--threads", 2, *sources, *targets))


def plain_read(path: Path) -> float:
    """Seconds to go over every byte once, in one process: no reader can do with less work."""
    start = time.perf_counter()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        text.find(b"\x00")
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    train, val = (coco() / "annotations" / f"instances_{split}2017.json" for split in ("train", "val"))
    out = WORK / "annotations"
    shutil.rmtree(out, ignore_errors=True)
    (out / "val").mkdir(parents=True)
    read(val, out / "val")

    def ours():
        reading = read(train, out / "train")
        encoding = encode(out / "train", out / "val", out)
        return reading, encoding

    def original():
        grouped, encoded = out / "grouped.json", out / "encoded.json"
        steps = [
            run(sys.executable, PEERS / "original_prepare.py", train, grouped),
            run(sys.executable, PEERS / "original_encode.py", train, grouped, encoded),
        ]
        grouped.unlink()
        return steps

    def pycocotools():
        return run(sys.executable, PEERS / "pycocotools_read.py", train)

    mine, theirs, reader = by_turns(runs, ours, original, pycocotools)
    reading, encoding = ([pair[i] for pair in mine] for i in (0, 1))
    seconds = middle(reading)[0] + middle(encoding)[0]
    peak = max(middle(reading)[1], middle(encoding)[1])
    bound = min(plain_read(train) for _ in range(3))
    work = f"{train.stat().st_size / 1e6:.0f} MB of JSON to read"
    stage = "annotations to tables and scenes"
    steps = [[pair[i] for pair in theirs] for i in (0, 1)]
    original_seconds = sum(middle(step)[0] for step in steps)
    common = {"runs": runs, "work": work, "peak_mb": peak, "bound_seconds": bound}
    report(stage, "original's two steps", seconds, peer_seconds=original_seconds, **common)
    report(stage, "pycocotools.COCO", seconds, peer_seconds=middle(reader)[0], **common)
    print(f"memory of the peers: {max(middle(s)[1] for s in steps):.0f} MB, {middle(reader)[1]:.0f} MB")


if __name__ == "__main__":
    main()
