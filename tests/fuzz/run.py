"""Run targets on numbered inputs, and count how they end."""

import logging
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.targets import TARGETS, Target

SECONDS_AN_INPUT = 20


@dataclass
class Outcome:
    """How the inputs of a target ended: "clean", "own error" or "failure"."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        return self.counts.total()


class Hung(BaseException):
    """An input took too long."""


def _hung(*_) -> None:
    raise Hung


def run_one(name: str, number: int) -> str:
    """Run one input; return how it ended, for a failure with its traceback."""
    target: Target = TARGETS[name]
    before = signal.signal(signal.SIGALRM, _hung)
    signal.alarm(SECONDS_AN_INPUT)
    try:
        with tempfile.TemporaryDirectory() as folder:
            target.read(target.make(random.Random(f"{name} {number}")), Path(folder))
        return "clean"
    except target.errors:
        return "own error"
    except Hung:
        return f"failure: more than {SECONDS_AN_INPUT} s\n{traceback.format_exc()}"
    except Exception:
        return f"failure: {traceback.format_exc()}"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run(name: str, inputs: int, seconds: float = float("inf"), at_least: int = 25) -> Outcome:
    """Run the first inputs of a target.

    Args:
        name: Of the target.
        inputs: How many, times the target's weight.
        seconds: No further one is begun after so long.
        at_least: So many are run however long they take.
    """
    level = logging.getLogger("contextual_anomaly").level
    logging.getLogger("contextual_anomaly").setLevel(logging.CRITICAL)
    outcome, began = Outcome(), time.monotonic()
    try:
        for number in range(max(1, round(inputs * TARGETS[name].weight))):
            if number >= at_least and time.monotonic() - began > seconds:
                break
            end, _, what = run_one(name, number).partition(": ")
            outcome.counts[end] += 1
            if what:
                outcome.failures.append(f"python -m tests.fuzz {name!r} {number}\n{what}")
    finally:
        logging.getLogger("contextual_anomaly").setLevel(level)
    return outcome


def main(arguments: list[str]) -> int:
    """Run all targets and print a table; or one input of one target, and print how it ended."""
    if len(arguments) == 2:
        print(run_one(arguments[0], int(arguments[1])))
        return 0
    inputs = int(arguments[0]) if arguments else 500
    print("| input | tried | clean | own error | anything else |\n| --- | ---: | ---: | ---: | ---: |")
    total: Counter[str] = Counter()
    failures = []
    for name in TARGETS:
        outcome = run(name, inputs)
        total += outcome.counts
        failures += outcome.failures
        _line(name, outcome.counts)
    _line("together", total)
    for failure in failures:
        print(f"\n{failure}", file=sys.stderr)
    return 1 if failures else 0


def _line(name: str, counts: Counter[str]) -> None:
    print(
        f"| {name} | {counts.total():,} | {counts['clean']:,} | {counts['own error']:,} | {counts['failure']:,} |",
        flush=True,
    )
