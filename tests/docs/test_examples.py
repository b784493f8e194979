"""The programs of `examples/` run on a small run, and say what the workflow says."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

pytestmark = pytest.mark.workflow


@pytest.fixture
def example(run_folder, environment):
    """A function that runs an example in the folder of the small run and returns what it prints."""

    def run(name: str, *arguments: str) -> str:
        command = [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)]
        done = subprocess.run(command, cwd=run_folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_explains_itself(path, example):
    assert example(path.name, "--help").startswith("usage:")
    assert "python examples/" + path.name in path.read_text(encoding="utf-8")


def test_asking_a_model_says_what_the_command_says(example, run_folder, environment):
    text = example("ask_a_model.py", "laptop", "keyboard", "surfboard=0.9")
    command = ["contextual-anomaly", "predict", "laptop", "keyboard", "surfboard=0.9", "--missing", "3"]
    said = subprocess.run(command, cwd=run_folder, env=environment, capture_output=True, text=True, check=True).stdout
    listed = re.findall(r"^(\w+) +(\d\.\d{4})", text, re.MULTILINE)
    assert sorted(name for name, _ in listed) == ["keyboard", "laptop", "surfboard"]
    assert listed == re.findall(r"^(\w+) +(\d\.\d{4})", said.split("not in it")[0], re.MULTILINE)


def test_comparing_a_model_gives_the_figures_of_the_workflow(example, run_folder):
    text = example("compare_your_model.py", "--models", "frequency", "mixture", "--n-resamples", "20")
    summary = pd.read_csv(run_folder / "results/experiments/corrected/mixture.summary.csv")
    expected = summary[summary["metric"] == "recall_at_1"].set_index("experiment")["value"].to_dict()
    printed = {
        experiment: float(value)
        for experiment, value in re.findall(r"^mixture +(\w+) +first (\d\.\d{3})", text, re.MULTILINE)
    }
    assert printed.keys() == expected.keys()
    assert printed == pytest.approx(expected, abs=0.0005)
    # Each of the two models has a difference from yours for each experiment.
    differences = re.findall(r"^(\w+) +\w+ +[+-]\d\.\d{3} \[", text, re.MULTILINE)
    assert sorted(set(differences)) == ["frequency", "mixture"]
