"""Claims about the original, from figures made by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from contextual_anomaly.models.base import Variant
from contextual_anomaly.report.reproduction.claims import Claims
from contextual_anomaly.scenes import Scenes

CLASSES = tuple(f"class {c}" for c in range(25))


def scenes(presence: np.ndarray) -> Scenes:
    return Scenes(np.arange(len(presence)), presence.astype(np.uint16), CLASSES, tuple(range(25)), "coco")


@pytest.fixture
def claims() -> Claims:
    """Class c is in 100 - c training images; every figure is a number that nothing else has."""
    train = np.zeros((100, 25))
    for c in range(25):
        train[: 100 - c, c] = 1
    alone = np.eye(25)[:4]  # four validation images of one class each, and one of two
    every = {"train": scenes(np.concatenate([train, np.eye(25)])), "val": scenes(np.concatenate([alone, train[:1]]))}
    published = [
        (model, experiment, 10.0, found, trials)
        for model, experiment, found, trials in [
            ("published", "inject_20_least_common_label", 0.70, 10),
            ("published", "inject_20_rarest", 0.90, 10),
            ("published", "inject_any", 0.80, 10),
            ("published", "remove", 0.30, 1234),
            ("published", "remove_all_images", 0.20, 4321),
            ("longer", "inject_any", 0.60, 10),
            ("longer", "remove", 0.10, 10),
            ("every_image", "inject_any", 0.50, 10),
        ]
    ]
    published += [("frequency", "inject_any", None, 1.0, 10)]
    corrected = [
        ("published", "inject_uniform", 10.0, "tpr", 0.71),
        ("published", "inject_uniform", 10.0, "fpr", 0.33),
        ("published", "inject_uniform", 10.0, "auroc", 0.82),
        ("published", "inject_uniform", 5.0, "auroc", 0.11),
        ("published", "inject_rarest", 10.0, "recall_at_1", 0.874),
        ("published", "remove", 10.0, "recall_at_5", 0.41),
        ("every_image", "inject_uniform", 10.0, "auroc", 0.78),
        ("every_image", "remove", 10.0, "recall_at_5", 0.42),
        ("frequency", "inject_uniform", None, "tpr", 1.0),
        ("frequency", "inject_uniform", None, "fpr", 0.99),
        ("frequency", "inject_uniform", None, "auroc", 0.72),
        ("frequency", "inject_rarest", None, "recall_at_1", 0.936),
    ]
    history = {
        name: pd.DataFrame({"bottleneck": 10, "seed": 0, "epoch": [1, last], "loss": 0.5, "val_loss": [0.5, loss]})
        for name, last, loss in (("published", 150, 0.04), ("longer", 1500, 0.03))
    }
    # Expects every class by a tenth, or by a fifth.
    models = {
        name: SimpleNamespace(variants=(Variant(10, 0),), predict_proba=lambda x, e=e: np.full((1, *x.shape), e))
        for name, e in (("published", 0.2), ("every_image", 0.1))
    }
    rescored = pd.DataFrame(
        [(0.25, "detector", 0.80, 0.50, None, None), (0.25, "gate", 0.88, 0.42, 0.01, 0.08)],
        columns=[
            "threshold",
            "method",
            "precision",
            "recall",
            "precision_gain_same_recall",
            "precision_gain_same_threshold",
        ],
    ).assign(
        precision_gain_same_recall_low=-0.02,
        precision_gain_same_recall_high=0.04,
        precision_gain_same_threshold_low=0.06,
        precision_gain_same_threshold_high=0.09,
    )
    run = SimpleNamespace(
        scenes={"train": scenes(train)},
        sweeps=["published", "longer", "every_image"],
        detectors=["yolo"],
        history=history.get,
        unfiltered_scenes=every.get,
        model=models.get,
        csv=lambda name: rescored,
    )
    columns = ["model", "experiment", "bottleneck", "value", "trials"]
    table = pd.DataFrame(published, columns=columns).assign(metric="found")
    return Claims(run, table, pd.DataFrame(corrected, columns=["model", "experiment", "bottleneck", "metric", "value"]))


def test_positions(claims):
    claim = claims.positions()
    assert "class 0 to class 18" in claim.text
    # The rarest of 25 is class 24, so that class 0 is number 25; classes 5 to 24 are the 20 rarest, 14 of them injected.
    assert "class 0 is number 25 and the middle one of them number 16; only 14 are among" in claim.text
    assert "(class 24, class 23, " in claim.text
    assert "in 93.6 % of images, the autoencoder with 10 units in 87.4 %" in claim.text
    assert claim.table["rows"] == [["10", "70.0", "90.0"]]
    _, listed = claim.details
    assert listed["rows"][0] == ["0", "class 0", "100", "25", "class 24", "76"]
    assert listed["rows"][-1] == ["18", "class 18", "82", "7", "class 6", "94"]


def test_weight_seeds_give_a_spread(claims):
    more = claims.published.assign(value=lambda rows: rows["value"] + 0.02)
    claims.published = pd.concat([claims.published, more])
    assert claims.positions().table["rows"] == [["10", "71.0 ± 1.4", "91.0 ± 1.4"]]


def test_false_alarms(claims):
    claim = claims.false_alarms()
    assert claim.table["rows"] == [
        ["class frequency", "100.0", "100.0", "99.0", "0.720"],
        ["autoencoder, d = 10", "80.0", "71.0", "33.0", "0.820"],
    ]


def test_own_images(claims):
    assert claims.own_images().table["rows"] == [["10", "1,234", "30.0", "4,321", "20.0"]]


def test_epochs(claims):
    claim = claims.epochs()
    assert claim.title == "150 epochs, not 1,500"
    assert "finds 60.0 % of added classes in place of 80.0 %" in claim.text
    assert "from 0.0400 to 0.0300" in claim.text
    assert claim.table["rows"] == [["10", "77.1", "80.0", "60.0", "34.6", "30.0", "10.0"]]


def test_single_class_images(claims):
    claim = claims.single_class_images()
    assert "Of 125 training images with one of the classes, the original learns from the 100 " in claim.text
    # 24 absent classes, each expected by a fifth or by a tenth; the image of several classes does not count.
    assert [row[-1] for row in claim.table["rows"]] == ["4.80", "2.40"]


def test_precision_is_bought_with_recall(claims):
    claim = claims.bought_with_recall("yolo")
    assert claim.table["rows"] == [["0.25", "0.080 [0.060, 0.090]", "0.080", "0.010 [-0.020, 0.040]"]]
    assert "gains 0.080 of precision and loses 0.080 of recall" in claim.text


def test_what_was_not_run_is_left_out(claims):
    assert len(claims.all()) == 6
    claims.published = claims.published[claims.published["model"].isin(["published", "frequency"])]
    assert [f.title for f in claims.all()] == [
        "Positions were used as class indices",
        "Nothing counts false alarms",
        "Each autoencoder chooses the images of its removals",
        "Precision is bought with recall (yolo)",
    ]
