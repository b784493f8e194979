"""Run several training loops interleaved on threads or devices. Results do not depend on the number of threads."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np
import pandas as pd

from contextual_anomaly.runtime.progress import track

logger = logging.getLogger(__name__)

RUN_ONCE = {"xla_backend_optimization_level": 1}
"""How a program is compiled that runs once for each seed: to optimise the first weights takes longer than to make them."""


@runtime_checkable
class Program(Protocol):
    """The training of one seed, an epoch in a call; both methods are compiled."""

    epochs: int

    def start(self, key: jax.Array, data: Any) -> Any:
        """Return the state before the first epoch."""
        ...

    def epoch(self, carry: Any, data: Any) -> tuple[Any, jax.Array]:
        """Return the state after one more epoch, and its losses."""
        ...


def train_seeds(
    program: Program, seeds: list[int], data: Any, losses: tuple[str, ...], threads: int, title: str
) -> tuple[list[Any], pd.DataFrame]:
    """Train one network for each seed, side by side.

    Args:
        program: what is trained.
        seeds: of the first weights and of the order of images.
        data: arrays that the program reads, see `run_interleaved`.
        losses: names of the losses of an epoch.
        threads: processor cores to use.
        title: what the progress display says.

    Returns:
        The last states, and the history: seed, epoch, and the losses.
    """
    start = jax.jit(program.start, compiler_options=RUN_ONCE)
    epoch = jax.jit(program.epoch, donate_argnums=0)
    states = [start(jax.random.key(seed), data) for seed in seeds]
    states, kept = run_interleaved(epoch, states, data, program.epochs, threads, title)
    rows = [
        (seed, number, *map(float, of_epoch))
        for seed, of_seed in zip(seeds, kept, strict=True)
        for number, of_epoch in enumerate(of_seed, start=1)
    ]
    return states, pd.DataFrame(rows, columns=["seed", "epoch", *losses])


def run_interleaved(
    step: Callable[[Any, Any], tuple[Any, Any]], states: list[Any], data: Any, epochs: int, threads: int, title: str
) -> tuple[list[Any], list[list[Any]]]:
    """Run ``step`` for some epochs on each state; each call occupies one core, or one of several devices.

    States advance in alternation, so that all cores finish at about the same time whatever the number of states. With
    several devices each state stays on one of them, and all devices hold the data.

    Args:
        step: a compiled program, (state, data) -> (next state, what to keep of this epoch).
        states: one for each training loop.
        data: arrays that the program reads. As constants of the program they would be copied several times, and stored
            in JAX's cache of programs as well.
        epochs: calls of ``step`` on each state; 0 returns the states as they are.
        threads: processor cores to use.
        title: what the progress display says.

    Returns:
        The last states, and what was kept of each state, a list over the epochs.
    """
    kept: list[list[Any]] = [[] for _ in states]
    if not epochs:
        return states, kept
    devices = jax.devices()[: len(states)]
    states = [jax.device_put(state, devices[i % len(devices)]) for i, state in enumerate(states)]
    placed = [jax.device_put(data, device) for device in devices]
    if len(devices) > 1:
        threads = max(threads, len(devices))
        title += f", {len(devices)} devices"
    seconds: list[list[float]] = [[] for _ in states]

    def advance(which: int) -> int:
        start = time.monotonic()
        states[which], of_epoch = step(states[which], placed[which % len(devices)])
        jax.block_until_ready(states[which])
        seconds[which].append(time.monotonic() - start)
        kept[which].append(jax.device_get(of_epoch))
        return which

    def finished():
        with ThreadPoolExecutor(threads) as pool:
            running = {pool.submit(advance, which) for which in range(len(states))}
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for task in done:
                    if len(kept[task.result()]) < epochs:
                        running.add(pool.submit(advance, task.result()))
                    yield task

    for _ in track(finished(), title, epochs * len(states), "epochs"):
        pass
    log_epoch_times(seconds)
    return states, kept


def log_epoch_times(seconds: list[list[float]]) -> None:
    """Log how long an epoch takes on the device, and how long the first one took to compile.

    Args:
        seconds: of each training loop, the durations of its epochs.
    """
    later = np.concatenate([of_loop[1:] for of_loop in seconds])
    if len(later):
        compiling = max(max(of_loop[0] for of_loop in seconds) - np.median(later), 0)
        logger.info(
            f"{jax.devices()[0].device_kind}: {np.median(later):.3f} s an epoch, {compiling:.1f} s to compile the first"
        )
