"""Errors planted into the synthetic world's scenes, seen by a detector that misses, confuses and doubts."""

import numpy as np
import pandas as pd
import pytest

from contextual_anomaly.audit.context import Context
from contextual_anomaly.audit.error_rates import ErrorPrior
from contextual_anomaly.audit.findings import OVERLOOKED, SWAPPED, Audited, audit
from contextual_anomaly.audit.label_noise import evaluate, plant
from contextual_anomaly.models.families.oracle import Oracle
from contextual_anomaly.models.synthetic.boxes import HEIGHT, WIDTH
from contextual_anomaly.stats.box_pairs import box_pairs
from contextual_anomaly.world.sampling import sample_objects
from contextual_anomaly.world.scene_types import load_world

IMAGES = 250
BOX = ["x", "y", "width", "height"]


@pytest.fixture(scope="module")
def audited() -> Audited:
    """Scenes with right annotations, the oracle as context model, and noisy detections."""
    world = load_world()
    rng = np.random.default_rng(0)
    drawn = sample_objects(world, IMAGES, rng)
    ids = np.array(world.category_ids)
    objects = pd.DataFrame(drawn.box, columns=BOX).assign(image_id=drawn.image + 1, category_id=ids[drawn.column])
    objects["iscrowd"] = False
    objects["annotation_id"] = np.arange(len(objects))
    size = len(objects)
    seen = rng.random(size) < 0.8
    column = np.where(rng.random(size) < 0.1, rng.integers(0, 80, size), drawn.column)
    hits = objects.assign(category_id=ids[column], score=rng.beta(4, 2, size))[seen]
    hits[BOX] += rng.normal(0, 0.05, (len(hits), 4)) * objects.loc[seen, ["width", "height"] * 2].to_numpy()
    low = rng.uniform(0, [WIDTH - 80, HEIGHT - 80], (size, 2))
    ghosts = pd.DataFrame(np.hstack([low, rng.uniform(20, 80, (size, 2))]), columns=BOX)
    ghosts = ghosts.assign(image_id=rng.integers(1, IMAGES + 1, size), score=rng.beta(1, 4, size))
    ghosts["category_id"] = ids[rng.integers(0, 80, size)]
    detections = pd.concat([hits, ghosts]).sort_values("image_id", kind="stable", ignore_index=True)
    known = np.array([name != "person" for name in world.classes])
    classes = tuple(np.array(world.classes)[known].tolist())
    probability = world.probability[:, known]
    image_ids = np.arange(1, IMAGES + 1)
    return Audited(
        objects=objects,
        categories=pd.DataFrame({"category_id": ids, "name": world.classes, "supercategory": ""}),
        images=pd.DataFrame({"image_id": image_ids, "file_name": "", "coco_url": "", "width": WIDTH, "height": HEIGHT}),
        image_ids=image_ids,
        classes=classes,
        detections=detections.drop(columns="iscrowd"),
        context=Context(
            (Oracle("oracle", classes, world.weight, probability),),
            0,
            1000 * (world.weight @ probability),
            1000,
            np.zeros(IMAGES, int),
        ),
        fold=image_ids % 5,
        overlooked=ErrorPrior(0.02),
        swapped=ErrorPrior(0.02),
    )


def test_planting_takes_out_and_relabels_what_it_says(audited):
    changed, taken, wrong = plant(audited, 0.05, 0)
    assert len(changed.objects) + len(taken) == len(audited.objects)
    merged = changed.objects.merge(audited.objects, on=["image_id", *BOX], suffixes=("", "_before"))
    relabelled = merged[merged["category_id"] != merged["category_id_before"]]
    assert len(relabelled) == len(wrong)
    assert set(map(tuple, relabelled[BOX].to_numpy())) == set(map(tuple, wrong[BOX].to_numpy()))
    assert not (taken["category_id"] == 1).any()  # the context model does not know persons


def test_planted_errors_come_first(audited):
    table = evaluate(audited, 0.05, 0, 50).set_index(["kind", "by", "measure"])
    both = table.xs("detector and context", level="by")
    for kind, least in ((SWAPPED, 0.9), (OVERLOOKED, 0.9)):
        assert both.loc[(kind, "auroc"), "value"] > least
        chance = both.loc[(kind, "auroc"), "planted"] / both.loc[(kind, "auroc"), "candidates"]
        assert both.loc[(kind, "precision_at_k"), "value"] > 5 * chance
        assert (both.loc[kind, "low"] <= both.loc[kind, "value"]).all()
        assert (both.loc[kind, "value"] <= both.loc[kind, "high"]).all()
    # Context alone is far from chance, and adds to what the detector sees.
    value = table.reset_index().pivot_table(index=["kind", "measure"], columns="by", values="value")
    assert (value.loc[(slice(None), "auroc"), "context"] > 0.65).all()
    assert (
        value.loc[(SWAPPED, "average_precision"), "detector and context"]
        > value.loc[(SWAPPED, "average_precision"), "detector"]
    )


def test_probabilities_lie_between_0_and_1_and_fall(audited):
    findings = audit(audited)
    assert findings["probability"].between(0, 1).all()
    assert findings["probability"].is_monotonic_decreasing
    assert set(findings["kind"]) == {SWAPPED, OVERLOOKED}


def test_what_is_annotated_is_not_overlooked(audited):
    overlooked = audit(audited).query("kind == 'overlooked'")
    pair = box_pairs(overlooked, audited.objects)
    names = audited.categories.set_index("category_id")["name"].loc[audited.objects["category_id"]].to_numpy()
    same = overlooked["predicted_label"].to_numpy()[pair.first] == names[pair.second]
    assert same.any()
    assert (pair.iou[same] < 0.3).all()
    assert (pair.iou[~same] < 0.5).all()
