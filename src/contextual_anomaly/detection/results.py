"""Results of any detector, run by another program: COCO's results as JSON, or a table of boxes as Parquet or CSV.

They are checked as annotations are: each kind of mistake is counted and named with its first record, what can be read is.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from contextual_anomaly import tables
from contextual_anomaly.coco.problems import LEFT_OUT, ReadingReport
from contextual_anomaly.coco.values import identity, number
from contextual_anomaly.detection.detections import ABSENT, REPORT, RUN, DetectionTables
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import digest, require_file
from contextual_anomaly.runtime.safe_text import short_repr
from contextual_anomaly.stats.boxes import BOX

COLUMNS = {"width": "w", "height": "h"}
"""Columns of a table that may have a shorter name."""

ACCEPTED = (
    "COCO's results are accepted, a JSON list of image_id, category_id, bbox and score, or a table (Parquet or CSV) with the "
    "columns image_id, category_id, x, y, width (or w), height (or h) and score"
)


def read_results(
    path: str | Path,
    images: pd.DataFrame,
    categories: pd.DataFrame,
    covered: str | Path | None = None,
    strict: bool = False,
) -> tuple[DetectionTables, ReadingReport]:
    """Read what a detector has found in the images of a split.

    Args:
        path: Results in any form that `ACCEPTED` names, or a table that `detect` wrote, whose classes are matched by name.
        images: Rows of `tables.IMAGES`; their ids, or those of the owner's file where these are text, are the results'.
        categories: Rows of `tables.CATEGORIES`, whose ids the results have.
        covered: JSON list of the ids of the images that the detector has run on; None for all. Images without a box count.
        strict: Whether what would be left out is refused.

    Returns:
        The three tables of a detector, and what was noticed.

    Raises:
        UserError: The file cannot be used; all that is wrong with it is named.
    """
    report = ReadingReport(str(path))
    columns, class_names = _columns(require_file(path, "results of a detector"), report)
    report.check()
    image_of, category_of = _numbers_of(images, "image_id"), _numbers_of(categories, "category_id")
    if class_names is not None:
        category_of = _by_name(class_names, categories)
    run = np.sort(images["image_id"].to_numpy(np.int64))
    if covered is not None:
        run = _read_ids(covered, image_of)
    boxes = _boxes(columns, image_of, category_of, report)
    boxes = _of_covered(boxes, run, report)
    if not report.refusals and not len(boxes):
        report.refuse("no_box", "", "no box is left", ACCEPTED)
    report.check(strict)
    boxes = boxes.sort_values(["image_id", "score"], ascending=[True, False], kind="stable")
    listed = images.sort_values("image_id", ignore_index=True)
    status = np.where(np.isin(listed["image_id"], run), RUN, ABSENT)
    about = pd.DataFrame({"image_id": listed["image_id"], "file_name": listed["file_name"], "status": status})
    of_images = np.split(
        boxes[list(tables.DETECTIONS.names[1:])].to_numpy(), np.searchsorted(boxes["image_id"], run)[1:]
    )
    found = DetectionTables.of(
        categories, run.tolist(), of_images, _largest_scores(boxes, run, categories), about.assign(problem="")[REPORT]
    )
    lowest = boxes["score"].min()
    return found.with_metadata(
        {"results": Path(path).name, "results_sha256": digest(path), "lowest_score": f"{lowest:.6g}"}
    ), report


def _columns(path: Path, report: ReadingReport) -> tuple[pd.DataFrame, dict[int, str] | None]:
    """Return image_id, category_id, the `BOX` and score as the file has them, and its own names of classes."""
    with path.open("rb") as file:
        head = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"PAR1"):
        table = tables.read_any_table(path)
        return _of_table(table.to_pandas(), report), _class_names(tables.metadata_of(table))
    if head.startswith((b"[", b"{")):
        return _of_json(path, report), None
    return _of_table(_read_csv(path), report), None


def _class_names(metadata: dict[str, str]) -> dict[int, str] | None:
    """Return the classes that `detect` wrote into its table, by their ids; None of another program's table."""
    if "classes" not in metadata:
        return None
    ids, names = (msgspec.json.decode(metadata[key]) for key in ("category_ids", "classes"))
    return dict(zip(ids, names, strict=True))


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
        return pd.read_csv(path, sep=max(",;\t", key=first.count), encoding="utf-8-sig", keep_default_na=False)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error) as error:
        raise UserError(f"{path}: neither JSON, Parquet nor a readable CSV table ({error}); {ACCEPTED}.") from error


