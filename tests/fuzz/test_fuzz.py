"""Every reader, on hostile input: half a minute; `CONTEXTUAL_ANOMALY_FUZZ=1000` takes so many inputs of each."""

import os

import pytest

from tests.fuzz.run import run
from tests.fuzz.targets import TARGETS

INPUTS = int(os.environ.get("CONTEXTUAL_ANOMALY_FUZZ", 0))
SECONDS = 1.0  # for each target, where no number is asked for


@pytest.mark.parametrize("name", TARGETS)
def test_hostile_input_ends_well_or_in_an_error_of_the_project(name):
    outcome = run(name, INPUTS) if INPUTS else run(name, 300, SECONDS)
    assert not outcome.failures, "\n".join(outcome.failures[:5])
    assert outcome.counts["own error"]  # or the inputs were not hostile


def test_the_same_number_makes_the_same_input():
    import random

    for name, target in TARGETS.items():
        assert target.make(random.Random(f"{name} 7")) == target.make(random.Random(f"{name} 7")), name
