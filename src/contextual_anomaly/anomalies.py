"""The listing: which present classes are unexpected and which absent ones are missing, the most surprising first."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd
import pyarrow as pa

from contextual_anomaly.coco.links import EXPLORE
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.models.calibration import Calibration
from contextual_anomaly.models.explanation import Explanation, explain
from contextual_anomaly.scenes import Scenes
from contextual_anomaly.stats.log_odds import expit_in_place
from contextual_anomaly.tables import ANOMALIES, ATTRIBUTIONS


@dataclass(frozen=True)
class Rates:
    """Limits as rates of false alarms: the shares of genuine cases that may be flagged."""

    unexpected: float
    missing: float

    def flags(self, present: np.ndarray, probability: np.ndarray, p_value: np.ndarray) -> np.ndarray:
        """Return which (image, class) to flag, [N, C] bool."""
        return np.where(present, p_value <= self.unexpected, p_value <= self.missing)

    def __str__(self) -> str:
        """Return the limits in words, for the listing."""
        return (
            f"Unexpected: at most {self.unexpected:.2%} of genuine objects are expected as little. "
            f"Missing: at most {self.missing:.2%} of rightly absent classes are expected as much."
        )


@dataclass(frozen=True)
class Thresholds:
    """Limits on the model's output itself, as in the original paper."""

    unexpected_below: float
    missing_above: float

    def flags(self, present: np.ndarray, probability: np.ndarray, p_value: np.ndarray) -> np.ndarray:
        """Return which (image, class) to flag, [N, C] bool."""
        return np.where(present, probability < self.unexpected_below, probability > self.missing_above)

    def __str__(self) -> str:
        """Return the limits in words, for the listing."""
        return (
            f"Missing: absent and expected above {self.missing_above}. "
            f"Unexpected: present and expected below {self.unexpected_below}."
        )


def list_anomalies(
    model: ContextModel,
    variant: int,
    calibration: Calibration,
    scenes: Scenes,
    images: pa.Table,
    limits: Rates | Thresholds,
    geometry: np.ndarray | None = None,
    checked: np.ndarray | None = None,
) -> tuple[pd.DataFrame, Explanation]:
    """List every (image, class) whose presence or absence contradicts its context.

    Args:
        model: the context model.
        variant: index of the variant of the model to use.
        calibration: the calibration of that variant.
        scenes: the images to list, N scenes of C classes.
        images: rows of `tables.IMAGES`; images with a COCO address get a link to COCO's explorer.
        limits: what counts as unexpected and as missing.
        geometry: [N, A, F] of the scenes, for models that look at it.
        checked: [N, C] whether annotators looked for the class in the image; where they did not, it cannot be missing.
            None if they looked for every class in every image.

    Returns:
        columns of `tables.ANOMALIES`, by falling surprise: minus the log of how probable the model finds what is there;
        and what each flag is made of.
    """
    presence = scenes.presence
    odds = model.log_odds(presence, geometry)[variant]
    probability = expit_in_place(odds.copy())
    present = presence > 0
    p_value = np.where(present, calibration.unexpected(odds), calibration.missing(odds))
    flags = limits.flags(present, probability, p_value)
    if checked is not None:
        flags &= present | checked
    row, column = np.nonzero(flags)
    there = present[row, column]
    surprise = np.where(there, odds[row, column], -odds[row, column])
    # Equal surprises stay in the order of images and classes.
    order = np.argsort(surprise, kind="stable")
    row, column, there = row[order], column[order], there[order]
    reasons = explain(model, variant, presence[row], column, None if geometry is None else geometry[row])
    about = images.to_pandas().set_index("image_id").reindex(scenes.image_ids[row])
    links = [
        f"{EXPLORE}{image}" if url else "" for image, url in zip(about.index, about["coco_url"].fillna(""), strict=True)
    ]
    listing = pd.DataFrame(
        {
            "image_id": about.index.to_numpy(),
            "category": np.array(scenes.classes)[column],
            "kind": np.where(there, "unexpected", "missing"),
            "probability": probability[row, column],
            "p_value": p_value[row, column],
            "explanation": [reasons.text(flag, scenes.classes) for flag in range(len(row))],
            "file_name": about["file_name"].fillna("").to_numpy(),
            "link": links,
            "original_id": [value if isinstance(value, str) else None for value in about["original_id"]],
        }
    ).astype({"category": object, "kind": object, "explanation": object, "original_id": object})
    return listing, reasons


def attributions_table(listing: pd.DataFrame, reasons: Explanation, classes: tuple[str, ...]) -> pa.Table:
    """`tables.ATTRIBUTIONS` of every flag."""
    rows = [
        (image, category, *part)
        for flag, (image, category) in enumerate(zip(listing["image_id"], listing["category"], strict=True))
        for part in reasons.parts(flag, classes)
    ]
    columns = list(zip(*rows, strict=True)) if rows else [[]] * len(ATTRIBUTIONS)
    return pa.table([pa.array(c, t) for c, t in zip(columns, ATTRIBUTIONS.types, strict=True)], schema=ATTRIBUTIONS)


def as_table(listing: pd.DataFrame) -> pa.Table:
    """The listing as `tables.ANOMALIES`."""
    return pa.Table.from_pandas(listing, schema=ANOMALIES, preserve_index=False).replace_schema_metadata(None)


def as_text(listing: pd.DataFrame, scenes: Scenes, heading: str) -> str:
    """The listing for a person: each image once, in the order of its most surprising flag, and what is in it."""
    lines = [heading, ""]
    if listing.empty:
        return "\n".join([*lines, "Nothing is unexpected and nothing is missing at these limits.", ""])
    place = {image: number for number, image in enumerate(dict.fromkeys(listing["image_id"]))}
    row_of = dict(zip(scenes.image_ids.tolist(), range(len(scenes.image_ids)), strict=True))
    flags = sorted(listing.itertuples(), key=lambda flag: place[flag.image_id])  # stable: surprise within an image
    for image, of_image in groupby(flags, key=lambda flag: flag.image_id):
        of_image = list(of_image)
        there = [scenes.classes[c] for c in np.flatnonzero(scenes.counts[row_of[image]])]
        name = of_image[0].original_id if isinstance(of_image[0].original_id, str) else image
        lines.append(f"image {name}  {of_image[0].file_name}  {of_image[0].link}".rstrip())
        lines.append(f"  shows: {', '.join(there)}")
        for flag in of_image:
            explanation = f": {flag.explanation}" if flag.explanation else ""
            lines.append(f"  {flag.kind}: {flag.category} (probability {flag.probability:.4f}{explanation})")
        lines.append("")
    return "\n".join(lines)
