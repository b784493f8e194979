"""The schema of every table that stages share, defined once and checked on read and on write.

A changed bit in a table is noticed when it is read. Each page of data has a checksum, as Parquet provides. The footer, which
says what the pages mean, has none in Parquet: its digest stands before it, where every reader passes over it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.arrow import to_numpy
from contextual_anomaly.runtime.atomic import atomic_write, require_file
from contextual_anomaly.runtime.provenance import made_by
from contextual_anomaly.runtime.system_errors import in_words

if TYPE_CHECKING:
    import pandas as pd

ROWS_AT_ONCE = 32_768  # as many are encoded in memory before they are written
SEAL = b"sha256 of footer"
"""What stands before the digest of a table's footer."""

ANNOTATIONS = pa.schema(
    {
        "image_id": pa.int64(),
        "category_id": pa.int32(),
        "x": pa.float32(),
        "y": pa.float32(),
        "width": pa.float32(),
        "height": pa.float32(),
        "area": pa.float32(),
        "iscrowd": pa.bool_(),
        "annotation_id": pa.int64(),  # the file's, or the record's number where it gives none that is an integer
        "original_id": pa.string(),  # the file's where it is text or no number of 0 and more, else null
    }
)
"""One object a row, sorted by image_id; boxes in pixels from the image's top left corner, null where an object has none."""

IMAGES = pa.schema(
    {
        "image_id": pa.int64(),
        "file_name": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "coco_url": pa.string(),
        "flickr_url": pa.string(),
        "original_id": pa.string(),  # as in `ANNOTATIONS`
    }
)
"""One image a row, sorted by image_id; width and height are 0 where they are not known."""

CATEGORIES = pa.schema(
    {
        "category_id": pa.int32(),
        "name": pa.string(),
        "supercategory": pa.string(),
        "original_id": pa.string(),  # as in `ANNOTATIONS`
    }
)
"""One class a row, sorted by category_id."""

CHECKED = pa.schema({"image_id": pa.int64(), "category_id": pa.int32()})
"""One class that annotators looked for in an image a row, sorted; of data that are annotated in part, such as LVIS.

The metadata `exhaustive` is "true" where every class was looked for in every image; the table has no rows then.
"""

CALIBRATION = pa.schema({"kind": pa.string(), "log_odds": pa.float32()})
"""One held-out (image, class) a row: "unexpected" of those present, "missing" of the most expected absent, "explained" of those
present behind a detector whose confusions are known; rising."""

TRACK_CALIBRATION = pa.schema({"kind": pa.string(), "score": pa.float64()})
"""One ordinary visit ("unexpected") or settled scene ("missing") of a camera a row; rising, lower is odder."""

OBJECT_GEOMETRY = pa.schema(
    {
        "image_id": pa.int64(),
        "category_id": pa.int32(),
        "count": pa.int32(),
        "largest": pa.float32(),  # square root of the largest box's share of the image
        "smallest": pa.float32(),  # of the smallest
        "height": pa.float32(),  # mean, as a share of the image's
        "width": pa.float32(),
        "center_y": pa.float32(),  # mean centre, from -1/2 (top) to 1/2 (bottom)
        "off_center": pa.float32(),  # mean distance of the centre from the image's middle column, 0 to 1/2
    }
)
"""One (image, class) that has objects a row, sorted by both; sizes and places are null where none of them has a box."""

DETECTIONS = pa.schema(
    {
        "image_id": pa.int64(),
        "category_id": pa.int32(),
        "score": pa.float32(),
        "x": pa.float32(),
        "y": pa.float32(),
        "width": pa.float32(),
        "height": pa.float32(),
    }
)
"""One detected box a row, after non-maximum suppression; sorted by image_id, then falling score."""

ANOMALIES = pa.schema(
    {
        "image_id": pa.int64(),
        "category": pa.string(),
        "kind": pa.string(),  # "unexpected" or "missing"
        "probability": pa.float32(),  # of the class, given the others
        "p_value": pa.float64(),  # share of genuine cases that look as odd; null where the model is not calibrated
        "explanation": pa.string(),  # the classes that speak for it and against it
        "file_name": pa.string(),
        "link": pa.string(),
        "original_id": pa.string(),  # of the image, as in `IMAGES`
    }
)
"""One flagged (image, class) a row, the most surprising first."""

