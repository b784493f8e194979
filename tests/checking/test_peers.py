"""Label Studio, CVAT's format and FiftyOne: the tools' own readers open what is written for them.

Each tool needs another OpenCV or NumPy than this package, so they run in an environment of their own, whose Python
CONTEXTUAL_ANOMALY_PEERS names: `make test-peers` makes one of `peers.txt` and runs these tests. FiftyOne, 118 packages and a
database of 1 GB in all, is asked where that environment has it.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from contextual_anomaly.checking.exports import open_writer

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def peer_python() -> str:
    """The Python of an environment with the other tools, or a visible skip."""
    python = os.environ.get("CONTEXTUAL_ANOMALY_PEERS")
    if not python:
        pytest.skip("no environment has the other tools: make test-peers makes one and runs this")
    return python


def outside() -> dict[str, str]:
    """The environment of a process that sees nothing of this package."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.fixture
def read(peer_python):
    """A function that opens files in a tool and returns what it found."""

    def run(tool, *files):
        command = [peer_python, str(HERE / "peer_readers.py"), tool, *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, env=outside())
        if "No module named 'fiftyone'" in done.stderr:
            pytest.skip("FiftyOne is not in the environment of CONTEXTUAL_ANOMALY_PEERS")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture
def write(results, tmp_path):
    """A function that writes the answers in a format and returns the file."""

    def export(name, file):
        with open_writer(name, tmp_path / file) as writer:
            for result in results:
                writer.write(result)
        return tmp_path / file

    return export


def test_label_studio_has_nothing_against_the_tasks(read, write, tmp_path):
    tasks = write("label-studio", "tasks.json")
    assert read("label-studio", tasks, tmp_path / "tasks.labels.xml") == {"valid": True, "errors": []}
    # Its reader does notice what is wrong.
    content = json.loads(tasks.read_text())
    content[0]["predictions"][0]["result"][0]["value"]["width"] = 60.0
    content[0]["predictions"][0]["result"][0]["value"]["rectanglelabels"] = ["another"]
    tasks.write_text(json.dumps(content))
    assert read("label-studio", tasks, tmp_path / "tasks.labels.xml")["errors"]


@pytest.mark.parametrize(("kind", "export", "file"), [("cvat", "cvat", "cvat.xml"), ("coco", "coco", "coco.json")])
def test_datumaro_opens_boxes_and_reasons(read, write, photo, kind, export, file):
    found = {one["label"]: one for one in read(kind, write(export, file), photo.parent)}
    assert found["laptop"]["box"] == [20, 10, 50, 40]
    assert found["surfboard"]["attributes"]["explanation"] == "laptop -4.8, keyboard -4.2"
    assert found["surfboard"]["attributes"]["kind"] == "unexpected"
    if kind == "cvat":
        assert (found["mouse"]["type"], found["mouse"]["attributes"]["kind"]) == ("Label", "missing")


def test_fiftyone_opens_boxes_and_reasons(read, write, photo):
    found = {one["label"]: one for one in read("fiftyone", write("coco", "coco.json"), photo.parent)}
    assert found["surfboard"] == {
        "image": photo.name,
        "label": "surfboard",
        "box": [0.75, 0.6, 0.4, 0.3],
        "confidence": 0.75,
        "kind": "unexpected",
        "explanation": "laptop -4.8, keyboard -4.2",
    }
    assert found["laptop"]["kind"] == ""
