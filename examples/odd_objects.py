"""List the objects whose class is least likely where they stand, among the others of their image, and draw some of them.

The model that comes with the package has learnt from COCO's annotations which class belongs in which box beside which
others. It sees no pixels, and needs none: boxes are drawn on white, so that what it knows can be seen.

Run: python examples/odd_objects.py instances_val2017.json --images 453302 357888 435206 --output odd.svg
"""

import argparse
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import wrap

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

import contextual_anomaly as ca
from contextual_anomaly.models.base import mean_log_probability
from contextual_anomaly.pretrained import find
from contextual_anomaly.scene_objects import SceneObjects, objects_of_tables

GREY, ORANGE = "#7d8790", "#d55e00"
HALO = [withStroke(linewidth=1, foreground="white")]
WIDE = 90  # of an image 640 wide: into wider boxes their class is written, above the others it is


@dataclass(frozen=True)
class Found:
    """An object of an image: how many times less likely its class is than it is common, and what is likelier there."""

    row: int
    image_id: int
    times: float
    probability: float
    likeliest: str
    its_probability: float


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

    ids, objects = read(arguments.annotations)
    found = ask(ids, objects)
    if arguments.images:
        found = [one for one in found if one.image_id in set(arguments.images)]
    for one in found[: arguments.show]:
        name = objects.classes[objects.column[one.row]]
        print(
            f"image {one.image_id}: {name} {one.probability:.2g}, {one.times:.1f} times less likely than common; "
            f"likeliest: {one.likeliest} {one.its_probability:.2f}"
        )
    if arguments.output:
        oddest: dict[int, Found] = {}
        for one in found[: arguments.show]:
            oddest.setdefault(one.image_id, one)
        draw(objects, list(oddest.values())).savefig(arguments.output, metadata={"Date": None})


def read(path: Path) -> tuple[np.ndarray, SceneObjects]:
    """Return the ids of the images of a file, and their objects."""
    read = objects_of_tables(*ca.read_coco(path))
    return read.image_ids, read.objects


def ask(ids: np.ndarray, objects: SceneObjects) -> list[Found]:
    """Return the objects that are no crowds, the oddest first: by log P(class in all images) - log P(class there)."""
    model = next(part for part in ca.load_model(find("coco")).estimators if hasattr(part, "object_log_probabilities"))
    place = np.array([model.input_classes.index(name) for name in objects.classes])
    column = place[objects.column]
    asked = replace(objects, column=column, classes=model.input_classes)
    log_probability = mean_log_probability(model.object_log_probabilities(asked))
    own = log_probability[np.arange(len(column)), column]
    common = np.bincount(column, minlength=len(model.input_classes)) / len(column)
    odd = np.log(common[column]) - own
    rows = np.flatnonzero(~objects.crowd)
    likeliest = log_probability.argmax(1)
    return [
        Found(
            row,
            int(ids[objects.scene[row]]),
            float(np.exp(odd[row])),
            float(np.exp(own[row])),
            model.input_classes[likeliest[row]],
            float(np.exp(log_probability[row, likeliest[row]])),
        )
        for row in rows[np.argsort(-odd[rows], kind="stable")].tolist()
    ]


def draw(objects: SceneObjects, found: list[Found]) -> Figure:
    """Return a panel for each object: its box and those of its image, without the image."""
    mpl.rcParams.update({"svg.hashsalt": "odd objects", "font.size": 8.5})  # the same bytes each time
    figure = Figure(figsize=(3.2 * len(found), 3.1), layout="constrained")
    for axes, one in zip(figure.subplots(1, len(found), squeeze=False).flat, found, strict=True):
        panel(axes, objects, one)
    return figure


def panel(axes: Axes, objects: SceneObjects, one: Found) -> None:
    """Draw one object and its company; what is not written beside a box is listed below."""
    scene = objects.scene[one.row]
    width, height = objects.sizes[scene]
    rows = np.flatnonzero(objects.scene == scene)
    area = objects.boxes[:, 2:].prod(1)
    names = {row: objects.classes[objects.column[row]] for row in rows.tolist()}
    # Of each class the largest box bears its name, and the odd object in any case.
    others = sorted((row for row in names if row != one.row), key=lambda row: -area[row])
    largest = {names[row]: row for row in reversed(others)}.values()
    for row in (*others, one.row):
        x, y, wide, high = objects.boxes[row].tolist()
        # The odd box lies on top of what is written beside the others.
        colour, line, on_top = (ORANGE, 2, 4) if row == one.row else (GREY, 1, 1)
        axes.add_patch(Rectangle((x, y), wide, high, fill=False, edgecolor=colour, linewidth=line, zorder=on_top))
        if row in largest or row == one.row:
            inside = wide > WIDE * width / 640  # otherwise above the box
            at, side = ((x + 4, y + 3), "top") if inside else ((x, y - 6), "bottom")
            axes.text(*at, names[row], va=side, color=colour, fontsize=7.5, path_effects=HALO)
    axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[], aspect="equal")
    title = f"{names[one.row]}: {one.probability:.2g}\nlikeliest there: {one.likeliest}, {one.its_probability:.2f}"
    axes.set_title(title, loc="left")
    company = Counter(names[row] for row in others).most_common()
    text = ", ".join(name if count == 1 else f"{count}\u00a0×\u00a0{name}" for name, count in company)
    axes.set_xlabel("\n".join(wrap(f"with {text}", 50)), loc="left", fontsize=8, color=GREY)


if __name__ == "__main__":
    main()