def _of_table(table: pd.DataFrame, report: ReadingReport) -> pd.DataFrame:
    given = {str(name).strip().lower(): name for name in table.columns}
    wanted = {
        name: given.get(name, given.get(COLUMNS.get(name, name))) for name in ("image_id", "category_id", *BOX, "score")
    }
    if missing := [name for name, there in wanted.items() if there is None]:
        report.refuse(
            "columns_missing",
            "",
            f"columns {', '.join(map(str, table.columns[:12]))}: no {', '.join(missing)}",
            ACCEPTED,
        )
        return pd.DataFrame()
    return pd.DataFrame({name: table[there] for name, there in wanted.items()}).reset_index(drop=True)


def _of_json(path: Path, report: ReadingReport) -> pd.DataFrame:
    try:
        content = msgspec.json.decode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(content, list):
        kind = "annotations" if isinstance(content, dict) and "annotations" in content else "JSON that is no list"
        report.refuse("no_results", "", f"{kind} and not results", ACCEPTED)
        return pd.DataFrame()
    rows = []
    for row, record in enumerate(content):
        box = record.get("bbox") if isinstance(record, dict) else None
        if not isinstance(record, dict):
            report.add("no_record", f"record {row}", record, f"{LEFT_OUT}, a JSON object was expected")
        sides = box if isinstance(box, list) and len(box) == 4 else [box, None, None, None]
        known = record if isinstance(record, dict) else {}
        rows.append((known.get("image_id"), known.get("category_id"), *sides, known.get("score")))
    # Of type object: a column of numbers with a gap would become one of floats, and its ids with it.
    frame = pd.DataFrame(rows, columns=["image_id", "category_id", *BOX, "score"], dtype=object)
    return frame[np.array([isinstance(record, dict) for record in content], bool)]


def _numbers_of(table: pd.DataFrame, column: str) -> dict[int | str, int]:
    """Return the number of each image or class by its own id and by the owner's."""
    numbers = table[column].tolist()
    originals = zip(table["original_id"], numbers, strict=True)
    known = {identity(text): n for text, n in originals if isinstance(text, str)}
    return {key: n for key, n in known.items() if key is not None} | {n: n for n in numbers}


def _by_name(class_names: dict[int, str], categories: pd.DataFrame) -> dict[int | str, int]:
    number_of = dict(zip(categories["name"], categories["category_id"], strict=True))
    return {key: number_of[name] for key, name in class_names.items() if name in number_of}


def _read_ids(path: str | Path, image_of: dict[int | str, int]) -> np.ndarray:
    """Return the numbers of the images of a JSON list of ids, rising.

    Raises:
        UserError: It is no such list, or names images that the split does not have.
    """
    try:
        content = msgspec.json.decode(require_file(path, "a JSON list of image ids").read_bytes())
    except msgspec.DecodeError as error:
        raise UserError(f"{path}: a JSON list of image ids was expected: {error}") from error
    if not isinstance(content, list) or not content:
        raise UserError(f"{path}: a JSON list of image ids was expected, found {short_repr(content)}.")
    unknown = [value for value in content if identity(value) not in image_of]
    if unknown:
        raise UserError(
            f"{path}: {len(unknown):,} of {len(content):,} ids are not among the images of the split, the first: "
            f"{short_repr(unknown[0])}."
        )
    return np.unique(np.array([image_of[identity(value)] for value in content], np.int64))  # pyright: ignore[reportArgumentType]


def read_image_ids(path: str | Path, images: pd.DataFrame) -> np.ndarray:
    """Return the images of a JSON list of ids, int64 and ascending.

    Args:
        path: The list.
        images: Rows of `tables.IMAGES` of the split.

    Raises:
        UserError: It is no such list, or names images that the split does not have.
    """
    return _read_ids(path, _numbers_of(images, "image_id"))


