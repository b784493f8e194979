"""`python benchmarks/verdicts.py INSTANCES [--plantings N] [--samples N]`: what verdicts tell of findings without one.

Objects of a random class are planted in COCO's validation images, `check` flags what is unexpected, and a random sample of
the flagged objects gets its true verdict. The others are put in order by their p-values, and by `review.verdicts`.
"""

import argparse
import random
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score

import contextual_anomaly as ca
from contextual_anomaly.checking.exports.to_review import to_review
from contextual_anomaly.review.verdicts import Reviewed, Verdict

VERDICTS = (30, 100, 200)
FIRST = 100
PLANTED = 600  # images


class Found(NamedTuple):
    """A flagged object."""

    p_value: float
    category: str
    id: str
    planted: bool


def flagged(path: Path, seed: int) -> list[Found]:
    """Return the flagged objects of the images, in some of which one object was planted."""
    annotations, images, categories = (table.to_pylist() for table in ca.read_coco(path))
    names = {category["category_id"]: category["name"] for category in categories}
    sizes = {image["image_id"]: (image["width"], image["height"]) for image in images}
    of_image = defaultdict(list)
    for annotation in annotations:
        box = [annotation[side] for side in ("x", "y", "width", "height")]
        of_image[annotation["image_id"]].append((names[annotation["category_id"]], box, annotation["image_id"]))
    rng = random.Random(seed)
    pool = [found for objects in of_image.values() for found in objects if found[0] != "person"]
    chosen = set(rng.sample(sorted(of_image), PLANTED))
    checker = ca.load("coco")
    result: list[Found] = []
    for image, objects in of_image.items():
        planted = None
        if image in chosen:
            there = {name for name, *_ in objects}
            planted, box, other = rng.choice(pool)
            while planted in there:
                planted, box, other = rng.choice(pool)
            scale = np.tile(np.divide(sizes[image], sizes[other]), 2)
            objects = [*objects, (planted, (np.array(box) * scale).tolist(), image)]
        content = [{"category": name, "box": box} for name, box, _ in objects]
        answer = to_review(checker.check(content, size=sizes[image], source=str(image)))
        result += [
            Found(float(one.attributes["p_value"]), one.category, one.id, one.category == planted)
            for one in answer.findings
            if one.kind == "unexpected"
        ]
    return result


def orders(found: list[Found], verdicts: int, seed: int) -> list[float]:
    """Return AUROC and true findings among the first, by p-value and by verdicts, of those without a verdict."""
    sample = set(random.Random(seed).sample(range(len(found)), verdicts))
    reviewed = Reviewed(Verdict(found[i].id, "unexpected", found[i].category, found[i].planted) for i in sorted(sample))
    rest = [one for number, one in enumerate(found) if number not in sample]
    true = np.array([one.planted for one in rest])
    result = []
    for strength in (
        np.array([-one.p_value for one in rest]),
        np.array([reviewed.true_probability(one.id, "unexpected", one.category, one.p_value, 0.01) for one in rest]),
    ):
        first = np.argsort(-strength, kind="stable")[:FIRST]
        result += [float(roc_auc_score(true, strength)), float(true[first].sum())]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("instances", type=Path)
    parser.add_argument("--plantings", type=int, default=3)
    parser.add_argument("--samples", type=int, default=6)
    options = parser.parse_args()
    all_found = [flagged(options.instances, seed) for seed in range(options.plantings)]
    print(
        f"{np.mean([len(f) for f in all_found]):.0f} flagged, planted {np.mean([o.planted for f in all_found for o in f]):.2f}"
    )
    for verdicts in VERDICTS:
        figures = [orders(found, verdicts, seed) for found in all_found for seed in range(options.samples)]
        by_p, first_by_p, by_verdicts, first_by_verdicts = np.mean(figures, axis=0)
        print(
            f"{verdicts} verdicts: AUROC by p-value {by_p:.3f}, by verdicts {by_verdicts:.3f}; true among the first {FIRST}: "
            f"{first_by_p:.0f}, {first_by_verdicts:.0f}"
        )


if __name__ == "__main__":
    main()
