"""The tables that experiment 1 writes beside the common summary."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from contextual_anomaly.files import write_aside
from contextual_anomaly.models.base import Member
from contextual_anomaly.tables import SUMMARY, write_table

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
        "expected": pa.float32(),
        "rank": pa.int32(),  # among the candidates, 1 is the best; null where the protocol does not rank
        "found": pa.bool_(),
    }
)
"""One trial a row, of the member that stands for the model."""


def member_columns(member: Member) -> dict[str, int | None]:
    """How a member is named in every table."""
    return {"bottleneck": member.bottleneck, "weight_seed": member.seed}


def write_summary(rows: list[dict], parquet: str | Path, csv: str | Path) -> None:
    """Write rows of `tables.SUMMARY` twice, for programs and for people; not-a-number becomes null."""
    frame = pd.DataFrame(rows, columns=SUMMARY.names)
    table = pa.Table.from_pandas(frame, schema=SUMMARY, preserve_index=False)
    write_table(table.replace_schema_metadata(None), SUMMARY, parquet)
    with write_aside(csv) as aside:
        frame.astype({"bottleneck": "Int32", "weight_seed": "Int32"}).to_csv(aside, index=False, float_format="%.6g")


def share(found: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """found / trials, not-a-number where there were none."""
    return np.divide(found, trials, out=np.full(len(found), np.nan), where=trials > 0)


RESCORED = pa.schema(
    {
        "image_id": pa.int64(),
        "category_id": pa.int32(),
        "score": pa.float32(),
        "expected": pa.float32(),
        "annotated": pa.bool_(),
    }
)
"""One (image, class) a row: the detector's largest confidence, what context expects, and the truth."""