ODD_OBJECTS = pa.schema(
    {
        "image_id": pa.int64(),
        "annotation_id": pa.int64(),
        "category": pa.string(),  # the class as annotated
        "probability": pa.float32(),  # of that class, given what the model knows of the object and of the others
        "times_less_likely": pa.float64(),  # than the class is common
        "likeliest": pa.string(),  # the class that the model finds the likeliest
        "likeliest_probability": pa.float32(),
        "x": pa.float32(),  # null where the object has no box
        "y": pa.float32(),
        "width": pa.float32(),
        "height": pa.float32(),
        "file_name": pa.string(),
        "link": pa.string(),
        "original_image_id": pa.string(),  # as in `FINDINGS`
        "original_annotation_id": pa.string(),
    }
)
"""One object whose class is unlikely a row, the oddest first; boxes in pixels.

The metadata `given` says what the model is told: "box and company", or "company" where it knows no boxes.
"""

FINDINGS = pa.schema(
    {
        "image_id": pa.int64(),
        "annotation_id": pa.int64(),  # of the object that is wrong; null for an object without an annotation
        # "overlooked": an object without an annotation; "swapped": one under a wrong label; "spurious": an annotation of
        # nothing; "misplaced": a box in the wrong place or of the wrong size; "duplicate": a second box around an object
        "kind": pa.string(),
        "given_label": pa.string(),  # the class as annotated; empty where the object was overlooked
        "predicted_label": pa.string(),  # the class that the annotation should have; empty where it is not in question
        "probability": pa.float32(),  # that the annotations are wrong here
        "detector_score": pa.float32(),  # for the predicted label; null without a detector
        "given_label_probability": pa.float32(),  # by context: that the image holds the class, given its other objects
        "predicted_label_probability": pa.float32(),
        "x": pa.float32(),  # null where only the image is known
        "y": pa.float32(),
        "width": pa.float32(),
        "height": pa.float32(),
        "new_x": pa.float32(),  # the box that the annotation should have; null where none is known
        "new_y": pa.float32(),
        "new_width": pa.float32(),
        "new_height": pa.float32(),
        "twin_id": pa.int64(),  # annotation_id of the object that a duplicate is a second box of, else null
        "suggestion": pa.string(),  # what would put it right
        "explanation": pa.string(),
        "reasons": pa.string(),  # what each kind of evidence adds; the numbers add up to what stands before them
        "file_name": pa.string(),
        "link": pa.string(),
        "split": pa.string(),  # the name of the audited table
        "original_image_id": pa.string(),  # as the owner's file has it, where that is text
        "original_annotation_id": pa.string(),
    }
)
"""One suspected annotation error a row, the likeliest first; boxes in pixels."""


ATTRIBUTIONS = pa.schema(
    {
        "image_id": pa.int64(),
        "category": pa.string(),  # the flagged class
        "given": pa.string(),  # a class that is there; "(base)" before any is looked at, "(rest)" what they leave
        "attribution": pa.float32(),  # what it adds to the log-odds of the flagged class
    }
)
"""What each flag of a listing is made of, in its order: the attributions of one flag add up to its log-odds."""


VIDEO_TRUTH = pa.schema(
    {
        "image_id": pa.int64(),  # number of the frame, from 0 on
        "seconds": pa.float64(),
        "category": pa.string(),
        "present": pa.bool_(),
        "track": pa.int64(),  # the same object in all frames; null where the class is absent
        "x": pa.float32(),
        "y": pa.float32(),
        "width": pa.float32(),
        "height": pa.float32(),
        "probability": pa.float32(),  # that the class is present, given all objects of the other classes
        "class_probability": pa.float32(),  # of the object's class, given its box and all other objects
        "planted": pa.bool_(),  # whether it is an anomaly: an object out of place, or a class that has left
    }
)
"""One object in view, or one class that is absent though expected, a row; of videos of the synthetic world."""


def scenes_schema(classes: int) -> pa.Schema:
    """image_id and counts, the number of instances of each class."""
    return pa.schema({"image_id": pa.int64(), "counts": pa.list_(pa.uint16(), classes)})


def class_scores_schema(classes: int) -> pa.Schema:
    """image_id and score, the largest raw confidence of each class in that image."""
    return pa.schema({"image_id": pa.int64(), "score": pa.list_(pa.float32(), classes)})


def empty_table(schema: pa.Schema) -> pa.Table:
    """Return a table without rows; `Schema.empty_table` would import pandas."""
    return pa.Table.from_batches([], schema)


def write_table(table: pa.Table, schema: pa.Schema, path: str | Path, metadata: dict[str, str] | None = None) -> None:
    """Write ``table`` as zstd Parquet, aside and then renamed, after checking it against ``schema``.

    Args:
        table: the rows.
        schema: the columns that they must have.
        path: the file to write.
        metadata: kept in the schema's metadata, beside what made the file.

    Raises:
        ValueError: the table's columns or types are not the schema's.
    """
    if table.schema.remove_metadata() != schema:
        raise ValueError(f"{path}: columns are {table.schema.remove_metadata()}, expected {schema}")
    stamped = {**made_by(), **(metadata or {})}
    with atomic_write(path) as temporary:
        # Coordinates and scores hardly repeat; zstd finds what does, in half the time that dictionaries take.
        pq.write_table(
            table.replace_schema_metadata(stamped),
            temporary,
            row_group_size=ROWS_AT_ONCE,
            compression="zstd",
            use_dictionary=False,
            write_page_checksum=True,
        )
        _seal(temporary)


