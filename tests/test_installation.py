"""Without extras, the package installs little, and that is enough for what people do with fitted models."""

import os
import re
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import contextual_anomaly as ca
from contextual_anomaly.runtime.extras import installation_advice

ROOT = Path(__file__).resolve().parents[1]
MOST_PACKAGES = 20

# Runs the command line where only these top-level modules of other distributions can be imported.
RESTRICTED = """
import sys

class Restricted:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

refused = set(sys.argv.pop(1).split(","))
sys.meta_path.insert(0, Restricted())
from contextual_anomaly.cli import main
main()
"""


def closure(name: str) -> set[str]:
    """The distributions that are installed with one, itself among them, without extras."""
    found, waiting = set(), [name]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            needs = [Requirement(need) for need in requires(name) or []]
            waiting += [n.name.lower() for n in needs if not n.marker or n.marker.evaluate({"extra": ""})]
    return found


@pytest.fixture(scope="module")
def refused() -> str:
    """The modules of this environment that are not there without extras."""
    kept = {name.replace("_", "-") for name in closure("contextual-anomaly")}
    modules = {
        module
        for module, distributions in packages_distributions().items()
        if not kept & {name.lower().replace("_", "-") for name in distributions}
    }
    assert {"jax", "snakemake", "matplotlib", "pandas", "scipy", "sklearn", "onnx", "requests", "yaml"} <= modules
    return ",".join(modules - {"coverage", "a1_coverage", "_virtualenv"})


@pytest.fixture(scope="module")
def restricted(refused):
    """A function that runs the command line with what is there without extras."""

    def run(*arguments, **options):
        command = [sys.executable, "-c", RESTRICTED, refused, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, **options)

    return run


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A small fitted model."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    scenes = [[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1], [1, 0, 0]] * 20
    ca.save_model(ca.ContextAnomalyDetector("naive_bayes").fit(scenes).model_, path)
    return path


def test_the_packages_without_extras_are_few():
    assert len(closure("contextual-anomaly")) <= MOST_PACKAGES


def test_help_and_prediction_need_no_extra(restricted, model):
    done = restricted("--help")
    assert done.returncode == 0, done.stderr
    assert "predict" in done.stdout
    done = restricted("predict", "x0", "x2=0.9", "--model", model)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^x2 +0\.\d{4}", done.stdout, re.MULTILINE)


def test_the_models_of_the_package_are_shown_without_extras(restricted):
    done = restricted("models", "list")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^coco +ensemble +\d\.\d\d +COCO 2017 +annotations, yolox-nano +yes", done.stdout, re.MULTILINE)
    done = restricted("models", "show", "coco")
    assert done.returncode == 0, done.stderr
    assert "which is right" in done.stdout


def test_check_needs_no_extra(restricted, tmp_path, write_json):
    """Annotations, a stream, a page and every format; the model is the one that comes with the package."""
    scene = "laptop, keyboard, dining table, surfboard\n"
    done = restricted("check", "-", "--format", "text", input=scene)
    assert done.returncode == 1, done.stderr
    assert re.search(r"unexpected +surfboard", done.stdout)
    names = ["laptop", "keyboard", "dining table", "surfboard"]
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 100}],
        "annotations": [{"id": n, "image_id": 1, "category_id": n, "bbox": [10 * n, 10, 20, 20]} for n in range(1, 5)],
        "categories": [{"id": n, "name": name} for n, name in enumerate(names, 1)],
    }
    often = ("--false-alarms", "5%")
    for export in ("jsonl", "csv", "coco", "label-studio", "cvat"):
        output = tmp_path / f"{export}.txt"
        page = ("--html", tmp_path / "page.html")
        done = restricted("check", write_json(content), *often, "--format", export, "--output", output, *page)
        assert done.returncode == 1, done.stderr
        assert "surfboard" in output.read_text()
    assert "surfboard" in (tmp_path / "page.html").read_text()
    reviewed = restricted("check", write_json(content), *often, "--since", tmp_path / "csv.txt")
    assert reviewed.returncode == 1, reviewed.stderr


