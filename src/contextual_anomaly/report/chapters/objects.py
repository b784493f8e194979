"""Objects: the oddest ones, and whether a model tells objects under a wrong label, or with a wrong box, from the genuine ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from contextual_anomaly.detection.image_reading import ReadImage
from contextual_anomaly.drawing import Box, annotated_image
from contextual_anomaly.report.boxes_on_white import company, draw_boxes
from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.frames import groups_of, rows_of, with_interval
from contextual_anomaly.report.gallery import at_gallery_width, encode_jpeg, open_image, percent
from contextual_anomaly.report.html_tables import html_table
from contextual_anomaly.report.style import embedded, styled, svg
from contextual_anomaly.runtime.choices import ORACLES
from contextual_anomaly.stats.boxes import BOX

CHANGES = {
    "label_by_frequency": "label of a random object",
    "label_uniform": "any other label",
    "label_in_supercategory": "another label of the supercategory",
    "box_moved": "box moved beyond the habit of its class",
    "box_resized": "box resized beyond the habit of its class",
}
MEASURES = {"auroc": "AUROC", "average_precision": "average precision", "precision_at_k": "precision at k"}
SCORES = {
    "": "likelihood against frequency",
    "surprise_": "likelihood alone",
    "habit_": "habit of the class alone",
}
BY_BOX = {"": "class, box and company"}
"""What else the first score of a box is."""
EXAMPLES = 3


def chapter(run: FinishedRun, images: Path | None) -> dict | None:
    """Return what the template shows of single objects, None where no model was asked about them.

    Args:
        run: The finished run.
        images: Folder of the images; None draws all examples on white.
    """
    summary = run.summary("objects")
    if summary.empty:
        return None
    fitted = summary[~summary["model"].isin(ORACLES)]
    judge = _least_surprised(fitted)
    odd, given = run.odd_objects(judge)
    return {
        "judge": judge,
        "by_box": given == "box and company",
        "examples": _examples(run, odd, given, images),
        "classes": html_table(_of_classes(summary)),
        "changes": html_table(_of_changes(fitted)),
        "exact": len(fitted) < len(summary),
        "trials": int(summary["trials"].max()),
        "images": int(summary["images"].max()),
    }


def _least_surprised(summary: pd.DataFrame) -> str:
    """Return the model that genuine objects surprise least."""
    of_genuine = summary[(summary["experiment"] == "objects") & (summary["metric"] == "nats")]
    return str(of_genuine.groupby("model", sort=False)["value"].mean().idxmin())


def _examples(run: FinishedRun, odd: pd.DataFrame, given: str, images: Path | None) -> list[dict[str, Any]]:
    """Return the oddest object of each of a few images, those with a photograph before the others.

    Args:
        run: The finished run.
        odd: `tables.ODD_OBJECTS`, the oddest first.
        given: What the model is told: "box and company" or "company".
        images: Folder of the images, None without.
    """
    pictured, drawn = [], []
    for row in rows_of(odd[odd["width"].notna()].drop_duplicates("image_id")):
        size = run.image_sizes.get(row.image_id)
        image = None if images is None else open_image(images, row.file_name, size)
        if image is not None:
            pictured.append((row, image))
        elif len(drawn) < EXAMPLES:
            drawn.append((row, None))
        if len(pictured) == EXAMPLES:
            break
    examples = []
    for row, image in (pictured + drawn)[:EXAMPLES]:
        objects = run.annotations[run.annotations["image_id"] == row.image_id].reset_index(drop=True)
        place = int((objects["annotation_id"] == row.annotation_id).argmax())
        names = objects["name"].tolist()
        alt = f"image {row.image_id}: {row.category}, with {company(names, place) or 'nothing else'}"
        if image is not None:
            picture = embedded("image/jpeg", _over_photograph(image, objects, place), alt)
        else:
            picture = _on_white(objects, place, run.image_sizes.get(row.image_id), alt)
        examples.append({"row": row, "picture": picture, "says": _says(row, given), "company": company(names, place)})
    return examples


def _says(row: Any, given: str) -> str:
    """Return what the model says of an object, after the words "annotated as"."""
    likely = "more than 99 %" if row.likeliest_probability > 0.99 else percent(row.likeliest_probability)
    makes = "box and company make" if given == "box and company" else "its company makes"
    times = float(f"{row.times_less_likely:.2g}")
    often = f"{times:,.0f}" if times >= 10 else f"{times:.2g}"
    return (
        f"{row.category}; {makes} {row.likeliest} {likely} likely, "
        f"and {row.category} {often} times less likely than it is common."
    )


def _over_photograph(image: ReadImage, objects: pd.DataFrame, place: int) -> bytes:
    """Return the image as JPEG with the boxes of its objects, of which one stands out."""
    pixels, scale = at_gallery_width(image)
    boxes = [
        (number, Box(row.x, row.y, row.width, row.height, row.name).scaled(scale))
        for number, row in enumerate(rows_of(objects))
        if row.width == row.width
    ]
    flagged = [box for number, box in boxes if number == place]
    return encode_jpeg(annotated_image(pixels, flagged, [box for number, box in boxes if number != place]))


@styled
def _white(objects: pd.DataFrame, place: int, size: tuple[float, float]) -> Figure:
    figure = Figure(figsize=(3.6, 3.6 * min(max(size[1] / size[0], 0.4), 1.4)), layout="constrained")
    draw_boxes(figure.subplots(), objects[BOX].to_numpy(float), objects["name"].tolist(), place, size)
    return figure


def _on_white(objects: pd.DataFrame, place: int, size: tuple[int, int] | None, alt: str) -> Markup:
    """Return the boxes of the objects without the image; where its size is not known, it ends where they do."""
    ends = objects[["x", "y"]].to_numpy(float) + objects[["width", "height"]].to_numpy(float)
    wide, high = size or np.nanmax(ends, axis=0).tolist()
    return svg(_white(objects, place, (wide, high)), alt)


def _of_classes(summary: pd.DataFrame) -> pd.DataFrame:
    """Return, for each model, how surprising the genuine objects are."""
    cells = []
    for (model,), rows in groups_of(summary[summary["experiment"] == "objects"], ["model"]):
        cells.append(
            {
                "model": model,
                "right class ranked first": _cell(rows, "accuracy"),
                "mean surprise, nats": _cell(rows, "nats"),
            }
        )
    return pd.DataFrame(cells)


def _of_changes(summary: pd.DataFrame) -> pd.DataFrame:
    """Return, for each change, model and score, how well the changed objects are told from the others."""
    cells = []
    for change, title in CHANGES.items():
        of_change = summary[summary["experiment"] == change]
        for (model,), rows in groups_of(of_change, ["model"]):
            measured = set(rows["metric"])
            for prefix, score in SCORES.items():
                if f"{prefix}auroc" not in measured:
                    continue
                name = BY_BOX.get(prefix, score) if change.startswith("box_") else score
                figures = {label: _cell(rows, f"{prefix}{metric}") for metric, label in MEASURES.items()}
                cells.append({"changed": title, "model": model, "ranked by": name} | figures)
    return pd.DataFrame(cells)


def _cell(rows: pd.DataFrame, metric: str) -> str:
    """Return a figure with its interval, the mean over the variants of a model."""
    of_metric = rows.loc[rows["metric"] == metric, ["value", "low", "high"]]
    return with_interval(*of_metric.to_numpy(dtype=float).mean(0))
