"""Several fits in turns: on a few processor cores, so that their number changes no byte, or spread over devices."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any

import jax
import numpy as np

from contextual_anomaly.runtime.progress import track

logger = logging.getLogger(__name__)


def run_interleaved(
    step: Callable[[Any, Any], tuple[Any, Any]], states: list[Any], data: Any, rounds: int, threads: int, title: str
) -> tuple[list[Any], list[list[np.ndarray]]]:
    """Run ``step`` ``rounds`` times on each state; each run fills one core, or one of several devices.

    States take turns, so that cores finish together whatever the number of states. With several devices each state lies
    on one of them, in turn, and all of them hold the data.

    Args:
        step: a compiled program, (state, data) -> (next state, what to keep of this round).
        data: arrays that the program works on. Were they constants of the program, it would hold several copies of them,
            and so would JAX's cache of programs.

    Returns:
        the last states, and of each state what was kept, a list over the rounds.
    """
    devices = jax.devices()[: len(states)]
    states = [jax.device_put(state, devices[i % len(devices)]) for i, state in enumerate(states)]
    placed = [jax.device_put(data, device) for device in devices]
    if len(devices) > 1:
        threads = max(threads, len(devices))
        title += f", {len(devices)} devices"
    kept: list[list[np.ndarray]] = [[] for _ in states]
    seconds: list[list[float]] = [[] for _ in states]

    def advance(which: int) -> int:
        start = time.monotonic()
        states[which], of_round = step(states[which], placed[which % len(devices)])
        # Waits for the end of the round.
        jax.block_until_ready(states[which])
        seconds[which].append(time.monotonic() - start)
        kept[which].append(jax.device_get(of_round))
        return which

    def finished():
        with ThreadPoolExecutor(threads) as pool:
            running = {pool.submit(advance, which) for which in range(len(states))}
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for task in done:
                    if len(kept[task.result()]) < rounds:
                        running.add(pool.submit(advance, task.result()))
                    yield task

    for _ in track(finished(), title, rounds * len(states), "epochs"):
        pass
    say_times(seconds)
    return states, kept


def say_times(seconds: list[list[float]]) -> None:
    """Of each fit the seconds of its rounds: how long one takes the device, and how long the first took to compile."""
    later = np.concatenate([of_fit[1:] for of_fit in seconds])
    if len(later):
        compiling = max(max(of_fit[0] for of_fit in seconds) - np.median(later), 0)
        logger.info(
            f"{jax.devices()[0].device_kind}: {np.median(later):.3f} s a round, {compiling:.1f} s to compile the first"
        )
