"""Images that are out of context by nature: does a model find them, though nothing was changed in them?

The protocol is that of NOOCh, naturally occurring out-of-context images (Madras and Zemel 2021). A hard positive of a class
is an image that holds it where it would not be expected; a hard negative is one without it where it would be. The model
does not see whether the class is there. Hard positives are ranked against the class's other images by how improbable the
class is, hard negatives against the other images without it by how probable it is.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from contextual_anomaly.array_types import Float, Int
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import ContextModel, Geometry
from contextual_anomaly.runtime.user_tables import read_user_table
from contextual_anomaly.scenes import Scenes
from contextual_anomaly.stats.bootstrap import Bootstrap, interval
from contextual_anomaly.stats.ranking import WeightedRanking

QUESTIONS = {"hard_positive": "unexpected", "hard_negative": "missing"}
"""What each kind of image asks for."""
COLUMNS = ("criterion", "class", "kind", "image_id")
MEAN = "(mean)"
"""In the column class, of the mean over classes."""


def read_cases(path: str | Path, scenes: Scenes) -> pd.DataFrame:
    """Return the listed images that are among the scenes.

    Args:
        path: table with the columns of `COLUMNS`; kind is one of `QUESTIONS`.
        scenes: the scenes.

    Returns:
        A row each: criterion, column (of the class), kind, row (of the image).

    Raises:
        UserError: the table cannot be read, a kind or class is unknown, none of the images is among the scenes, or a class
            is present in a hard negative, or absent from a hard positive.
    """
    what = "a table of images that are out of context"
    cases = read_user_table(path, COLUMNS, what).to_pandas()
    problems = [
        f"kind {kind!r} ({(cases['kind'] == kind).sum():,} rows; expected one of {', '.join(QUESTIONS)})"
        for kind in sorted(set(cases["kind"].unique()) - set(QUESTIONS))
    ]
    place = {name: column for column, name in enumerate(scenes.classes)}
    unknown = sorted(set(cases["class"].unique()) - set(place))
    problems += [f"class {name!r}, which the data set does not have" for name in unknown]
    if problems:
        raise UserError(f"{path}: {what} was expected, found {'; '.join(problems)}.")
    row = np.searchsorted(scenes.image_ids, cases["image_id"]).clip(max=len(scenes.image_ids) - 1)
    there = scenes.image_ids[row] == cases["image_id"]
    column = cases["class"].map(place).astype(int)
    found = cases.assign(column=column, row=row)[there]
    if found.empty:
        raise UserError(f"{path}: none of the {len(cases):,} images is one of the validation split.")
    present = scenes.counts[found["row"], found["column"]] > 0
    wrong = found[present != (found["kind"] == "hard_positive")]
    if len(wrong):
        first = wrong.iloc[0]
        raise UserError(
            f"{path}: {len(wrong):,} rows contradict the annotations, such as image {first['image_id']}, listed as "
            f"{first['kind']} of {first['class']}."
        )
    return found[["criterion", "column", "kind", "row"]].astype({"criterion": str, "kind": str}).reset_index(drop=True)


def run(
    model: ContextModel, scenes: Scenes, geometry: Geometry | None, cases: pd.DataFrame, n_resamples: int, seed: int
) -> pd.DataFrame:
    """Return the AUROC of each criterion, question and class, and the mean over classes.

    Args:
        model: the model; of several variants the mean of their log-odds answers.
        scenes: all scenes of the split, those of a single class included.
        geometry: of the same scenes.
        cases: of `read_cases`.
        n_resamples: bootstrap resamples of the images.
        seed: of the bootstrap.

    Returns:
        Columns criterion, question, class, value, low, high (bootstrap 95 % interval over images), hard (images) and others.
    """
    presence = scenes.presence
    log_odds = model.log_odds(presence, geometry).mean(0)
    weights = Bootstrap(len(presence), n_resamples, seed).weights_with_all
    rows = []
    for criterion, kind in cases[["criterion", "kind"]].drop_duplicates().sort_values(["criterion", "kind"]).to_numpy():
        group = cases[(cases["criterion"] == criterion) & (cases["kind"] == kind)]
        question = QUESTIONS[kind]
        about = {"model": model.name, "criterion": criterion, "question": question}
        sign = -1 if question == "unexpected" else 1
        resampled, counts = [], []
        for column in np.unique(group["column"]).tolist():
            of_class = group[group["column"] == column]
            candidates = np.flatnonzero((presence[:, column] > 0) == (question == "unexpected"))
            hard = np.isin(candidates, of_class["row"].to_numpy())
            score = sign * log_odds[candidates, column]
            auroc = WeightedRanking(candidates, score, hard, weights).auroc()
            resampled.append(auroc)
            counts.append(np.array([hard.sum(), (~hard).sum()]))
            rows.append(about | _figures(scenes.classes[column], auroc, counts[-1]))
        rows.append(about | _figures(MEAN, np.mean(resampled, axis=0), np.sum(counts, axis=0)))
    return pd.DataFrame(rows)


def _figures(name: str, auroc: Float[np.ndarray, " B"], counts: Int[np.ndarray, " 2"]) -> dict[str, str | float]:
    """Return the figures of a class, or of the mean over classes.

    Args:
        name: of the class.
        auroc: [B] of all images, and then of resamples.
        counts: of the hard images, and of the others.
    """
    low, high = interval(auroc[1:])
    hard, others = counts.tolist()
    return {"class": name, "value": float(auroc[0]), "low": low, "high": high, "hard": hard, "others": others}
