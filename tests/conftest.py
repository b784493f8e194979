"""What several tests need: a small hand-made COCO file and the real tables, where they are."""

import json
import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

from contextual_anomaly.runtime.threads import compiled_programs
from tests import typecheck  # noqa: F401  # the hook finds it by name

# Before their modules are imported: in tests, types and array shapes of these are checked on every call.
CHECKED = [f"contextual_anomaly.{name}" for name in ("models", "predict", "anomalies", "stats", "experiments")]
install_import_hook(CHECKED, "tests.typecheck.checked")

from contextual_anomaly.runtime.progress import configure_logging  # noqa: E402

configure_logging()
# As in the commands: what JAX has compiled once is there for every process of the tests.
if kept := compiled_programs():
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(kept))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
SHARED = Path(__file__).resolve().parents[2] / "shared"


LANES = ("slow", "workflow")
"""After the fast tests, those that take longer and longest."""


def pytest_collection_modifyitems(items):
    """Run the fast tests first; within a lane the order stays, but for SLURM's, which no process is to be left with."""

    def place(item) -> tuple[int, bool]:
        marks = {mark.name for mark in item.iter_markers()}
        return max((1 + LANES.index(lane) for lane in marks.intersection(LANES)), default=0), "slurm" not in marks

    items.sort(key=place)


@pytest.fixture
def instances() -> dict:
    """Three images, two classes, three objects: small enough to check by eye."""
    return {
        "images": [
            {"id": 7, "file_name": "000000000007.jpg", "width": 640, "height": 480, "coco_url": "http://x/7.jpg"},
            {"id": 3, "file_name": "000000000003.jpg", "width": 320, "height": 240},
            {"id": 5, "file_name": "000000000005.jpg", "width": 320, "height": 240},
        ],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 18, "bbox": [10.5, 20, 30, 40], "area": 600.0, "iscrowd": 0,
             "segmentation": [[1, 2, 3, 4, 5, 6]]},
            {"id": 2, "image_id": 3, "category_id": 44, "bbox": [0, 0, 5, 6], "area": 15.5, "iscrowd": 1,
             "segmentation": {"counts": [1, 2], "size": [240, 320]}},
            {"id": 3, "image_id": 7, "category_id": 44, "bbox": [1, 2, 3, 4.25]},
        ],
        "categories": [
            {"id": 44, "name": "bottle", "supercategory": "kitchen"},
            {"id": 18, "name": "dog", "supercategory": "animal"},
        ],
    }  # fmt: skip


@pytest.fixture
def write_json(tmp_path):
    """A function that writes an object as JSON and gives its path."""

    def write(content, name: str = "instances.json") -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


@pytest.fixture(scope="session")
def shared_coco() -> Path:
    """The folder of real COCO tables, or a visible skip."""
    folder = SHARED / "coco"
    if not folder.is_dir():
        pytest.skip("the real COCO tables (../shared/coco) are not here")
    return folder
