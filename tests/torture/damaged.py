"""Damaged files: bits that are flipped, and what the readers of the project make of it."""

import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from contextual_anomaly import tables
from contextual_anomaly.coco.reader import read_instances
from contextual_anomaly.detection.detections import read_image_report
from contextual_anomaly.detection.network import Network
from contextual_anomaly.download.archive import unpack_folder
from contextual_anomaly.models.calibration import read_calibration
from contextual_anomaly.models.registry import digest, load_model
from contextual_anomaly.models.store import read_model
from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.runtime.atomic import MANIFEST, read_text, require_whole
from contextual_anomaly.scenes import read_scenes
from tests.torture.outcomes import outcomes


def rows(results: Path, tries: int, work: Path) -> Iterator[tuple[str, Counter[str]]]:
    """Yield a row for each kind of file of a finished run."""
    run = FinishedRun(results, {}, [], [], None)

    def unpacked() -> dict[str, bytes]:
        shutil.rmtree(work / "unpacked", ignore_errors=True)
        unpack_folder(archive, "val2017/", work / "unpacked")
        return {path.name: path.read_bytes() for path in (work / "unpacked").glob("*.jpg")}

    def annotations(path: Path):
        return [table.to_pydict() for table in read_instances(path)]

    def network(path: Path):
        loaded = Network(path, "yolov8", *network_options())
        return loaded.names, loaded.classes, loaded.input_size

    def model(path: Path):
        return digest(load_model(path)), read_model(path)[0]

    image = next((results / "world/val2017").glob("*.jpg"))
    archive = work / "images.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as package:
        for path in sorted((results / "world/val2017").glob("*.jpg"))[:2]:
            package.write(path, f"val2017/{path.name}")
    kinds: dict[str, tuple[Path, Callable[[Path], object], int]] = {
        "table (Parquet)": (
            results / "annotations/val.parquet",
            lambda path: tables.read_table(path, tables.ANNOTATIONS).to_pydict(),
            tries,
        ),
        "scenes (Parquet)": (results / "scenes/val.parquet", lambda path: read_scenes(path).counts.tolist(), tries),
        "calibration (Parquet)": (
            results / "models/frequency.calibration.parquet",
            lambda path: repr(vars(read_calibration(path))),
            tries,
        ),
        "model, closed form (safetensors)": (results / "models/frequency.safetensors", model, tries),
        "model, ensemble (safetensors)": (results / "models/ensemble.safetensors", model, tries),
        "image report (CSV)": (
            results / "detections/world/images.csv",
            lambda path: read_image_report(path).to_csv(),
            tries,
        ),
        "results (CSV)": (
            results / "experiments/rescoring/world.summary.csv",
            lambda path: run.csv("experiments/rescoring/world.summary.csv").to_csv(),
            tries,
        ),
        "settings of the run (YAML)": (
            results / "configuration.yaml",
            lambda path: read_text(path, "the settings of the run"),
            tries,
        ),
        "figures of the run (JSON)": (results / "summary.json", lambda path: read_text(path, "the figures"), tries),
        "annotations of the world (JSON)": (
            results / "world/annotations/instances_val2017.json",
            annotations,
            tries,
        ),
        "network (ONNX)": (results / "world/detector.onnx", network, max(1, tries // 10)),
        "image of a folder (JPEG)": (image, lambda path: require_whole(path.parent, [path.name]), tries),
        "manifest of a folder (JSON)": (
            image.with_name(MANIFEST),
            lambda path: require_whole(path.parent, [image.name]),
            tries,
        ),
        "archive (zip)": (archive, lambda path: unpacked(), tries),
    }
    for kind, (path, read, times) in kinds.items():
        yield f"bit flipped: {kind}", outcomes(path, lambda path=path, read=read: read(path), times)


def network_options() -> tuple:
    """Return what `Network` takes after the name of its family."""
    from contextual_anomaly.detection.detector import DETECTOR_FAMILIES, available
    from contextual_anomaly.runtime.choices import Backend, DetectorFamily

    return DETECTOR_FAMILIES[DetectorFamily.yolov8], False, available(Backend.cpu), 1, None, 0