def write_frame(
    frame: "pd.DataFrame", schema: pa.Schema, path: str | Path, metadata: dict[str, str] | None = None
) -> None:
    """Write a data frame that has the columns of ``schema`` as `write_table` does; NaN becomes null."""
    table = pa.Table.from_pandas(frame, schema, preserve_index=False).replace_schema_metadata(None)
    write_table(table, schema, path, metadata)


def read_table(path: str | Path, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the table at ``path``.

    Args:
        path: a Parquet file.
        schema: the columns that it must have.
        columns: the columns to read; all if None.

    Raises:
        UserError: as `open_table`.
    """
    with open_table(path, schema) as file:
        return file.read(columns)


def read_any_table(path: str | Path) -> pa.Table:
    """Return a table of another program, whatever its columns.

    Raises:
        UserError: it is missing, not Parquet, or damaged.
    """
    with _opened(path) as file:
        return file.read()


@contextmanager
def open_table(path: str | Path, schema: pa.Schema) -> Iterator[pq.ParquetFile]:
    """The file at ``path``, to be read in pieces.

    Raises:
        UserError: it is missing, not Parquet, damaged, or its columns are not the schema's.
    """
    with _opened(path) as file:
        found = file.schema_arrow
        if found.remove_metadata() != schema:
            raise UserError(
                f"{path}: columns are {found.names} of {[str(t) for t in found.types]}, "
                f"expected {schema.names} of {[str(t) for t in schema.types]}. Delete it and run again."
            )
        yield file


def metadata_of(table: pa.Table) -> dict[str, str]:
    """The text metadata that `write_table` kept."""
    return _as_text(table.schema.metadata)


def _as_text(metadata: dict[bytes, bytes] | None) -> dict[str, str]:
    return {k.decode(errors="replace"): v.decode(errors="replace") for k, v in (metadata or {}).items()}


def list_width(path: str | Path, column: str) -> tuple[dict[str, str], int]:
    """The table's metadata and the length of its fixed-size list ``column``.

    Raises:
        UserError: the file is missing, not Parquet, or has no such column.
    """
    with _opened(path) as file:
        schema = file.schema_arrow
    index = schema.get_field_index(column)
    if index < 0 or not pa.types.is_fixed_size_list(schema.field(index).type):
        raise UserError(f"{path}: a column {column!r} of fixed-size lists was expected, found {schema.names}.")
    metadata = _as_text(schema.metadata)
    return metadata, schema.field(index).type.list_size


@contextmanager
def _opened(path: str | Path) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file and verify its footer; its pages are verified as they are read."""
    require_file(path, "a Parquet table of an earlier stage")
    try:
        _check_seal(path)
        with pq.ParquetFile(path, page_checksum_verification=True) as file:  # pq.read_table would import pandas
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if problem := in_words(error, path):  # of the system; Arrow's own have no number
            raise UserError(f"{path}: {problem.removeprefix(f'{path}: ')}") from error
        raise UserError(
            f"{path}: not a readable Parquet file, or damaged ({error}). Delete it and run again."
        ) from error


def _footer(path: str | Path) -> tuple[bytes, bytes]:
    """Return the digest that stands before the footer, with its mark, and the footer to the file's end."""
    with Path(path).open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 8))
        length = int.from_bytes(file.read(4), "little") + 8  # and the length itself and "PAR1"
        file.seek(max(0, size - length - len(SEAL) - 32))
        tail = file.read()
    return tail[:-length], tail[-length:]


def _seal(path: Path) -> None:
    """Put the digest of the footer before it; positions in the footer count from the start of the file."""
    footer = _footer(path)[1]
    with path.open("r+b") as file:
        file.seek(-len(footer), os.SEEK_END)
        file.write(SEAL + sha256(footer).digest() + footer)


def _check_seal(path: str | Path) -> None:
    """Raise OSError if the footer is not that of its digest; files of other programs have none."""
    seal, footer = _footer(path)
    if seal.startswith(SEAL) and seal != SEAL + sha256(footer).digest():
        raise OSError("its footer has changed")


def matrix(column: pa.ChunkedArray) -> np.ndarray:
    """A fixed-size list column as an array [rows, list length]."""
    flat = pa.chunked_array([chunk.flatten() for chunk in column.chunks], column.type.value_type)
    return to_numpy(flat).reshape(len(column), -1)


