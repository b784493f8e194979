"""Several fits in turns on a few processor cores, so that the number of cores changes no byte and no compiled program."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any

import jax
import numpy as np

from contextual_anomaly.progress import track


def in_turns(
    step: Callable[[Any], tuple[Any, Any]], states: list[Any], rounds: int, threads: int, title: str
) -> tuple[list[Any], list[list[np.ndarray]]]:
    """Run ``step`` ``rounds`` times on each state; each run fills one core.

    States take turns, so that the cores finish together whatever the number of states.

    Args:
        step: a compiled program, state -> (next state, what to keep of this round).

    Returns:
        the last states, and of each state what was kept, a list over the rounds.
    """
    states = list(states)
    kept: list[list[np.ndarray]] = [[] for _ in states]

    def advance(which: int) -> int:
        states[which], of_round = step(states[which])
        # Waits for the end of the round.
        jax.block_until_ready(states[which])
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
    return states, kept
