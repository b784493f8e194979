"""List anomalies: present classes that are unexpected and absent ones that are missing, the most surprising first."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd
import pyarrow as pa

from contextual_anomaly.array_types import Bool, Float
from contextual_anomaly.coco.links import ways_to_images
from contextual_anomaly.models.base import ContextModel, Geometry
from contextual_anomaly.models.calibration import Calibration
from contextual_anomaly.models.explanation import Explanation, explain
from contextual_anomaly.runtime.safe_text import printable
from contextual_anomaly.scenes import Scenes
from contextual_anomaly.stats.log_odds import expit_in_place
from contextual_anomaly.tables import ANOMALIES, ATTRIBUTIONS, IMAGES


@dataclass(frozen=True)
class Rates:
    """List what has a p-value of at most these rates, so that they are the rates of false alarms.

    Attributes:
        unexpected: share of genuine objects that may be listed.
        missing: share of rightly absent classes that may be listed.
    """

    unexpected: float = 0.01
    missing: float = 0.001

    def flags(
        self, present: Bool[np.ndarray, "N C"], probability: Float[np.ndarray, "N C"], p_value: Float[np.ndarray, "N C"]
    ) -> Bool[np.ndarray, "N C"]:
        """Return which (image, class) pairs are listed."""
        return np.where(present, p_value <= self.unexpected, p_value <= self.missing)

    def __str__(self) -> str:
        """Return the limits in words."""
        return (
            f"Unexpected: at most {self.unexpected:.2%} of genuine objects have a probability as low. "
            f"Missing: at most {self.missing:.2%} of rightly absent classes have a probability as high."
        )


@dataclass(frozen=True)
class Thresholds:
    """List by the probability itself, as the original does.

    Attributes:
        unexpected_below: a present class with a lower probability is listed.
        missing_above: an absent class with a higher probability is listed.
    """

    unexpected_below: float
    missing_above: float

    def flags(
        self, present: Bool[np.ndarray, "N C"], probability: Float[np.ndarray, "N C"], p_value: Float[np.ndarray, "N C"]
    ) -> Bool[np.ndarray, "N C"]:
        """Return which (image, class) pairs are listed."""
        return np.where(present, probability < self.unexpected_below, probability > self.missing_above)

    def __str__(self) -> str:
        """Return the limits in words."""
        return (
            f"Missing: absent, with a probability above {self.missing_above}. "
            f"Unexpected: present, with a probability below {self.unexpected_below}."
        )


@dataclass(frozen=True)
class Listing:
    """Anomalies, by falling surprise: minus the log-probability that the model gives to what is there.

    Attributes:
        table: a row for each anomaly, with the columns of `tables.ANOMALIES`.
        explanation: what the log-odds of each row are made of.
        classes: C class names.
    """

    table: pd.DataFrame
    explanation: Explanation
    classes: tuple[str, ...]

    def attributions(self) -> pa.Table:
        """Return `tables.ATTRIBUTIONS`: the parts of each anomaly's log-odds."""
        rows = [
            (image, category, *part)
            for row, (image, category) in enumerate(zip(self.table["image_id"], self.table["category"], strict=True))
            for part in self.explanation.parts(row, self.classes)
        ]
        columns = list(zip(*rows, strict=True)) if rows else [[]] * len(ATTRIBUTIONS)
        return pa.table([pa.array(c, t) for c, t in zip(columns, ATTRIBUTIONS.types, strict=True)], schema=ATTRIBUTIONS)

    def to_arrow(self) -> pa.Table:
        """Return `tables.ANOMALIES`."""
        return pa.Table.from_pandas(self.table, schema=ANOMALIES, preserve_index=False).replace_schema_metadata(None)


