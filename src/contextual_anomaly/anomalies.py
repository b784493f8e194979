"""The listing: which present classes are unexpected and which absent ones are missing, the most surprising first."""

from itertools import groupby

import numpy as np
import pandas as pd
import pyarrow as pa

from contextual_anomaly.links import EXPLORE
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.scenes import Scenes
from contextual_anomaly.tables import ANOMALIES


def list_anomalies(
    model: ContextModel, member: int, scenes: Scenes, images: pa.Table, missing_above: float, unexpected_below: float
) -> pd.DataFrame:
    """Flag every (image, class) whose presence contradicts its expectation.

    Args:
        member: which of the model's members judges.
        images: rows of `tables.IMAGES`; images with a COCO address get a link to COCO's explorer.
        missing_above: an absent class is missing where its expectation is above.
        unexpected_below: a present class is unexpected where its expectation is below.

    Returns:
        columns of `tables.ANOMALIES`, by falling surprise: minus the log of how probable the model finds what is there.
    """
    expected = model.expected(scenes.presence)[member]
    present = scenes.counts > 0
    row, column = np.nonzero(np.where(present, expected < unexpected_below, expected > missing_above))
    flagged, there = expected[row, column], present[row, column]
    surprise = np.where(there, flagged, 1 - flagged.astype(np.float64))
    # Equal surprises stay in the order of images and classes.
    order = np.argsort(surprise, kind="stable")
    about = images.to_pandas().set_index("image_id").reindex(scenes.image_ids[row[order]])
    links = [
        f"{EXPLORE}{image}" if url else "" for image, url in zip(about.index, about["coco_url"].fillna(""), strict=True)
    ]
    return pd.DataFrame(
        {
            "image_id": about.index.to_numpy(),
            "category": np.array(scenes.classes)[column[order]],
            "kind": np.where(there[order], "unexpected", "missing"),
            "expected": flagged[order],
            "file_name": about["file_name"].fillna("").to_numpy(),
            "link": links,
        }
    ).astype({"category": object, "kind": object})


def as_table(listing: pd.DataFrame) -> pa.Table:
    """The listing as `tables.ANOMALIES`."""
    return pa.Table.from_pandas(listing, schema=ANOMALIES, preserve_index=False).replace_schema_metadata(None)


def as_text(listing: pd.DataFrame, scenes: Scenes, heading: str) -> str:
    """The listing for a person: each image once, in the order of its most surprising flag, and what is in it."""
    lines = [heading, ""]
    if listing.empty:
        return "\n".join([*lines, "Nothing is unexpected and nothing is missing at these thresholds.", ""])
    place = {image: number for number, image in enumerate(dict.fromkeys(listing["image_id"]))}
    row_of = dict(zip(scenes.image_ids.tolist(), range(len(scenes.image_ids)), strict=True))
    flags = sorted(listing.itertuples(), key=lambda flag: place[flag.image_id])  # stable: surprise within an image
    for image, of_image in groupby(flags, key=lambda flag: flag.image_id):
        of_image = list(of_image)
        there = [scenes.classes[c] for c in np.flatnonzero(scenes.counts[row_of[image]])]
        lines.append(f"image {image}  {of_image[0].file_name}  {of_image[0].link}".rstrip())
        lines.append(f"  shows: {', '.join(there)}")
        lines += [f"  {flag.kind}: {flag.category} (expected {flag.expected:.4f})" for flag in of_image]
        lines.append("")
    return "\n".join(lines)
