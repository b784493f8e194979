"""Label Studio's JSON export: tasks with regions in per cent of the image."""

from typing import Any
from urllib.parse import unquote

from contextual_anomaly.coco.problems import LEFT_OUT, ReadingReport
from contextual_anomaly.coco.values import number
from contextual_anomaly.formats.records import Records
from contextual_anomaly.runtime.safe_text import short_repr

LABELS = (
    "rectanglelabels",
    "polygonlabels",
    "brushlabels",
    "ellipselabels",
    "keypointlabels",
    "labels",
    "choices",
    "taxonomy",
)


def is_label_studio(content: Any) -> bool:
    """Whether decoded JSON is a list of Label Studio's tasks."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(task, dict) and isinstance(task.get("data"), dict) for task in content)
        and any(isinstance(task.get("annotations", task.get("completions")), list) for task in content)
    )


def read_label_studio(content: list[dict[str, Any]], report: ReadingReport) -> dict[str, list]:
    """Read the tasks; choices for an image are objects without a box."""
    found = Records(report)
    for row, task in enumerate(content):
        name = next((v for v in task["data"].values() if isinstance(v, str) and "." in v), "")
        name = unquote(name.rpartition("?d=")[2]) if name.startswith("/data/local-files/") else name
        known = isinstance(task.get("id"), int | str)
        image = found.image(name, key=task["id"] if known else f"task {row}")
        if known:
            image["id"] = task["id"]
        done = [a for a in _list(task.get("annotations", task.get("completions"))) if isinstance(a, dict)]
        kept = [a for a in done if not a.get("was_cancelled")]
        if len(kept) > 1:
            report.add("annotators_several", f"task {row}", f"{len(kept)} annotations of one image", "the last is read")
        for region in _list(kept[-1].get("result")) if kept else []:
            _add_region(found, image, region, f"task {row} (id {short_repr(task.get('id'))})")
    return found.content()


def _list(value: Any) -> list:
    """Return a list, and an empty one of anything else."""
    return value if isinstance(value, list) else []


def _add_region(found: Records, image: dict[str, Any], region: Any, record: str) -> None:
    value = region.get("value") if isinstance(region, dict) else None
    if not isinstance(value, dict):
        return  # relations between regions have none
    labels = next((value[kind] for kind in LABELS if isinstance(value.get(kind), list)), [])
    if not labels:
        found.report.add("object_without_class", record, f"a region of type {short_repr(region.get('type'))}", LEFT_OUT)
    wide, high = number(region.get("original_width")), number(region.get("original_height"))
    if wide and high:
        image.update(width=wide, height=high)
    for label in labels:
        label = label[-1] if isinstance(label, list) and label else label
        more = {"id": region["id"]} if isinstance(region.get("id"), str) else {}
        name = label if isinstance(label, str) else short_repr(label)
        found.add(image, found.category(name), **more, **_place(value, (wide or 0) / 100, (high or 0) / 100))


def _place(value: dict[str, Any], across: float, down: float) -> dict[str, Any]:
    """The box of a region in pixels."""
    if isinstance(value.get("points"), list):
        points = [point for point in value["points"] if isinstance(point, list) and len(point) == 2]
        flat = [
            (number(side) or 0) * scale for point in points for side, scale in zip(point, (across, down), strict=True)
        ]
        return {"bbox": None, "segmentation": [flat]}
    if "radiusX" in value:
        x, y, wide, high = (number(value.get(name)) or 0 for name in ("x", "y", "radiusX", "radiusY"))
        return {"bbox": [(x - wide) * across, (y - high) * down, 2 * wide * across, 2 * high * down]}
    if "width" in value and "x" in value:
        sides = [number(value.get(name)) for name in ("x", "y", "width", "height")]
        box = [None if side is None else side * scale for side, scale in zip(sides, (across, down) * 2, strict=True)]
        return {"bbox": [*box, value["rotation"]] if value.get("rotation") else box}
    return {}
