"""`python benchmarks/live.py [--models FOLDER] [--calls N]`: a context model asked about one scene after another.

Every model of a folder, of whatever family, is loaded once and asked `expected` of single scenes; then the time from
the start of `contextual-anomaly predict` to its answer.
"""

import argparse
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
from measure import WORK, command, middle, report, run

from contextual_anomaly.models.registry import load_model
from contextual_anomaly.models.store import read_model

WARM_UP = 20


def answers(path: Path, calls: int) -> tuple[float, float, int]:
    """Median seconds of a call; the 99th percentile; the parameters that a call reads."""
    model = load_model(path)
    rng = np.random.default_rng(0)
    scenes = (rng.random((calls + WARM_UP, len(model.classes))) < 0.05).astype(np.float32)
    seconds = []
    for scene in scenes:
        start = time.perf_counter()
        model.predict_proba(scene[None])
        seconds.append(time.perf_counter() - start)
    parameters = sum(tensor.size for tensor in read_model(path)[1].values())
    return median(seconds[WARM_UP:]), float(np.quantile(seconds[WARM_UP:], 0.99)), parameters


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=WORK / "workflow" / "results" / "models")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    paths = sorted(options.models.glob("*.safetensors"))
    if not paths:
        sys.exit(f"{options.models}: no models (*.safetensors) are there; run benchmarks/workflow.py first.")
    for path in paths:
        seconds, slow, parameters = answers(path, options.calls)
        report(
            f"one scene, model {path.stem}", "", seconds, runs=options.calls,
            work=f"{parameters:,} parameters to read; 99 of 100 calls within {1000 * slow:.2f} ms",
        )  # fmt: skip
    for path in paths:
        variants = load_model(path).variants
        asked = ["laptop", "keyboard", "surfboard", "--model", path, "--bottleneck", variants[0].bottleneck or 1]
        first = [run(*command("predict", *asked)) for _ in range(options.runs)]
        report(
            f"command line to the first answer, model {path.stem}", "", middle(first)[0], runs=options.runs,
            peak_mb=middle(first)[1], work=f"{path.stat().st_size / 1e6:.2f} MB of model to read",
        )  # fmt: skip


if __name__ == "__main__":
    main()