def _boxes(
    columns: pd.DataFrame,
    image_of: dict[int | str, int],
    category_of: dict[int | str, int],
    report: ReadingReport,
) -> pd.DataFrame:
    """Return rows of `tables.DETECTIONS` of the records that are right, in the order of the file."""
    records = columns.index.to_numpy()
    image = _looked_up(columns["image_id"], image_of, "image", "images of the split", report)
    category = _looked_up(columns["category_id"], category_of, "category", "classes of the data set", report)
    sides = np.stack([_as_numbers(columns[side]) for side in BOX])
    score = _as_numbers(columns["score"])
    with np.errstate(invalid="ignore", over="ignore"):
        single = sides.astype(np.float32)
        boxed = np.asarray(np.isfinite(single).all(0))
        sized = np.asarray(boxed & (single[2:] > 0).all(0))
        between = np.asarray((score >= 0) & (score <= 1))
    texts = columns[BOX]
    _add(report, "box_not_four_numbers", records, ~boxed, texts, f"{LEFT_OUT}; four finite numbers were expected")
    _add(
        report,
        "box_without_size",
        records,
        boxed & ~sized,
        texts,
        f"{LEFT_OUT}; a width and height above 0 was expected",
    )
    unscored = np.asarray(np.isnan(score))
    _add(
        report, "score_missing", records, unscored, columns[["score"]], f"{LEFT_OUT}; a number from 0 to 1 was expected"
    )
    if (wrong := ~unscored & ~between).any():
        first = int(np.argmax(wrong))
        report.refuse("score_out_of_range", f"record {records[first]}", f"score {score[first]:g}",
                      "scores from 0 to 1 are accepted; divide percentages by 100", int(wrong.sum()))  # fmt: skip
    kept = (image >= 0) & (category >= 0) & sized & between
    values = dict(zip(tables.DETECTIONS.names, (image, category, score, *single), strict=True))
    boxes = pd.DataFrame({name: array[kept] for name, array in values.items()}, index=records[kept])
    boxes = boxes.astype({"image_id": np.int64, "category_id": np.int32, "score": np.float32})
    again = boxes.duplicated().to_numpy()
    _add(
        report,
        "box_twice",
        boxes.index.to_numpy(),
        again,
        boxes[["image_id", "category_id"]],
        f"{LEFT_OUT}: the same image, class, box and score again",
    )
    return boxes[~again]


def _add(
    report: ReadingReport, kind: str, records: np.ndarray, wrong: np.ndarray, found: pd.DataFrame, action: str
) -> None:
    """Count the records that a mask says are wrong."""
    if wrong.any():
        first = int(np.argmax(wrong))
        values = ", ".join(f"{name} {short_repr(found[name].tolist()[first])}" for name in found.columns)
        report.add(kind, f"record {records[first]}", values, action, int(wrong.sum()))


def _looked_up(
    column: pd.Series, numbers: dict[int | str, int], what: str, among: str, report: ReadingReport
) -> np.ndarray:
    """Return the number of each id, -1 of one that is not known."""
    keys = pd.Series([identity(value) for value in _plain(column)], column.index, dtype=object)
    found = np.array([numbers.get(key, -1) for key in keys], np.int64)
    _add(
        report,
        f"{what}_unknown",
        column.index.to_numpy(),
        found < 0,
        column.to_frame(),
        f"{LEFT_OUT}; not among the {among}",
    )
    return found


def _as_numbers(column: pd.Series) -> np.ndarray:
    """Return float64; NaN of what is no number."""
    if column.dtype.kind in "iuf":
        return column.to_numpy(np.float64)
    values: Iterable[float | None] = (number(value) for value in column)
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _plain(column: pd.Series) -> Sequence[Any]:
    """Return Python's own values, of which `identity` knows the types."""
    return column.tolist()


def _of_covered(boxes: pd.DataFrame, run: np.ndarray, report: ReadingReport) -> pd.DataFrame:
    """Return the boxes of the images that the detector is said to have run on."""
    other = ~np.isin(boxes["image_id"], run)
    if other.any():
        first = boxes[other].iloc[0]
        report.note("image_not_covered", f"record {boxes.index[other][0]}", f"image_id {int(first['image_id'])}",
                    f"{LEFT_OUT}; not among the images that are to be looked at", int(other.sum()))  # fmt: skip
    return boxes[~other]


def _largest_scores(boxes: pd.DataFrame, run: np.ndarray, categories: pd.DataFrame) -> list[np.ndarray]:
    """Return [C] for each image, 0 for a class without a box."""
    largest = np.zeros((len(run), len(categories)), np.float32)
    column = pd.Index(categories["category_id"]).get_indexer(pd.Index(boxes["category_id"]))
    np.maximum.at(largest, (np.searchsorted(run, boxes["image_id"]), column), boxes["score"].to_numpy(np.float32))
    return list(largest)