def list_anomalies(
    model: ContextModel,
    scenes: Scenes,
    calibration: Calibration,
    limits: Rates | Thresholds | None = None,
    *,
    variant: int = 0,
    images: pa.Table | None = None,
    geometry: Geometry | None = None,
    checked: Bool[np.ndarray, "N C"] | None = None,
) -> Listing:
    """List every (image, class) whose presence or absence is surprising given the other classes of the image.

    >>> import numpy as np
    >>> import contextual_anomaly as ca
    >>> rng = np.random.default_rng(0)
    >>> indoors = rng.random((1000, 1)) < 0.5
    >>> X = rng.random((1000, 4)) < np.where(indoors, [0.8, 0.8, 0.01, 0.01], [0.01, 0.01, 0.8, 0.8])
    >>> detector = ca.ContextAnomalyDetector("naive_bayes").fit(X)
    >>> photos = ca.Scenes(
    ...     image_ids=np.array([1, 2]),
    ...     counts=np.array([[1, 1, 0, 0], [3, 1, 1, 0]], np.uint16),
    ...     classes=detector.model_.classes,
    ...     category_ids=(1, 2, 3, 4),
    ...     dataset="photos",
    ... )
    >>> listing = ca.list_anomalies(detector.model_, photos, detector.calibration_, ca.Rates(unexpected=0.02))
    >>> listing.table[["image_id", "category", "kind"]]
       image_id category        kind
    0         2       x2  unexpected

    Args:
        model: the model.
        scenes: N images over the model's classes.
        calibration: of the variant.
        limits: what is listed; by default `Rates()`.
        variant: index of the variant that predicts.
        images: rows of `tables.IMAGES`, for file names, and for links of images with a COCO address.
        geometry: of the scenes, for models that use it.
        checked: [N, C] whether annotators looked for the class in the image; where they did not, it cannot be missing.
            None if they looked for every class in every image.
    """
    presence = scenes.presence
    log_odds = model.log_odds(presence, geometry)[variant]
    probability = expit_in_place(log_odds.copy())
    present = presence > 0
    p_value = np.where(present, calibration.unexpected(log_odds), calibration.missing(log_odds))
    listed = (limits or Rates()).flags(present, probability, p_value)
    if checked is not None:
        listed &= present | checked
    row, column = np.nonzero(listed)
    surprise = np.where(present[row, column], log_odds[row, column], -log_odds[row, column])
    # Equal surprises stay in the order of images and classes.
    order = np.argsort(surprise, kind="stable")
    row, column = row[order], column[order]
    explanation = explain(model, variant, presence[row], column, None if geometry is None else geometry[row])
    about = ways_to_images(IMAGES.empty_table() if images is None else images, scenes.image_ids[row])
    table = pd.DataFrame(
        {
            "image_id": about.index.to_numpy(),
            "category": np.array(scenes.classes)[column],
            "kind": np.where(present[row, column], "unexpected", "missing"),
            "probability": probability[row, column],
            "p_value": p_value[row, column],
            "explanation": [explanation.text(number, scenes.classes) for number in range(len(row))],
            **{name: about[name].to_numpy() for name in ("file_name", "link", "original_id")},
        }
    ).astype({"category": object, "kind": object, "explanation": object, "original_id": object})
    return Listing(table, explanation, scenes.classes)


def as_text(listing: pd.DataFrame, scenes: Scenes, heading: str) -> str:
    """Return the listing as text: each image once, in the order of its most surprising anomaly, and what is in it.

    Args:
        listing: columns of `tables.ANOMALIES`.
        scenes: the images.
        heading: the first lines.
    """
    lines = [heading, ""]
    if listing.empty:
        return "\n".join([*lines, "Nothing is unexpected and nothing is missing at these limits.", ""])
    place = {image: number for number, image in enumerate(dict.fromkeys(listing["image_id"]))}
    row_of = dict(zip(scenes.image_ids.tolist(), range(len(scenes.image_ids)), strict=True))
    anomalies = sorted(listing.to_dict("records"), key=lambda row: place[row["image_id"]])  # stable within an image
    for image, of_image in groupby(anomalies, key=lambda row: row["image_id"]):
        of_image = list(of_image)
        present = [scenes.classes[c] for c in np.flatnonzero(scenes.counts[row_of[image]])]
        original = of_image[0]["original_id"]
        name = original if isinstance(original, str) else image
        lines.append(f"image {name}  {of_image[0]['file_name']}  {of_image[0]['link']}".rstrip())
        lines.append(f"  shows: {', '.join(present)}")
        for row in of_image:
            explanation = f": {row['explanation']}" if row["explanation"] else ""
            lines.append(f"  {row['kind']}: {row['category']} (probability {row['probability']:.4f}{explanation})")
        lines.append("")
    return printable("\n".join(lines))  # for terminals
