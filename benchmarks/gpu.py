"""`python benchmarks/gpu.py [--epochs N] [--masked-epochs N]`: what a GPU is for, whole fits on COCO.

75 autoencoders (15 bottlenecks × 5 seeds) of the published objective over 1,500 epochs, and the masked networks of the COCO
configuration. It runs on whatever device JAX sees and names it in the table; on processor cores the defaults take long. The
rounds' own time is that of the device, as the command's log tells it, without start and compilation.
"""

import argparse
import re
import time

import numpy as np
from measure import report
from sweep import OPERATIONS_OF_IMAGE_AND_UNIT, fit, presence_file, published, scenes_of_coco

BOTTLENECKS, SEEDS = range(1, 16), range(5)
UNITS, MASKED_SEEDS = 384, range(3)  # of workflow/config/coco2017.yaml
DEVICE = re.compile(r"^(?P<device>.+): (?P<epoch>[\d.]+) s an epoch, (?P<compiling>[\d.]+) s to compile", re.MULTILINE)


def operations_a_second() -> float:
    """What the device does in float32 matrix products, measured on a large one. Here, as a GPU's memory is for one process."""
    import jax
    import jax.numpy as jnp

    product, a = jax.jit(jnp.matmul), jnp.ones((4096, 4096))
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        product(a, a).block_until_ready()
        best = min(best, time.perf_counter() - start)
    return 2 * len(a) ** 3 / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=1500)
    parser.add_argument("--masked-epochs", type=int, default=8)
    how = parser.parse_args()
    scenes, _ = scenes_of_coco()
    images = len(np.load(presence_file(), mmap_mode="r"))
    trained, classes = images - -(-images // 5), 79
    masked = {"family": "masked", "units": UNITS, "seeds": list(MASKED_SEEDS), "epochs": how.masked_epochs}
    units = sum(BOTTLENECKS) * len(SEEDS)
    # Of each network two passes a scene: encoder, one block and decoder, forward and twice backward, 2 operations each.
    of_masked = 2 * 6 * (classes * UNITS + UNITS**2 + UNITS * classes) * len(MASKED_SEEDS)
    stages = (
        (f"75 autoencoders, {how.epochs} epochs", published(BOTTLENECKS, SEEDS, how.epochs), how.epochs * trained * units * classes * OPERATIONS_OF_IMAGE_AND_UNIT),
        (f"3 masked networks, {how.masked_epochs} epochs", masked, how.masked_epochs * trained * of_masked),
    )  # fmt: skip
    fits = [fit(scenes, "gpu", settings) for _, settings, _ in stages]
    speed = operations_a_second()
    for (stage, _, operations), done in zip(stages, fits, strict=True):
        said = DEVICE.search(done.output)
        rounds = f"{said['epoch']} s an epoch, {said['compiling']} s to compile" if said else "a single epoch"
        report(
            f"{stage}, on {said['device'] if said else 'one device'}", "", done.seconds, runs=1, peak_mb=done.peak_mb,
            work=f"{operations / 1e12:.2f}·10¹² operations in matrix products; {rounds}", bound_seconds=operations / speed,
        )  # fmt: skip


if __name__ == "__main__":
    main()
