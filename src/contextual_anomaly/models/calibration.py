"""Conformal p-values: how unusual an expectation is among those of genuine objects, so that a rate of false alarms can be set.

Split-conformal prediction (Vovk, Gammerman, Shafer 2005): of a genuine object, exchangeable with those of the held-out
images, P(p-value ≤ α) ≤ α whatever the model.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from contextual_anomaly import tables
from contextual_anomaly.models.base import ContextModel, variant_index
from contextual_anomaly.models.data import TrainingData

SCENES = 20_000  # held-out scenes at most
TAIL = 0.05  # of the absent classes, the most expected ones that are kept: p-values above it are of no interest


@dataclass(frozen=True)
class Calibration:
    """Log-odds of held-out scenes, those of genuine objects and those of classes that are rightly absent."""

    present: np.ndarray  # [n] float32, rising
    absent: np.ndarray  # [m] float32, rising: the largest
    absent_count: int  # of all that were looked at

    def unexpected(self, log_odds: np.ndarray) -> np.ndarray:
        """p-value of a present class: the share of genuine objects that are expected as little or less."""
        as_little = np.searchsorted(self.present, log_odds, side="right")
        return (1 + as_little) / (1 + len(self.present))

    def missing(self, log_odds: np.ndarray) -> np.ndarray:
        """p-value of an absent class: the share of rightly absent ones that are expected as much or more; TAIL at most."""
        as_much = len(self.absent) - np.searchsorted(self.absent, log_odds, side="left")
        p = (1 + as_much) / (1 + self.absent_count)
        return np.where(as_much == len(self.absent), 1.0, p)


def calibrate(model: ContextModel, bottleneck: int | None, data: TrainingData, minimum_classes: int) -> Calibration:
    """Ask the model about the held-out scenes.

    Args:
        bottleneck: of a sweep, the variant that stands for it.
        minimum_classes: smaller scenes are left out, as they are from those that are judged.
    """
    rows = np.flatnonzero(data.held_out & ((data.scenes.counts > 0).sum(1) >= minimum_classes))[:SCENES]
    presence = data.scenes.where(rows).presence
    geometry = None if data.object_geometry is None else data.geometry(rows)
    variant = variant_index(model, bottleneck)
    odds = model.log_odds(presence, geometry)[variant]
    there = presence > 0
    absent = np.sort(odds[~there])
    kept = max(1, int(TAIL * len(absent)))
    return Calibration(np.sort(odds[there]), absent[-kept:], len(absent))


def write_calibration(calibration: Calibration, path: str | Path) -> None:
    """Write `tables.CALIBRATION`."""
    kind = ["unexpected"] * len(calibration.present) + ["missing"] * len(calibration.absent)
    odds = np.concatenate([calibration.present, calibration.absent]).astype(np.float32)
    table = pa.table([pa.array(kind), pa.array(odds)], schema=tables.CALIBRATION)
    tables.write_table(table, tables.CALIBRATION, path, {"absent_count": str(calibration.absent_count)})


def read_calibration(path: str | Path) -> Calibration:
    """What `write_calibration` wrote.

    Raises:
        UserError: the file is missing or of another schema.
    """
    table = tables.read_table(path, tables.CALIBRATION)
    odds, there = table["log_odds"].to_numpy(), np.array(table["kind"].to_pylist()) == "unexpected"
    return Calibration(odds[there], odds[~there], int(tables.metadata_of(table)["absent_count"]))
