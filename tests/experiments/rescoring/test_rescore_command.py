"""`rescore` from files to files: classes by name, images that count, and what a person is given to look at."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from contextual_anomaly import tables
from contextual_anomaly.commands.rescore import rescore
from contextual_anomaly.errors import UserError
from contextual_anomaly.experiments.schemas import GATE_TRIALS
from contextual_anomaly.models.families.frequency import Frequency
from contextual_anomaly.models.registry import save

CLASSES = {1: "person", 3: "car", 18: "dog", 44: "bottle"}
SCORES = np.array(
    [
        # person, car, dog, bottle
        [0.99, 0.9, 0.3, 0.3],  # image 5: car and dog are annotated
        [0.99, 0.9, 0.9, 0.9],  # image 7: only a person
        [0.00, 0.2, 0.6, 0.4],  # image 9: car and bottle
    ],
    np.float32,
)
OBJECTS = [(5, 3), (5, 3), (5, 18), (7, 1), (9, 3), (9, 44), (11, 3), (11, 44)]  # image 11 was not run


def _write(frame, schema, path, metadata=None):
    table = pa.Table.from_pandas(frame, schema, preserve_index=False).replace_schema_metadata(None)
    tables.write_table(table, schema, path, metadata)


@pytest.fixture
def run(tmp_path):
    """A function that runs the command on those three images; the model expects bottle, dog, car at .02, .5, .75."""
    ids = list(CLASSES)
    named = {"classes": json.dumps(list(CLASSES.values())), "category_ids": json.dumps(ids), "weights_sha256": "0123"}
    scores = pd.DataFrame({"image_id": [5, 7, 9], "score": list(SCORES)})
    _write(scores, tables.class_scores_schema(4), tmp_path / "scores.parquet", named)
    objects = pd.DataFrame(OBJECTS, columns=["image_id", "category_id"])
    objects = objects.assign(
        x=0, y=0, width=1, height=1, area=1, iscrowd=False, annotation_id=range(len(objects)), original_id=None
    )
    _write(objects, tables.ANNOTATIONS, tmp_path / "annotations.parquet")
    images = pd.DataFrame({"image_id": [5, 7, 9, 11], "file_name": ["5.jpg", "7.jpg", "9.jpg", "11.jpg"]})
    images = images.assign(
        width=10,
        height=10,
        coco_url=["http://images.cocodataset.org/val2017/5.jpg", "", "", ""],
        flickr_url="",
        original_id=None,
    )
    _write(images, tables.IMAGES, tmp_path / "images.parquet")
    # Classes in another order than the data set's, and without person.
    share = np.array([0.02, 0.5, 0.75])
    model = Frequency("frequency", ("bottle", "dog", "car"), np.log(share / (1 - share)))
    save(model, tmp_path / "model.safetensors")

    def command(**options):
        inputs = [tmp_path / f"{name}.parquet" for name in ("scores", "annotations", "images")]
        outputs = [tmp_path / name for name in ("summary.csv", "trials.parquet", "agreement.csv", "listed.csv")]
        rescore(*inputs, tmp_path / "model.safetensors", [0.25], *outputs, **{"minimum_classes": 2} | options)
        return [pd.read_parquet(p) if p.suffix == ".parquet" else pd.read_csv(p) for p in outputs]

    return command


def test_classes_are_matched_by_name_and_images_chosen(run, tmp_path):
    trials = run()[1]
    # Image 7 has one class but person, image 11 was not run.
    assert trials["image_id"].tolist() == [5] * 3 + [9] * 3
    assert trials["category_id"].tolist() == [44, 18, 3] * 2
    np.testing.assert_allclose(trials["score"], [0.3, 0.3, 0.9, 0.4, 0.6, 0.2], rtol=1e-6)
    np.testing.assert_allclose(trials["probability"], [0.02, 0.5, 0.75] * 2, rtol=1e-6)
    assert trials["annotated"].tolist() == [False, True, True, True, False, True]
    made_from = tables.metadata_of(tables.read_table(tmp_path / "trials.parquet", GATE_TRIALS))
    assert made_from["model"] == "frequency"
    assert made_from["weights_sha256"] == "0123"


def test_counts_by_hand(run):
    summary = run()[0].set_index("method")
    # Above .25: car and dog right, bottle wrong | bottle right, dog wrong, car missed.
    assert summary.loc["detector", ["tp", "fp", "fn", "tn"]].tolist() == [3, 2, 1, 0]
    # The gate drops both weak bottles: the model expects them nowhere.
    assert summary.loc["gate", ["tp", "fp", "fn", "tn"]].tolist() == [2, 1, 2, 1]


def test_what_a_person_looks_at(run):
    _, _, agreement, listed = run()
    assert agreement[["unannotated", "supported"]].to_numpy().tolist() == [[2, 1]]
    assert listed[["image_id", "file_name", "category"]].to_numpy().tolist() == [[9, "9.jpg", "dog"]]
    assert listed["link"].isna().all()  # image 9 has no COCO address
    listed = run(context_threshold=0.01)[3]
    assert listed["category"].tolist() == ["dog", "bottle"]
    assert listed["link"].tolist()[1] == "https://cocodataset.org/#explore?id=5"


def test_the_same_seed_gives_the_same_bytes(run, tmp_path):
    names = ("summary.csv", "trials.parquet", "agreement.csv", "listed.csv")
    run()
    first = [(tmp_path / name).read_bytes() for name in names]
    run()
    assert first == [(tmp_path / name).read_bytes() for name in names]


def test_no_image_has_enough_classes(run):
    with pytest.raises(UserError, match=r"none of the 3 images that .* has 4 or more.*minimum_classes"):
        run(minimum_classes=4)


def test_a_model_of_other_classes(run, tmp_path):
    run()
    save(Frequency("frequency", ("car", "sofa"), np.zeros(2)), tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"scores\.parquet: lacks classes of the context model: sofa"):
        run()
