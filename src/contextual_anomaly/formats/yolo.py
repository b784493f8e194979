"""YOLO and Darknet: a text file an image, a line an object; classes by number, boxes as shares of the image."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contextual_anomaly.coco.pictures import picture_size
from contextual_anomaly.coco.problems import LEFT_OUT, ReadingReport
from contextual_anomaly.coco.values import integer, number
from contextual_anomaly.errors import UserError
from contextual_anomaly.formats.records import IMAGE_SUFFIXES, Records, note_relative_size

SPLITS = {"train": ("train", "training"), "val": ("val", "valid", "validation", "test")}
NAMES = ("classes.txt", "obj.names", "_darknet.labels", "labels.txt", "predefined_classes.txt")
NOT_LABELS = {*NAMES, "train.txt", "val.txt", "valid.txt", "test.txt", "readme.txt", "readme.dataset.txt",
              "readme.roboflow.txt", "requirements.txt", "notes.txt"}  # fmt: skip


@dataclass(frozen=True)
class YoloSet:
    """Where the parts of a data set are."""

    folder: Path
    names: dict[int, str]
    places: dict[str, list[Path]]  # of train, val and test: folders or lists of images, as data.yaml names them


def find_yolo(path: Path) -> YoloSet | None:
    """Return the data set of a folder, a data.yaml or a file of names; None where it is none."""
    if path.is_file():
        if path.suffix.lower() in (".yaml", ".yml"):
            return _of_yaml(path)
        return YoloSet(path.parent, _names_file(path), {}) if path.name in NAMES or path.suffix == ".names" else None
    for found in [*sorted(path.glob("*.yaml")), *sorted(path.glob("*.yml"))]:
        described = _of_yaml(found)
        if described:
            return described
    for found in [path / name for name in NAMES] + sorted(path.glob("*.names")) + sorted(path.glob("*/classes.txt")):
        if found.is_file():
            return YoloSet(path, _names_file(found), {}) if _label_files(path) else None
    labels = _label_files(path)
    return YoloSet(path, {}, {}) if labels and _looks_like_labels(labels[0]) else None


def read_yolo(of: YoloSet, split: str | None, report: ReadingReport) -> tuple[dict[str, list], bool]:
    """Read the labels.

    Args:
        of: where they are.
        split: "train" or "val" if only that part is wanted, where the data set has parts.
        report: lines that are wrong are added to it.

    Returns:
        records in COCO's shape, and whether they are those of the split alone.
    """
    found = Records(report)
    for key in sorted(of.names):
        found.categories.append({"id": key, "name": of.names[key]})
    pairs, own_split = _pairs(of, split)
    if not pairs:
        raise UserError(f"{report.name}: no label files (*.txt beside the images, or in labels/) were found.")
    unnamed: set[int] = set()
    for label, picture, name in pairs:
        size = picture_size(picture) if picture else None
        if size is None:
            note_relative_size(report, name)
        width, height = size or (1, 1)
        image = found.image(name, key=str(label), width=width, height=height)
        lines = label.read_text(encoding="utf-8", errors="replace").splitlines() if label.is_file() else []
        for row, line in enumerate(lines, 1):
            if line.strip():
                _add_line(found, image, line, f"{label.name} line {row}", of.names, unnamed)
    if unnamed:
        some = ", ".join(map(str, sorted(unnamed)[:5]))
        report.add("class_without_name", "", f"class numbers {some}", "named by their numbers", len(unnamed))
        found.categories += [{"id": key, "name": f"class {key}"} for key in sorted(unnamed)]
    return found.content(), own_split


def _add_line(
    found: Records, image: dict[str, Any], line: str, record: str, names: dict[int, str], unnamed: set[int]
) -> None:
    values = [number(value) for value in line.split()]
    category = integer(values[0]) if values else None
    if category is None or category < 0 or None in values:
        found.report.add("label_line_wrong", record, repr(line), f"{LEFT_OUT}; class x y width height was expected")
        return
    if category not in names:
        unnamed.add(category)
    sides = [value or 0.0 for value in values[1:]]
    width, height = image["width"], image["height"]
    if len(sides) in (4, 5):  # the fifth is a prediction's confidence
        x, y, across, down = sides[:4]
        box = [(x - across / 2) * width, (y - down / 2) * height, across * width, down * height]
        score = {"score": sides[4]} if len(sides) == 5 else {}
        found.add(image, category, bbox=box, **score)
    elif len(sides) >= 6 and len(sides) % 2 == 0:  # an outline
        points = [side * (height if at % 2 else width) for at, side in enumerate(sides)]
        found.add(image, category, bbox=None, segmentation=[points])
    else:
        found.add(image, category, bbox=sides)


def _pairs(of: YoloSet, split: str | None) -> tuple[list[tuple[Path, Path | None, str]], bool]:
    """Label file, picture and name of each image; and whether they are those of the split."""
    if of.places:
        wanted = [p for name in SPLITS.get(split or "", ()) for p in of.places.get(name, [])]
        own = bool(wanted) and bool(of.places.get("train")) and len(of.places) > 1
        places = wanted if own else [p for paths in of.places.values() for p in paths]
        pictures = [picture for place in dict.fromkeys(places) for picture in _pictures(place)]
        if pictures:
            return [(_label_of(p), p, _name(of.folder, p)) for p in dict.fromkeys(pictures)], own
    labels = _label_files(of.folder)
    parts = {name: [p for p in labels if _is_in(of.folder, p, SPLITS[name])] for name in SPLITS}
    own = split is not None and all(parts.values())
    labels = parts[split] if own and split else labels
    pictures = {p.with_suffix("").name: p for p in sorted(of.folder.rglob("*")) if p.suffix.lower() in IMAGE_SUFFIXES}
    beside = {_label_of(p): p for p in pictures.values()}
    pairs = []
    for label in labels:
        picture = beside.get(label) or pictures.get(label.stem)
        pairs.append((label, picture, _name(of.folder, picture) if picture else f"{label.stem}.jpg"))
    bare = [p for label, p in beside.items() if not label.is_file() and p.stem not in {x.stem for x in labels}]
    if not own:
        pairs += [(_label_of(p), p, _name(of.folder, p)) for p in bare]
    return pairs, own


def _is_in(folder: Path, path: Path, names: Iterable[str]) -> bool:
    return bool(set(names) & {part.lower() for part in path.relative_to(folder).parts[:-1]})


def _pictures(place: Path) -> list[Path]:
    """The images of a folder, or of a text file that lists them."""
    if place.is_dir():
        return sorted(p for p in place.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    lines = place.read_text(encoding="utf-8", errors="replace").split("\n") if place.is_file() else []
    return [Path(line.strip()) if Path(line.strip()).is_absolute() else place.parent / line.strip()
            for line in lines if line.strip()]  # fmt: skip


def _label_of(picture: Path) -> Path:
    """The label file of an image: the last folder images/ is labels/ there, or both lie side by side."""
    parts = list(picture.parts)
    for at in range(len(parts) - 2, -1, -1):
        if parts[at] == "images":
            moved = Path(*parts[:at], "labels", *parts[at + 1 :]).with_suffix(".txt")
            if moved.is_file() or not picture.with_suffix(".txt").is_file():
                return moved
    return picture.with_suffix(".txt")


def _name(folder: Path, picture: Path) -> str:
    return picture.relative_to(folder).as_posix() if picture.is_relative_to(folder) else picture.name


def _label_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*.txt") if p.name.lower() not in NOT_LABELS)


def _looks_like_labels(path: Path) -> bool:
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[:5]
    rows = [[number(value) for value in line.split()] for line in lines if line.strip()]
    return bool(rows) and all(len(row) >= 5 and None not in row for row in rows)


def _names_file(path: Path) -> dict[int, str]:
    lines = [line.strip() for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines()]
    return dict(enumerate(line for line in lines if line))


def _of_yaml(path: Path) -> YoloSet | None:
    """A data set that a YAML file describes; None where it describes something else."""
    from contextual_anomaly.runtime.yaml_text import NotYaml, read_yaml

    try:
        described = read_yaml(path.read_text(encoding="utf-8-sig"))
    except (NotYaml, UnicodeDecodeError):
        return None
    if not isinstance(described, dict) or not isinstance(described.get("names"), list | dict):
        return None
    names = described["names"]
    pairs = names.items() if isinstance(names, dict) else enumerate(names)
    known = {key: str(name) for given, name in pairs if (key := integer(given)) is not None}
    root = path.parent / str(described.get("path") or ".")
    places: dict[str, list[Path]] = {}
    for part in (*SPLITS["train"], *SPLITS["val"]):
        given = described.get(part)
        for place in given if isinstance(given, list) else [given] if isinstance(given, str) else []:
            # Exports say ../train/images of what lies beside them.
            tried = [root / str(place), path.parent / str(place), path.parent / str(place).replace("../", "")]
            places.setdefault(part, []).extend([p for p in tried if p.exists()][:1])
    return YoloSet(path.parent, known, {part: there for part, there in places.items() if there})
