"""What a command starts and takes: no library that it does not need, no more cores than limit_threads, nothing compiled twice."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from contextual_anomaly.cli import COMMANDS
from contextual_anomaly.runtime.threads import ONE_CORE, limit_threads
from contextual_anomaly.scenes import Scenes, write_scenes

SLOW_TO_START = ("jax", "flax", "optax", "pandas", "cv2", "scipy", "sklearn", "matplotlib", "onnx", "pyarrow", "numpy")


def started(*command_lines):
    """The slow libraries that are loaded after these command lines, run in one new process."""
    program = f"""
import sys
from contextual_anomaly.cli import main
for line in {[list(map(str, line)) for line in command_lines]!r}:
    sys.argv = ["contextual-anomaly", *line]
    try:
        main()
    except SystemExit as stop:
        assert not stop.code, line
import json
print("loaded:", json.dumps([name for name in {SLOW_TO_START!r} if name in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.rpartition("loaded:")[2])


def test_help_starts_no_slow_library():
    assert started(["--help"], *([name.replace("_", "-"), "--help"] for name in COMMANDS)) == []


def test_tables_and_scenes_start_neither_jax_nor_pandas(write_json, instances, tmp_path):
    read = [f"--{name}={tmp_path / name}" for name in ("annotations", "images", "categories")]
    splits = [f"--{s}-{name}={tmp_path / name}" for s in ("train", "val") for name in ("annotations", "categories")]
    names = ("train-scenes", "val-scenes", "train-scenes-unfiltered", "val-scenes-unfiltered", "class-counts")
    written = [f"--{name}={tmp_path / name}" for name in names]
    loaded = started(
        ["annotations", write_json(instances), *read],
        ["scenes", "--dataset=x", "--minimum-classes=1", *splits, *written],
    )
    assert loaded == ["pyarrow", "numpy"]


@pytest.mark.parametrize("options", [{}, {"threads": 3}])
def test_libraries_are_told_the_same_number_of_cores_whatever_a_command_may_use(monkeypatch, options):
    names = ("PJRT_NPROC", *ONE_CORE)
    for variable in (*names, "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"):
        # Set and deleted, so that it is put back after the test.
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    told = limit_threads(lambda **_: [os.environ[name] for name in names])(**options)
    assert told == ["2", *["1"] * len(ONE_CORE)]


def test_what_the_user_has_set_stays(monkeypatch, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    kept = ("OMP_NUM_THREADS", "JAX_COMPILATION_CACHE_DIR")
    assert limit_threads(lambda **_: [os.environ[name] for name in kept])(threads=2) == ["7", str(tmp_path)]


@pytest.mark.parametrize(("platforms", "told"), [("", None), ("cuda,cpu", None), ("cpu", "2")])
def test_where_jax_runs_on_a_gpu_all_cores_compile(monkeypatch, tmp_path, platforms, told):
    (tmp_path / "jax_cuda13_plugin").mkdir()
    (tmp_path / "jax_cuda13_plugin/__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("JAX_PLATFORMS", platforms)
    monkeypatch.setenv("PJRT_NPROC", "")
    monkeypatch.delenv("PJRT_NPROC")
    assert limit_threads(lambda **_: os.environ.get("PJRT_NPROC"))() == told


def fitted(folder: Path, settings: dict, images: int, classes: int = 12, seed: int = 0, threads: int = 1) -> str:
    """The digest of a model of random scenes, fitted by a process of its own whose cache is in the folder."""
    counts = (np.random.default_rng(seed).random((images, classes)) < 0.3).astype(np.uint16)
    names = tuple(f"class {number}" for number in range(classes))
    write_scenes(Scenes(np.arange(images), counts, names, tuple(range(classes)), "random"), folder / "scenes.parquet")
    output = folder / "model.safetensors"
    options = [
        "--name=m",
        "--settings",
        json.dumps(settings),
        f"--scenes={folder}/scenes.parquet",
        f"--output={output}",
    ]
    options += [f"--history={folder}/h.csv", f"--calibration={folder}/c.parquet", f"--threads={threads}"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "PJRT_"))}
    environment["XDG_CACHE_HOME"] = str(folder)
    subprocess.run(["contextual-anomaly", "fit", *options], check=True, capture_output=True, env=environment)
    return sha256(output.read_bytes()).hexdigest()


@pytest.mark.slow
def test_a_compiled_program_is_kept_and_changes_no_byte(tmp_path):
    made, kept = [], []
    settings = {
        "family": "autoencoder",
        "objective": "published",
        "bottlenecks": [3],
        "weight_seeds": [0],
        "epochs": 2,
        "chosen_bottleneck": 3,
    }
    for seed in (0, 0, 1):
        made.append(fitted(tmp_path, settings, images=100, seed=seed))
        # Only what takes 0.1 s to compile is kept: the training loop always, smaller programs on a busy machine.
        kept.append({path.name for path in (tmp_path / "contextual-anomaly" / "jax").rglob("*epoch*-cache")})
    assert kept[0]
    assert kept[1] == kept[0]
    assert made[1] == made[0]
    # Other data of the same shape are learnt from by the same program, which holds none.
    assert kept[2] == kept[0]
    assert made[2] != made[0]


@pytest.mark.slow
def test_the_number_of_threads_changes_no_byte(tmp_path):
    settings = {"family": "masked", "units": 8, "seeds": [0], "epochs": 1, "min_steps": 0}
    assert len({fitted(tmp_path, settings, images=1500, classes=79, threads=threads) for threads in (1, 2, 4)}) == 1
