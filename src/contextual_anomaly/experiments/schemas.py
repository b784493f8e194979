"""The tables that experiment 1 writes beside the common summary."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from contextual_anomaly.models.base import Variant
from contextual_anomaly.runtime.atomic import atomic_write
from contextual_anomaly.tables import DETECTIONS, SUMMARY, write_table

DRAWS = pa.schema(
    {
        "experiment": pa.string(),
        "bottleneck": pa.int32(),  # null: the model has none
        "weight_seed": pa.int32(),
        "draw": pa.int32(),
        "found": pa.float64(),  # share of the draw's trials; null where it has none
        "trials": pa.int64(),
    }
)
"""One draw a row: what the box plots show."""

TRIALS = pa.schema(
    {
        "experiment": pa.string(),
        "image_id": pa.int64(),
        "category_id": pa.int32(),  # the class added or taken out
        "probability": pa.float32(),  # of that class after the change, by the model
        "rank": pa.int32(),  # among the candidates, 1 is the best; null where the protocol does not rank
        "found": pa.bool_(),
    }
)
"""One trial a row, of the variant that stands for the model."""


def member_columns(variant: Variant) -> dict[str, int | None]:
    """How a variant is named in every table."""
    return {"bottleneck": variant.bottleneck, "weight_seed": variant.seed}


def write_summary(rows: list[dict], parquet: str | Path, csv: str | Path) -> None:
    """Write rows of `tables.SUMMARY` twice, for programs and for people; not-a-number becomes null."""
    frame = pd.DataFrame(rows, columns=SUMMARY.names)
    table = pa.Table.from_pandas(frame, schema=SUMMARY, preserve_index=False)
    write_table(table.replace_schema_metadata(None), SUMMARY, parquet)
    with atomic_write(csv) as temporary:
        frame.astype({"bottleneck": "Int32", "weight_seed": "Int32"}).to_csv(
            temporary, index=False, float_format="%.6g"
        )


def share(found: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """found / trials, not-a-number where there were none."""
    return np.divide(found, trials, out=np.full(len(found), np.nan), where=trials > 0)


RESCORED = pa.schema(
    {
        "image_id": pa.int64(),
        "category_id": pa.int32(),
        "score": pa.float32(),
        "probability": pa.float32(),
        "annotated": pa.bool_(),
    }
)
"""One (image, class) a row: the detector's largest confidence, what context expects, and the truth."""

FUSED = pa.schema(
    {
        "image_id": pa.int64(),
        "category_id": pa.int32(),
        "score": pa.float32(),  # the detector's largest confidence
        "calibrated": pa.float32(),  # probability by detector and class frequency
        "probability": pa.float32(),  # by context, from all other classes
        "fused": pa.float32(),  # probability by detector, class frequency and context
        "annotated": pa.bool_(),
    }
)
"""One (image, class) a row, each judged by what was fitted on other images."""

RESCORED_BOXES = pa.schema(
    [
        *DETECTIONS,
        pa.field("lift", pa.float32()),  # by how much context raises the log-odds of the class in the image
        pa.field("rescored", pa.float32()),  # the new confidence
    ]
)
"""The detector's boxes in its own order, each judged by what was fitted on other images."""