def test_check_detects_without_extras(restricted, shared_coco, tmp_path):
    """The named detector, whose header is known, needs no onnx."""
    weights = shared_coco / "weights/yolox_nano.onnx"
    images = sorted((shared_coco / "images/val2017").glob("*.jpg"))
    if not images:
        pytest.skip("no images of COCO are here")
    done = restricted("check", images[0], "--detector", weights, "--format", "jsonl", "--exit-zero", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert '"detector": "yolox-nano"' in done.stdout


def test_a_command_that_lacks_a_package_names_its_extra(restricted, tmp_path):
    for name in ("a.cfg", "a.weights"):
        (tmp_path / name).write_text("[net]\nwidth=32\nheight=32\nchannels=3\n")
    done = restricted("darknet-to-onnx", "--cfg", "a.cfg", "--weights", "a.weights", "--output", "a.onnx", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: this needs the package onnx, which is not installed: pip install 'contextual-anomaly[detector]'."
    ]


def test_a_watch_without_the_packages_of_its_page_names_the_extra():
    command = [sys.executable, "-c", RESTRICTED, "anyio,h11,starlette,uvicorn", "watch", "-", "--page"]
    done = subprocess.run(command, input="[]\n", capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'contextual-anomaly[page]'" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_each_extra_is_named_for_its_packages():
    assert "contextual-anomaly[training]" in installation_advice("sklearn.linear_model")
    assert "contextual-anomaly[workflow]" in installation_advice("matplotlib")
    assert "contextual-anomaly[watch]" in installation_advice("scipy.optimize")
    assert all(
        "contextual-anomaly[page]" in installation_advice(name) for name in ("anyio", "h11", "starlette", "uvicorn")
    )
    assert "package pyyaml" in installation_advice("yaml")
    assert installation_advice("contextual_anomaly.nothing") == ""
    assert installation_advice(None) == ""


@pytest.mark.slow
def test_a_fresh_environment_of_the_wheel_predicts(tmp_path, model):
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    wheel = subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT], capture_output=True, text=True)
    if wheel.returncode:
        pytest.skip(f"the wheel cannot be built here, perhaps without network: {wheel.stderr.strip()[-200:]}")
    (path,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        there = set(archive.namelist())
    sources = {file.relative_to(ROOT / "src").as_posix() for file in (ROOT / "src").rglob("*") if file.is_file()}
    assert {name for name in sources if not name.endswith(".pyc")} <= there  # templates, tables and models, too
    venv.create(tmp_path / "fresh", with_pip=True)
    python = tmp_path / "fresh/bin/python"
    before = set(listed(python, outside))
    install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", ROOT / "requirements.lock"]
    done = subprocess.run([*install, path], capture_output=True, text=True, env=outside)
    if done.returncode and "connection" in done.stderr.lower():
        pytest.skip(f"no package index can be reached: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr
    assert len(set(listed(python, outside)) - before) <= MOST_PACKAGES
    command = [tmp_path / "fresh/bin/contextual-anomaly"]
    said = subprocess.run([*command, "--help"], capture_output=True, text=True, env=outside, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    said = subprocess.run(
        [*command, "predict", "x0", "x2=0.9", "--model", model],
        capture_output=True,
        text=True,
        env=outside,
        cwd=tmp_path,
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("in the scene")
    said = subprocess.run(
        [*command, "check", "-", "--format", "text"],
        input="laptop, keyboard, dining table, surfboard\n",
        capture_output=True,
        text=True,
        env=outside,
        cwd=tmp_path,
    )
    assert said.returncode == 1, said.stderr
    assert "surfboard" in said.stdout


def listed(python: Path, environment: dict[str, str]) -> list[str]:
    """The packages of an environment."""
    done = subprocess.run(
        [python, "-m", "pip", "list", "--format", "freeze"], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.split()
