"""List the objects whose class is least likely where they stand, among the others of their image, and draw some of them.

The model that comes with the package has learnt from COCO's annotations which class belongs in which box beside which
others. It sees no pixels, and needs none: boxes are drawn on white, so that what it knows can be seen.

Run: python examples/odd_objects.py instances_val2017.json --images 453302 357888 435206 --output odd.svg
"""

import argparse
from dataclasses import replace
from pathlib import Path
from textwrap import wrap

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import contextual_anomaly as ca
from contextual_anomaly.experiments.objects import log_frequency
from contextual_anomaly.experiments.odd_objects import list_odd_objects
from contextual_anomaly.models.base import mean_log_probability
from contextual_anomaly.pretrained import find
from contextual_anomaly.report.boxes_on_white import GREY, company, draw_boxes
from contextual_anomaly.scene_objects import objects_of_tables


def main() -> None:
    """Print the objects, the oddest first, and draw the oddest of each image."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("annotations", type=Path, help="a file of COCO's format, with COCO's classes")
    parser.add_argument("--images", type=int, nargs="+", help="ids of the images that are listed; all if left out")
    parser.add_argument("--show", type=int, default=10, help="number of objects that are listed")
    parser.add_argument(
        "--output", type=Path, help="drawing of the oddest object of each listed image, such as odd.svg"
    )
    arguments = parser.parse_args()

    annotations, images, categories = ca.read_coco(arguments.annotations)
    odd = ask(annotations, images, categories)
    if arguments.images:
        odd = odd[odd["image_id"].isin(arguments.images)]
    odd = odd[: arguments.show]
    for one in odd.itertuples():
        print(
            f"image {one.image_id}: {one.category} {one.probability:.2g}, "
            f"{one.times_less_likely:.1f} times less likely than common; "
            f"likeliest: {one.likeliest} {one.likeliest_probability:.2f}"
        )
    if arguments.output:
        objects = annotations.to_pandas().merge(categories.to_pandas()[["category_id", "name"]], on="category_id")
        sizes = images.to_pandas().set_index("image_id")[["width", "height"]]
        draw(odd.drop_duplicates("image_id"), objects, sizes).savefig(arguments.output, metadata={"Date": None})


def ask(annotations, images, categories) -> pd.DataFrame:
    """Return the objects that are no crowds and whose class is unlikely, by log P(class in all images) - log P(class there)."""
    objects = objects_of_tables(annotations, images, categories).objects
    model = next(part for part in ca.load_model(find("coco")).estimators if hasattr(part, "object_log_probabilities"))
    place = np.array([model.input_classes.index(name) for name in objects.classes])
    asked = replace(objects, column=place[objects.column], classes=model.input_classes)
    log_probability = mean_log_probability(model.object_log_probabilities(asked))
    return list_odd_objects(log_probability, log_frequency(asked), asked, annotations, images, count=None)


def draw(odd: pd.DataFrame, objects: pd.DataFrame, sizes: pd.DataFrame) -> Figure:
    """Return a panel for each object: its box and those of its image, without the image."""
    mpl.rcParams.update({"svg.hashsalt": "odd objects", "font.size": 8.5})  # the same bytes each time
    figure = Figure(figsize=(3.2 * len(odd), 3.1), layout="constrained")
    for axes, one in zip(figure.subplots(1, len(odd), squeeze=False).flat, odd.itertuples(), strict=True):
        of_image = objects[objects["image_id"] == one.image_id]
        names = of_image["name"].tolist()
        row = of_image["annotation_id"].tolist().index(one.annotation_id)
        boxes = of_image[["x", "y", "width", "height"]].to_numpy(float)
        draw_boxes(axes, boxes, names, row, tuple(sizes.loc[one.image_id]))
        title = (
            f"{one.category}: {one.probability:.2g}\nlikeliest there: {one.likeliest}, {one.likeliest_probability:.2f}"
        )
        axes.set_title(title, loc="left")
        # What is not written beside a box is listed below.
        axes.set_xlabel("\n".join(wrap(f"with {company(names, row)}", 50)), loc="left", fontsize=8, color=GREY)
    return figure


if __name__ == "__main__":
    main()
