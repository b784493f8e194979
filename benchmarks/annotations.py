"""`python benchmarks/annotations.py [--runs N]`: COCO's training annotations to tables and scenes, as whole processes.

Two rows of different work. Reading and encoding, both commands, beside the original's two steps, group by image and encode,
written anew as the original works. Reading alone, the first command, beside libraries that only read: `pycocotools.COCO`,
`faster_coco_eval.COCO`, `orjson.loads` and Polars; they index or parse in memory. Ours do more in both: every record is
checked, tables are brought to the disk, and the validation split is encoded beside the training split.
"""

import argparse
import mmap
import shutil
import sys
import time
from pathlib import Path

from measure import (
    WORK,
    by_turns,
    coco,
    command,
    main_of,
    middle,
    optional,
    peer_python,
    report,
    run,
    seconds_of,
)

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

    readers = {"pycocotools.COCO": (sys.executable, "pycocotools_read.py")}
    for reader, module in (
        ("faster_coco_eval.COCO", "faster_coco_eval"),
        ("orjson.loads", "orjson"),
        ("Polars", "polars"),
    ):
        python = optional(lambda module=module: peer_python(module))
        if python:
            readers[reader] = (python, f"{module}_read.py")

    def reading_by(python, program):
        return lambda: run(python, PEERS / program, train)

    mine, theirs, *others = by_turns(runs, ours, original, *(reading_by(*how) for how in readers.values()))
    reading, encoding = ([pair[i] for pair in mine] for i in (0, 1))
    bound = min(plain_read(train) for _ in range(3))
    common = {"work": f"{train.stat().st_size / 1e6:.0f} MB of JSON to read", "bound_seconds": bound}
    report(
        "annotations to tables and scenes", "original's two steps", [sum(r.seconds for r in pair) for pair in mine],
        peer_seconds=[sum(r.seconds for r in steps) for steps in theirs], peak_mb=max(middle(reading)[1], middle(encoding)[1]),
        **common,
    )  # fmt: skip
    for name, runs_of_reader in zip(readers, others, strict=True):
        report(
            "annotations to tables", f"{name}, which only reads", seconds_of(reading), peer_seconds=seconds_of(runs_of_reader),
            peak_mb=middle(reading)[1], **common,
        )  # fmt: skip
        print(f"memory of {name}: {middle(runs_of_reader)[1]:.0f} MB")
    print(f"memory of the original's steps: {max(r.peak_mb for steps in theirs for r in steps):.0f} MB")


if __name__ == "__main__":
    main_of(main)
