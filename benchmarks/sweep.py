"""`python benchmarks/sweep.py [--runs N]`: an epoch of the published sweep, 15 autoencoders, against Keras, one by one.

On COCO's training scenes, 56,256 × 79 to learn from, in batches of 256. What the compilers take is left out of both:
ours is the difference between a training of many epochs and one of few, as whole processes.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from annotations import encode, read
from measure import WORK, by_turns, coco, command, main_of, middle, peer_python, report, run, seconds_of

from contextual_anomaly.scenes import read_scenes

FEW, MANY = 2, 42
BATCH_SIZE = 256
PEER_EPOCHS = 2
# Two products forward, four backward but for the first layer's input, of 2 operations each; 15 × 16 / 2 units in all.
OPERATIONS_OF_IMAGE_AND_UNIT = 2 * 5


def scenes_of_coco() -> tuple[Path, Path]:
    """Scenes of COCO's training and validation split, encoded by the workflow's own commands if not there yet."""
    out = WORK / "coco"
    train, val = out / "train-scenes.parquet", out / "val-scenes.parquet"
    if not (train.exists() and val.exists()):
        for split in ("train", "val"):
            read(coco() / "annotations" / f"instances_{split}2017.json", out / split)
        encode(out / "train", out / "val", out)
    return train, val


def presence_file() -> Path:
    """The training scenes' presence, as the peers read it."""
    path = WORK / "coco" / "presence.npy"
    if not path.exists():
        np.save(path, read_scenes(scenes_of_coco()[0]).presence)
    return path


def published(bottlenecks, seeds, epochs: int) -> dict:
    """Settings of a sweep by the published objective."""
    return {
        "family": "autoencoder", "objective": "published", "bottlenecks": list(bottlenecks), "weight_seeds": list(seeds),
        "epochs": epochs, "batch_size": BATCH_SIZE, "chosen_bottleneck": 10,
    }  # fmt: skip


def objects_of_coco() -> list[str]:
    """The options of `fit` that name the training split's objects."""
    scenes_of_coco()
    names = {"objects": "annotations", "images": "images", "categories": "categories"}
    return [f"--{option}={WORK / 'coco' / 'train' / table}.parquet" for option, table in names.items()]


def fit(scenes: Path, name: str, settings: dict, *more: str):
    """The command that fits a model."""
    targets = [f"--{what}={WORK / name}.{what}" for what in ("history", "calibration")]
    options = ["--name", name, "--settings", json.dumps(settings), "--scenes", scenes, "--threads", 2, *more]
    return run(*command("fit", *options, f"--output={WORK / name}.safetensors", *targets))


def operations_a_second() -> float:
    """What this machine does in float32 matrix products, measured on one large one."""
    import time

    a = np.random.default_rng(0).random((2048, 2048), np.float32)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return 2 * 2048**3 / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    scenes, _ = scenes_of_coco()
    presence = presence_file()
    python = peer_python("keras")
    bottlenecks = range(1, 16)

    def ours(epochs: int):
        return lambda: fit(scenes, "sweep", published(bottlenecks, [0], epochs))

    def keras():
        return run(
            *(python, Path(__file__).parent / "peers" / "keras_sweep.py", presence, BATCH_SIZE, PEER_EPOCHS),
            env={"TF_CPP_MIN_LOG_LEVEL": "3"},
        )

    few, many, theirs = by_turns(runs, ours(FEW), ours(MANY), keras)
    seconds = [(m - f) / (MANY - FEW) for m, f in zip(seconds_of(many), seconds_of(few), strict=True)]
    said = [r.output.strip().splitlines()[-1].split() for r in theirs]
    images = len(np.load(presence, mmap_mode="r"))
    classes = 79
    trained = images - -(-images // 5)
    operations = trained * sum(bottlenecks) * classes * OPERATIONS_OF_IMAGE_AND_UNIT
    report(
        "published sweep, 15 autoencoders, an epoch", f"Keras on {said[0][0]}, one by one", seconds,
        peer_seconds=[float(s) for _, s in said], peak_mb=middle(many)[1],
        work=f"{operations / 1e9:.1f}·10⁹ operations in matrix products", bound_seconds=operations / operations_a_second(),
    )  # fmt: skip


if __name__ == "__main__":
    main_of(main)
