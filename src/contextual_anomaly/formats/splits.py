"""Two splits of one data set: one list of classes for both, or both out of one file."""

import logging
from dataclasses import replace
from hashlib import file_digest
from pathlib import Path

import numpy as np
import pyarrow as pa

from contextual_anomaly import tables
from contextual_anomaly.coco.normalize import LARGEST_CATEGORY_ID, Reading, make_table
from contextual_anomaly.errors import UserError
from contextual_anomaly.formats.read import Options, Source, read_annotations
from contextual_anomaly.formats.split_list import SplitList, take_listed
from contextual_anomaly.runtime.arrow import from_numpy, to_numpy

logger = logging.getLogger(__name__)

FRACTION = 5
"""Of a file that holds both splits, every fifth image is one of the validation split."""


def read_split(
    path: Path,
    split: str,
    options: Options,
    other: Path | None = None,
    divide: bool = False,
    listed: SplitList | None = None,
) -> Reading:
    """Read a split of a data set.

    Args:
        path: its annotations, a file or a folder.
        split: "train" or "val".
        options: how to read.
        other: annotations of the other split; both get the classes of both. None if these are known to be the same.
        divide: whether ``path`` holds both splits. So it is taken where ``other`` is of the same content.
        listed: which images of both files are those of the split, in place of the files' own division.

    Raises:
        UserError: as `read_annotations`; or ``split`` is neither.
    """
    if split not in ("train", "val"):
        raise UserError(f"--split {split}: train or val was expected.")
    if listed is not None:
        paths = [path] if other is None or is_same_source(path, other) else [path, other]
        if split == "val":
            paths.reverse()
        readings = [read_annotations(one, options).reading for one in paths]
        parts = [unite_classes(reading, readings[0], readings[-1]) for reading in readings]
        return take_listed(parts, listed)
    if other is not None and is_same_source(path, other):
        logger.info(f"{path} and {other} are the same: taken as one, of which every fifth image is the split val")
        other, divide = None, True
    if divide:
        whole = read_annotations(path, replace(options, split=split))
        _say(path, whole)
        if whole.own_split:
            logger.info(f"{path}: has a part for the split {split}, which is taken")
            rest = read_annotations(path, replace(options, split="val" if split == "train" else "train")).reading
            return _united(whole.reading, rest, split)
        logger.info(f"{path}: holds both splits: every fifth image is one of val, the others are of train")
        return take_split(unite_classes(whole.reading, whole.reading, whole.reading), split)
    own = read_annotations(path, options)
    _say(path, own)
    if other is None:
        return own.reading
    return _united(own.reading, read_annotations(other, replace(options, strict=False)).reading, split)


def _united(own: Reading, other: Reading, split: str) -> Reading:
    return unite_classes(own, *((own, other) if split == "train" else (other, own)))


def _say(path: Path, source: Source) -> None:
    if source.format != "COCO":
        logger.info(f"{path}: read as {source.format}")


def is_same_source(first: Path, second: Path) -> bool:
    """Whether two paths lead to the same file or folder, or to files of the same content."""
    if first.resolve() == second.resolve():
        return True
    if not (first.is_file() and second.is_file()) or first.stat().st_size != second.stat().st_size:
        return False
    digests = []
    for path in (first, second):
        with path.open("rb") as file:
            digests.append(file_digest(file, "sha256").digest())
    return digests[0] == digests[1]


def take_split(reading: Reading, split: str) -> Reading:
    """Return the images of a split of a file that holds both: every fifth image of those with objects, and of the others.

    Raises:
        UserError: there are not two images with objects.
    """
    image_ids = to_numpy(reading.images["image_id"])
    with_objects = np.isin(image_ids, to_numpy(reading.annotations["image_id"]))
    if with_objects.sum() < 2:
        raise UserError(f"{reading.report.name}: one image with objects cannot be divided into train and val.")
    is_val = np.zeros(len(image_ids), bool)
    for chosen in (np.flatnonzero(with_objects), np.flatnonzero(~with_objects)):
        is_val[chosen[FRACTION - 1 :: FRACTION]] = True
    if not is_val[with_objects].any():
        is_val[np.flatnonzero(with_objects)[-1]] = True
    kept = image_ids[is_val == (split == "val")]

    def of(table: pa.Table) -> pa.Table:
        return table.filter(pa.array(np.isin(to_numpy(table["image_id"]), kept)))

    return replace(
        reading,
        annotations=of(reading.annotations),
        images=of(reading.images),
        checked=None if reading.checked is None else of(reading.checked),
    )


