"""The programs of `examples/` run on a small run or on made-up data, and say what is known to be right."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
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


def write_tables_and_roads(path: Path, images: int, seed: int, swapped: int = 0) -> list[int]:
    """Write COCO JSON of images with cutlery or vehicles, never both, and return the annotations with a wrong label.

    Args:
        swapped: how many labels of images with three objects become one of the other kind.
    """
    rng = np.random.default_rng(seed)
    names = ("fork", "knife", "spoon", "car", "bus", "bicycle")
    annotations = []
    for image in range(images):
        first = 3 * int(rng.integers(2))
        for category in [first + k for k in range(3) if rng.random() < 0.8] or [first]:
            annotations.append({"image_id": image, "category_id": category + 1, "bbox": [10, 10, 20, 20]})
    for number, annotation in enumerate(annotations):
        annotation["id"] = 100 + number
    of_image: dict[int, list[dict]] = {}
    for annotation in annotations:
        of_image.setdefault(annotation["image_id"], []).append(annotation)
    full = [image for image, found in of_image.items() if len(found) == 3]
    wrong = [of_image[int(image)][0] for image in rng.choice(full, swapped, replace=False)]
    for annotation in wrong:
        annotation["category_id"] = (annotation["category_id"] - 1 + 3) % 6 + 1
    content = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": 100, "height": 100} for i in range(images)],
        "annotations": annotations,
        "categories": [{"id": k + 1, "name": name} for k, name in enumerate(names)],
    }
    path.write_text(json.dumps(content))
    return [annotation["id"] for annotation in wrong]


def test_auditing_a_data_set_finds_the_labels_that_were_swapped(example, tmp_path):
    wrong = write_tables_and_roads(tmp_path / "mine.json", 1000, 2, swapped=8)
    text = example("audit_a_dataset.py", tmp_path / "mine.json")
    found = [int(number) for number in re.findall(r"^0\.\d+ swapped, \d+\.jpg, annotation (\d+): ", text, re.MULTILINE)]
    assert sorted(found[:8]) == sorted(wrong)


def test_an_elephant_on_the_table_is_the_oddest_object(example, tmp_path):
    names = ("elephant", "fork", "knife", "cup", "dining table")
    places = {"fork": (100, 200, 60, 90), "knife": (330, 200, 60, 90), "cup": (420, 150, 60, 70)}
    of_image = {7: [*places], 8: [*places], 9: ["fork", "knife", "elephant"]}
    boxes = places | {"elephant": places["cup"], "dining table": (0, 100, 640, 380)}
    annotations = [
        {"image_id": image, "category_id": names.index(name) + 1, "bbox": boxes[name]}
        for image, objects in of_image.items()
        for name in (*objects, "dining table")
    ]
    content = {
        "images": [{"id": image, "file_name": f"{image}.jpg", "width": 640, "height": 480} for image in of_image],
        "annotations": [annotation | {"id": number} for number, annotation in enumerate(annotations, 1)],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, 1)],
    }
    (tmp_path / "tables.json").write_text(json.dumps(content))
    drawings = [tmp_path / name for name in ("first.svg", "second.svg")]
    for drawing in drawings:
        text = example("odd_objects.py", tmp_path / "tables.json", "--show", "2", "--output", drawing)
        assert re.match(r"image 9: elephant \S+, \S+ times less likely than common; likeliest: cup ", text)
        assert len(text.splitlines()) == 2
    first, second = (drawing.read_bytes() for drawing in drawings)
    assert first == second
    # The odd object has a colour of its own, and its company stands below.
    assert first.count(b"stroke: #d55e00") >= 1
    assert example("odd_objects.py", tmp_path / "tables.json", "--images", "7").startswith("image 7: ")
