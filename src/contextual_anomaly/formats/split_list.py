"""A list of which image belongs to which split, in place of the splits that the annotations come in."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from contextual_anomaly.coco.normalize import Reading
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.arrow import to_numpy
from contextual_anomaly.runtime.user_tables import read_user_table

if TYPE_CHECKING:  # most files are read without a list of splits, and pandas takes its time
    import pandas as pd

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SplitList:
    """The images of one split.

    Attributes:
        path: table with the columns image_id and split (CSV or Parquet).
        name: what stands in the column split for the images that are meant.
    """

    path: Path
    name: str

    def read(self) -> set[str]:
        """Return the ids of the images, as text.

        Raises:
            UserError: the table cannot be read, lacks a column, names no image of the split, or one twice.
        """
        table = read_user_table(self.path, ["image_id", "split"], "a list of splits").to_pandas()
        table = table.astype({"split": str}).assign(image_id=table["image_id"].astype(str).str.strip())
        twice = table["image_id"][table["image_id"].duplicated()]
        if len(twice):
            raise UserError(f"{self.path}: {len(twice):,} images are listed more than once, such as {twice.iloc[0]}.")
        ids = set(table.loc[table["split"].str.strip() == self.name, "image_id"])
        if not ids:
            names = ", ".join(sorted(table["split"].unique())[:10])
            raise UserError(f"{self.path}: no image has the split {self.name!r}; the splits there are {names}.")
        return ids


def take_listed(parts: list[Reading], wanted: SplitList) -> Reading:
    """Return the images of several files that a list names, as one reading.

    Args:
        parts: what was read of the files, with one list of classes.
        wanted: the images.

    Raises:
        UserError: the list cannot be used, an image id is in more than one file, or none of the images is there.
    """
    import pandas as pd

    ids = wanted.read()
    images = pd.concat([_ids(part.images) for part in parts], ignore_index=True)
    twice = images["image_id"][images["image_id"].duplicated()]
    if len(twice):
        names = " and ".join(part.report.name for part in parts)
        raise UserError(
            f"{names}: {len(twice):,} image ids are in both files, such as {twice.iloc[0]}; a list of splits needs ids that "
            "mean one image each."
        )
    chosen = images[images["name"].isin(ids)]
    if chosen.empty:
        raise UserError(f"{wanted.path}: none of the {len(ids):,} images of the split {wanted.name!r} is annotated.")
    if len(chosen) < len(ids):
        lost = min(ids - set(chosen["name"]))
        logger.warning(
            f"{wanted.path}: {len(ids) - len(chosen):,} of {len(ids):,} images of the split {wanted.name!r} are not in the "
            f"annotations, such as {lost}"
        )
    kept = chosen["image_id"].to_numpy()

    def of(name: str) -> pa.Table:
        whole = pa.concat_tables([getattr(part, name) for part in parts])
        return whole.filter(pa.array(np.isin(to_numpy(whole["image_id"]), kept))).sort_by("image_id")

    # Where one file was annotated in part, the other was looked through for all classes.
    checked = None
    if any(part.checked is not None for part in parts):
        checked = pa.concat_tables([_checked(part) for part in parts])
        checked = checked.filter(pa.array(np.isin(to_numpy(checked["image_id"]), kept))).sort_by(
            [("image_id", "ascending"), ("category_id", "ascending")]
        )
    return replace(parts[0], annotations=of("annotations"), images=of("images"), checked=checked)


def _ids(images: pa.Table) -> "pd.DataFrame":
    """The number of each image, and its id as the file has it."""
    import pandas as pd

    number = to_numpy(images["image_id"])
    own = images["original_id"].to_pylist()
    names = [str(n) if text is None else text for n, text in zip(number.tolist(), own, strict=True)]
    return pd.DataFrame({"image_id": number, "name": names})


def _checked(part: Reading) -> pa.Table:
    """The classes that were looked for, all of them where the file does not say."""
    if part.checked is not None:
        return part.checked
    images, classes = to_numpy(part.images["image_id"]), to_numpy(part.categories["category_id"])
    return pa.table({"image_id": images.repeat(len(classes)), "category_id": np.tile(classes, len(images))})
