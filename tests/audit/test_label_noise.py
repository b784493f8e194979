"""Errors planted into the synthetic world's scenes, seen by a detector that misses, confuses and doubts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from contextual_anomaly.audit.context import Context
from contextual_anomaly.audit.error_rates import ErrorPrior
from contextual_anomaly.audit.findings import Audited, audit, explained, listed
from contextual_anomaly.audit.label_noise import evaluate, plant_into
from contextual_anomaly.audit.planting import DUPLICATE, KINDS, MISPLACED, OVERLOOKED, SPURIOUS, SWAPPED
from contextual_anomaly.models.families.oracle import Oracle
from contextual_anomaly.models.synthetic.boxes import HEIGHT, WIDTH
from contextual_anomaly.stats.box_pairs import box_pairs
from contextual_anomaly.stats.boxes import BOX, iou_of_rows
from contextual_anomaly.world.sampling import sample_objects
from contextual_anomaly.world.scene_types import load_world

IMAGES = 250


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


def test_planting_does_what_it_says(audited):
    changed, planted = plant_into(audited, 0.05, 0)
    objects, kind = changed.objects, planted.kind
    before = audited.objects.set_index("annotation_id")
    eligible = audited.may_be_wrong(audited.objects).sum()
    number = {of: (kind == of).sum() for of in KINDS[1:]} | {OVERLOOKED: len(planted.taken)}
    assert all(0.03 * eligible < of <= 0.05 * eligible + 1 for of in number.values()), number
    assert len(objects) == len(before) - number[OVERLOOKED] + number[DUPLICATE] + number[SPURIOUS]
    assert objects["annotation_id"].is_unique
    assert objects["image_id"].is_monotonic_increasing
    assert not set(planted.taken["annotation_id"]) & set(objects["annotation_id"])
    assert not (planted.taken["category_id"] == 1).any()  # the context model does not know persons
    old = objects["annotation_id"].isin(before.index).to_numpy()
    same = before.loc[objects["annotation_id"][old]]
    relabelled = objects["category_id"].to_numpy()[old] != same["category_id"].to_numpy()
    np.testing.assert_array_equal(relabelled, kind[old] == SWAPPED)
    overlap = iou_of_rows(objects.loc[old, BOX].to_numpy(float), same[BOX].to_numpy(float))
    np.testing.assert_array_equal(overlap < 0.999, kind[old] == MISPLACED)
    assert (overlap[kind[old] == MISPLACED] >= 0.1).all()
    assert (overlap[kind[old] == MISPLACED] <= 0.6).all()
    assert set(kind[~old]) == {DUPLICATE, SPURIOUS}
    copies = objects[kind == DUPLICATE]
    twins = before.loc[planted.twin[kind == DUPLICATE]]
    assert (copies[["image_id", "category_id"]].to_numpy() == twins[["image_id", "category_id"]].to_numpy()).all()
    overlap = iou_of_rows(copies[BOX].to_numpy(float), twins[BOX].to_numpy(float))
    assert ((overlap >= 0.7) & (overlap <= 0.95)).all()
    strange = objects[kind == SPURIOUS].reset_index(drop=True)
    pair = box_pairs(strange, audited.objects)
    there = strange["category_id"].to_numpy()[pair.first] == audited.objects["category_id"].to_numpy()[pair.second]
    changed_labels = objects[kind == SWAPPED]  # what was swapped is no longer there
    assert (pair.iou[there] <= 0.1).mean() > 0.9 or len(changed_labels)
    inside = (objects["x"] >= -1) & (objects["x"] + objects["width"] <= WIDTH + 1)
    assert inside[kind != ""].all()
    again = plant_into(audited, 0.05, 0)[1]
    pd.testing.assert_frame_equal(again.objects, planted.objects)


def test_planted_errors_come_first(audited):
    table = evaluate(audited, 0.05, 0, 50).set_index(["kind", "by", "measure"])
    both = table.xs("detector and context", level="by")
    for kind in KINDS:
        assert both.loc[(kind, "auroc"), "value"] > (0.6 if kind == MISPLACED else 0.8)
        chance = both.loc[(kind, "auroc"), "planted"] / both.loc[(kind, "auroc"), "candidates"]
        assert both.loc[(kind, "precision_at_k"), "value"] > 2 * chance
        assert (both.loc[kind, "low"] <= both.loc[kind, "value"]).all()
        assert (both.loc[kind, "value"] <= both.loc[kind, "high"]).all()
    # Context alone is far from chance, and adds to what the detector sees.
    value = table.reset_index().pivot_table(index=["kind", "measure"], columns="by", values="value")
    assert (value.loc[([SWAPPED, OVERLOOKED, SPURIOUS, DUPLICATE], "auroc"), "context"] > 0.65).all()
    assert (
        value.loc[(SWAPPED, "average_precision"), "detector and context"]
        > value.loc[(SWAPPED, "average_precision"), "detector"]
    )


def test_probabilities_lie_between_0_and_1_and_fall(audited):
    findings = audit(audited)
    assert findings["probability"].between(0, 1).all()
    assert findings["probability"].is_monotonic_decreasing
    assert set(findings["kind"]) == set(KINDS)
    # What is listed with a probability of one half and more is rare where nothing was planted.
    assert (findings["probability"] >= 0.5).mean() < 0.02


def test_reasons_add_up(audited):
    described = audited.images.assign(split="val", original_id=None)
    changed, _ = plant_into(
        replace(audited, images=described, objects=audited.objects.assign(original_id=None)), 0.03, 1
    )
    findings = explained(changed, listed(audit(changed), 200))
    assert set(findings["kind"]) == set(KINDS)
    for row in findings.itertuples():
        total, parts = row.reasons.split(" = ")
        added = sum(float(part.rsplit(" ", 1)[1]) for part in parts.split(", "))
        assert added == pytest.approx(float(total.rsplit(" ", 1)[1]), abs=0.05)
        if row.kind == OVERLOOKED:
            assert added == pytest.approx(np.log(row.probability / (1 - row.probability)), abs=0.05)
    assert findings.loc[findings["kind"] == MISPLACED, "new_x"].notna().any()
    assert findings.loc[findings["kind"] == DUPLICATE, "twin_id"].notna().all()
    assert (findings.loc[findings["kind"] == DUPLICATE, "suggestion"].str.startswith("remove it")).all()


def test_what_is_annotated_is_not_overlooked(audited):
    overlooked = audit(audited).query("kind == 'overlooked'")
    pair = box_pairs(overlooked, audited.objects)
    names = audited.categories.set_index("category_id")["name"].loc[audited.objects["category_id"]].to_numpy()
    same = overlooked["predicted_label"].to_numpy()[pair.first] == names[pair.second]
    assert same.any()
    assert (pair.iou[same] < 0.3).all()
    assert (pair.iou[~same] < 0.5).all()
