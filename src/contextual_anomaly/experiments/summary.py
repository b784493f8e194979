"""Rows of `tables.SUMMARY`: one measured figure each, of both protocols of experiment 1."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from contextual_anomaly.models.base import ContextModel, Variant
from contextual_anomaly.runtime.atomic import write_csv
from contextual_anomaly.tables import SUMMARY, write_frame


@dataclass(frozen=True)
class Measure:
    """One figure of one variant, with its bootstrap interval (NaN where none is made)."""

    experiment: str
    variant: int
    metric: str
    value: float
    low: float
    high: float
    trials: int
    images: int
    std: float | None = None  # over the random draws, where there are several


def variant_columns(variant: Variant) -> dict[str, int | None]:
    """Return the columns that name a variant in every table."""
    return {"bottleneck": variant.bottleneck, "weight_seed": variant.seed}


def summarise(protocol: str, model: ContextModel, measures: Iterable[Measure]) -> pd.DataFrame:
    """Return the measures of a model as rows of `tables.SUMMARY`."""
    rows = [
        {
            "protocol": protocol,
            "experiment": measure.experiment,
            "model": model.name,
            **variant_columns(model.variants[measure.variant]),
            "metric": measure.metric,
            "value": measure.value,
            "std": measure.std,
            "low": measure.low,
            "high": measure.high,
            "trials": measure.trials,
            "images": measure.images,
        }
        for measure in measures
    ]
    table = pd.DataFrame(rows, columns=SUMMARY.names)
    return table.astype({"bottleneck": "Int32", "weight_seed": "Int32", "std": "float64"})


def write_summary(summary: pd.DataFrame, parquet: str | Path, csv: str | Path) -> None:
    """Write rows of `tables.SUMMARY` twice, for programs and for people; NaN becomes null."""
    write_frame(summary, SUMMARY, parquet)
    write_csv(summary, csv)
