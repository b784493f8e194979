"""`python benchmarks/gpu.py [--object-epochs N] [--masked-epochs N] [--epochs N]`: what a GPU is for, whole fits on COCO.

The object transformer, the masked networks of the COCO configuration, and 75 autoencoders (15 bottlenecks × 5 seeds) of the
published objective over 1,500 epochs, each reported as soon as it is fitted. It runs on whatever device JAX sees and names it
in the table; on processor cores the defaults take long. The rounds' own time is that of the device, as the command's log tells
it, without start and compilation.

For the object transformer, operations and bytes of a training step are what XLA counts in the compiled program; its bound is
the longer of the two times. The bound of the others is their matrix products at the device's own speed.
"""

import argparse
import json
import re
import time

import numpy as np
from measure import Run, main_of, report
from sweep import OPERATIONS_OF_IMAGE_AND_UNIT, fit, objects_of_coco, presence_file, published, scenes_of_coco

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


def bytes_a_second() -> float:
    """What the device moves to and from its memory, measured on a large array."""
    import jax
    import jax.numpy as jnp

    more, a = jax.jit(lambda x: x + 1), jnp.ones(2**26)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        more(a).block_until_ready()
        best = min(best, time.perf_counter() - start)
    return 2 * a.nbytes / best


def object_steps(settings: dict) -> tuple[int, float, float]:
    """Training steps of the object transformer on COCO, and operations and bytes of one, as XLA counts them."""
    import jax

    from contextual_anomaly.models import registry
    from contextual_anomaly.models.data import TrainingData
    from contextual_anomaly.models.families.object_transformer import train_config, training_inputs
    from contextual_anomaly.models.training.objects import _Program
    from contextual_anomaly.scene_objects import read_image_objects
    from contextual_anomaly.scenes import read_scenes

    chosen = registry.read_settings(json.dumps(settings))
    objects = read_image_objects(*(option.partition("=")[2] for option in objects_of_coco()))
    inputs, _ = training_inputs(TrainingData(read_scenes(scenes_of_coco()[0]), None, [], objects), chosen.row_length)
    config = train_config(chosen)
    program = _Program(inputs, config)
    batch = {name: value[: program.batch] for name, value in vars(inputs.train).items()}
    params = program.net.init(jax.random.key(0), *program._inputs(batch, None))

    def loss(params, batch, key):
        return program._sums(params, batch, key)[0]

    cost = jax.jit(jax.value_and_grad(loss)).lower(params, batch, jax.random.key(0)).compile().cost_analysis()
    return program.steps * program.epochs * len(config.seeds), cost["flops"], cost["bytes accessed"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=1500)
    parser.add_argument("--masked-epochs", type=int, default=8)
    parser.add_argument("--object-epochs", type=int, default=8)
    how = parser.parse_args()
    scenes, _ = scenes_of_coco()
    of_objects = {"family": "object_transformer", "epochs": how.object_epochs}
    done = fit(scenes, "gpu", of_objects, *objects_of_coco())
    speed = operations_a_second()
    steps, operations, moved = object_steps(of_objects)
    say(
        f"object transformer, {how.object_epochs} epochs", done, steps * max(operations / speed, moved / bytes_a_second()),
        f"{steps:,} steps of {operations / 1e9:.2f}·10⁹ operations and {moved / 1e6:.0f} MB",
    )  # fmt: skip

    images = len(np.load(presence_file(), mmap_mode="r"))
    trained, classes = images - -(-images // 5), 79
    masked = {"family": "masked", "units": UNITS, "seeds": list(MASKED_SEEDS), "epochs": how.masked_epochs}
    # Of each network two passes a scene: encoder, one block and decoder, forward and twice backward, 2 operations each.
    of_masked = 2 * 6 * (classes * UNITS + UNITS**2 + UNITS * classes) * len(MASKED_SEEDS)
    units = sum(BOTTLENECKS) * len(SEEDS)
    for stage, settings, operations in (
        (f"3 masked networks, {how.masked_epochs} epochs", masked, how.masked_epochs * trained * of_masked),
        (f"75 autoencoders, {how.epochs} epochs", published(BOTTLENECKS, SEEDS, how.epochs), how.epochs * trained * units * classes * OPERATIONS_OF_IMAGE_AND_UNIT),
    ):  # fmt: skip
        work = f"{operations / 1e12:.2f}·10¹² operations in matrix products"
        say(stage, fit(scenes, "gpu", settings), operations / speed, work)


def say(stage: str, done: Run, bound: float, work: str) -> None:
    """Report a fit, with what its log says of device and rounds."""
    said = DEVICE.search(done.output)
    rounds = f"{said['epoch']} s an epoch, {said['compiling']} s to compile" if said else "a single epoch"
    report(
        f"{stage}, on {said['device'] if said else 'one device'}", "", done.seconds, peak_mb=done.peak_mb,
        work=f"{work}; {rounds}", bound_seconds=bound,
    )  # fmt: skip


if __name__ == "__main__":
    main_of(main)