def unite_classes(reading: Reading, train: Reading, val: Reading) -> Reading:
    """Give a split the classes of both, by name; ids are those of the training split.

    Args:
        reading: one of the two that follow; what is said of the classes is noted in its report.
        train: the split whose ids count.
        val: the other; the same where one file holds both.
    """
    rows: dict[str, dict] = {row["name"]: row for row in train.categories.to_pylist()}
    taken = {row["category_id"] for row in rows.values()}
    alone = {"train": set(rows), "val": set()}
    for row in val.categories.to_pylist():
        alone["train"].discard(row["name"])
        if row["name"] not in rows:
            number = row["category_id"] if row["category_id"] not in taken else max(taken) + 1
            if number > LARGEST_CATEGORY_ID:
                number = next(n for n in range(LARGEST_CATEGORY_ID) if n not in taken)
            rows[row["name"]] = row | {"category_id": number}
            taken.add(number)
            alone["val"].add(row["name"])
    _note_alike(list(rows), reading, train, val)
    for split, source, other in (("train", train, val), ("val", val, train)):
        if alone[split]:
            reading.report.note(
                f"class_in_{split}_alone", source.report.name, ", ".join(sorted(alone[split])),
                f"listed there alone; has no object in {other.report.name}", len(alone[split]),
            )  # fmt: skip
    for root in _roots(rows, (train, val)):
        reading.report.note("class_root", root, f"no object has the class {root!r}, all others are of it", "no class")
        del rows[root]
    numbers = {name: row["category_id"] for name, row in rows.items()}
    names = zip(*(reading.categories[name].to_pylist() for name in ("category_id", "name")), strict=True)
    number_of = {own: numbers[name] for own, name in names if name in numbers}
    ordered = sorted(rows.values(), key=lambda row: row["category_id"])
    return replace(
        reading,
        annotations=_renumbered(reading.annotations, number_of),
        categories=make_table(tables.CATEGORIES, *([row[name] for row in ordered] for name in tables.CATEGORIES.names)),
        checked=None if reading.checked is None else _renumbered(reading.checked, number_of),
    )


def _renumbered(table: pa.Table, number_of: dict[int, int]) -> pa.Table:
    """The rows with the new numbers of their classes; none is left out but of a class that has no objects."""
    ids = to_numpy(table["category_id"])
    old = np.array(sorted(number_of), np.int64)
    table = table.filter(pa.array(np.isin(ids, old)))
    new = np.array([number_of[own] for own in old.tolist()], np.int64)
    column = from_numpy(new[np.searchsorted(old, to_numpy(table["category_id"]))], pa.int32())
    return table.set_column(table.schema.get_field_index("category_id"), "category_id", column)


def _note_alike(names: list[str], reading: Reading, train: Reading, val: Reading) -> None:
    """Names that differ by case, white space, hyphens or underscores alone."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(" ".join(name.replace("_", " ").replace("-", " ").split()).casefold(), []).append(name)
    files = " and ".join(dict.fromkeys((train.report.name, val.report.name)))
    for several in alike.values():
        if len(several) > 1:
            reading.report.note(
                "classes_alike", " and ".join(map(repr, several)), f"classes {' and '.join(map(repr, several))}",
                f"kept apart; if they are one class, give it one name in {files}",
            )  # fmt: skip


def _roots(rows: dict[str, dict], readings: tuple[Reading, Reading]) -> list[str]:
    """Roboflow's class for the project as a whole: no object is of it, and it stands above all other classes."""
    used = set()
    for reading in readings:
        ids = set(np.unique(to_numpy(reading.annotations["category_id"])).tolist())
        used |= {row["name"] for row in reading.categories.to_pylist() if row["category_id"] in ids}
    above = {row["supercategory"] for name, row in rows.items() if name in used}
    return [name for name in rows if name not in used and above == {name}]