SUMMARY = pa.schema(
    {
        "protocol": pa.string(),  # "published", "corrected" or "objects"
        "experiment": pa.string(),
        "model": pa.string(),
        "bottleneck": pa.int32(),  # null: the model has none
        "weight_seed": pa.int32(),  # null: the model has none
        "metric": pa.string(),
        "value": pa.float64(),
        "std": pa.float64(),  # over the draw seeds; null where there is one draw
        "low": pa.float64(),  # bootstrap 95 % interval over images; null where none is made
        "high": pa.float64(),
        "trials": pa.int64(),
        "images": pa.int64(),
    }
)
"""One measured figure a row, long format; written as Parquet and as CSV beside it."""

DRAWS = pa.schema(
    {
        "experiment": pa.string(),
        "bottleneck": pa.int32(),  # null: the model has none
        "weight_seed": pa.int32(),  # null: the model has none
        "draw": pa.int32(),
        "found": pa.float64(),  # share of the draw's trials; null where it has none
        "trials": pa.int64(),
    }
)
"""One random draw of the published protocol a row: what the box plots show."""

CSV_TABLES = {
    "annotations/*.problems.csv": "split kind count# first_record found action",
    "audit/*.evaluation.csv": "kind by measure value# low# high# planted# candidates#",
    "audit/*.selection.csv": "model family log_likelihood# standard_error# images#",
    "data_summary.csv": "split item count# example",
    "detections/*/images.csv": "image_id# file_name status problem",
    "experiments/corrected/*.calibration.csv": "low# high# probability# present# pairs#",
    "experiments/detection/*.csv": "metric category value# images# instances#",
    "experiments/differences.csv": "experiment metric model reference difference# low# high#",
    "experiments/rescoring/*.context_supported_false_positive_images.csv": (
        "image_id# file_name category score# probability# link"
    ),
    "experiments/rescoring/*.context_supported_false_positives.csv": "threshold# unannotated# supported# share#",
    "experiments/rescoring/*.metrics.csv": (
        "subject images_with# method measure threshold# value# low# high# gain# gain_low# gain_high# images#"
    ),
    "experiments/rescoring/*.metrics_by_part.csv": (
        "subject images_with# method measure threshold# value# low# high# gain# gain_low# gain_high# images# part"
    ),
    "experiments/rescoring/*.precision_recall.csv": "method recall# precision#",
    "experiments/rescoring/*.risk_coverage.csv": "method coverage# risk#",
    "experiments/rescoring/*.summary.csv": (
        "method threshold# precision# precision_low# precision_high# recall# recall_low# recall_high# f1# tp# fp# fn# tn# "
        "matched_threshold# precision_gain_same_recall# precision_gain_same_recall_low# precision_gain_same_recall_high# "
        "precision_gain_same_threshold# precision_gain_same_threshold_low# precision_gain_same_threshold_high#"
    ),
    "experiments/rescoring/*.summary_by_part.csv": (
        "method threshold# precision# precision_low# precision_high# recall# recall_low# recall_high# f1# tp# fp# fn# tn# "
        "matched_threshold# precision_gain_same_recall# precision_gain_same_recall_low# precision_gain_same_recall_high# "
        "precision_gain_same_threshold# precision_gain_same_threshold_low# precision_gain_same_threshold_high# part"
    ),
    "scenes/class_counts.csv": "split category_id# name supercategory original_id images# instances# scenes#",
}
"""CSV files of a run that later steps read: their columns in order, those of numbers marked with #."""


def csv_columns(path: str | Path) -> str | None:
    """Return the columns of a file of `CSV_TABLES`, by its place in the run; None if it has no such place."""
    return next((columns for pattern, columns in CSV_TABLES.items() if Path(path).match(pattern)), None)


def check_csv(frame: "pd.DataFrame", columns: str, path: str | Path) -> None:
    """Check what was read from a CSV file.

    Args:
        frame: what was read.
        columns: as in `CSV_TABLES`.
        path: the file, for the message.

    Raises:
        UserError: the columns are others, or there is text among numbers.
    """
    import pandas as pd

    names = columns.replace("#", "").split()
    if not isinstance(frame.index, pd.RangeIndex):  # what pandas makes of a row that is longer than the first line
        raise UserError(f"{path}: rows have more fields than there are columns. Delete it and run again.")
    if list(frame.columns) != names:
        raise UserError(f"{path}: columns are {list(frame.columns)}, expected {names}. Delete it and run again.")
    for name in (name.removesuffix("#") for name in columns.split() if name.endswith("#")):
        if frame[name].dtype.kind not in "iuf":
            texts = [value for value in frame[name] if isinstance(value, str | bool)]
            if texts:
                raise UserError(
                    f"{path}: a number was expected in column {name!r}, found {texts[0]!r}. Delete it and run again."
                )
