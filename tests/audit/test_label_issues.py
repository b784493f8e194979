"""The audit as one function: own files of several kinds, planted errors, simulated detections, classes not checked."""

import json

import numpy as np
import pandas as pd
import pytest

import contextual_anomaly as ca
from contextual_anomaly import tables

KITCHEN, STREET = ("oven", "pan", "knife", "cup"), ("car", "bus", "lamp", "sign")
NAMES = (*KITCHEN, *STREET)


def kitchens_and_streets(images: int, seed: int) -> dict:
    """Return COCO content in which all is right but one object: a bus in the kitchen of image 0."""
    rng = np.random.default_rng(seed)
    annotations = []
    for image in range(images):
        names = KITCHEN if image == 0 or rng.random() < 0.5 else STREET
        there = [name for name in names if rng.random() < 0.75] if image else KITCHEN
        for name in there:
            for _ in range(rng.integers(1, 4)):
                box = [*rng.integers(0, (500, 300)).tolist(), *rng.integers(5, 100, 2).tolist()]
                annotations.append({"image_id": image, "category_id": NAMES.index(name) + 1, "bbox": box})
    annotations.append({"image_id": 0, "category_id": NAMES.index("bus") + 1, "bbox": [500, 400, 30, 40]})
    return {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": 640, "height": 480} for i in range(images)],
        "annotations": [{"id": 1000 + number, **one} for number, one in enumerate(annotations)],
        "categories": [{"id": k, "name": name} for k, name in enumerate(NAMES, 1)],
    }


def detected(content: dict, seed: int) -> list[dict]:
    """Return what a detector might find: most objects, the one in image 0 as a pan, boxes not quite right, and ghosts."""
    rng = np.random.default_rng(seed)
    results = []
    for one in content["annotations"]:
        x, y, width, height = one["bbox"]
        x, width = x + rng.normal(0, 0.05) * width, width * rng.uniform(0.9, 1.1)
        category = one["category_id"]
        if one is content["annotations"][-1]:
            category = NAMES.index("pan") + 1
        elif rng.random() < 0.05:
            category = int(rng.integers(1, len(NAMES) + 1))
        if rng.random() < 0.85 or one is content["annotations"][-1]:
            score = float(rng.beta(4, 2))
            results.append({**one, "category_id": category, "bbox": [x, y, width, height], "score": score})
        if rng.random() < 0.5:
            box = [*rng.uniform(0, (500, 300)).tolist(), *rng.uniform(10, 60, 2).tolist()]
            ghost = {"category_id": int(rng.integers(1, len(NAMES) + 1)), "bbox": box, "score": float(rng.beta(1, 5))}
            results.append({"image_id": one["image_id"], **ghost})
    return [{key: one[key] for key in ("image_id", "category_id", "bbox", "score")} for one in results]


@pytest.fixture
def own(tmp_path):
    """A function that writes content as a file and returns its path."""

    def write(content, name: str = "mine.json"):
        path = tmp_path / name
        path.write_text(json.dumps(content))
        return path

    return write


@pytest.mark.parametrize("detector", [False, True])
def test_on_clean_data_the_planted_error_leads_and_little_else_is_likely(own, detector):
    content = kitchens_and_streets(380, 1)
    detections = own(detected(content, 2), "results.json") if detector else None
    issues = ca.find_label_issues(own(content), detections=detections, min_score=0.0, max_issues=10_000)
    planted = content["annotations"][-1]["id"]
    assert planted in issues["annotation_id"].head(5).tolist()
    assert (issues["probability"] > 0.5).sum() <= 0.05 * len(content["annotations"])
    assert issues.attrs["cross_fitted"]
    assert issues.attrs["judged_by"].endswith(" and the detector") == detector
    found = pd.DataFrame(issues.attrs["selection"])
    assert set(found["family"]) == {"frequency", "naive_bayes", "chow_liu", "ease", "pairwise", "mixture"}
    assert found["log_likelihood"].is_monotonic_decreasing
    assert issues.attrs["judged_by"].split()[0] == found["family"].iloc[0] != "frequency"


def test_the_columns_are_those_of_the_table(own):
    issues = ca.find_label_issues(own(kitchens_and_streets(100, 3)))
    assert list(issues.columns) == tables.FINDINGS.names
    assert (issues["split"] == "mine.json").all()


def test_a_model_that_is_given_judges_as_it_is(own, tmp_path):
    rng = np.random.default_rng(0)
    kitchen = rng.random((400, 1)) < 0.5
    presence = pd.DataFrame(rng.random((400, 8)) < np.where(kitchen, [0.75] * 4 + [0.0] * 4, [0.0] * 4 + [0.75] * 4))
    presence.columns = NAMES
    model = ca.ContextAnomalyDetector("pairwise").fit(presence).model_
    ca.save_model(model, tmp_path / "model.safetensors")
    path = own(kitchens_and_streets(100, 3))
    by_file, by_model = (ca.find_label_issues(path, model=one) for one in (tmp_path / "model.safetensors", model))
    pd.testing.assert_frame_equal(by_file, by_model)
    (tmp_path / "mine").write_bytes((tmp_path / "model.safetensors").read_bytes())
    pd.testing.assert_frame_equal(by_file, ca.find_label_issues(path, model=str(tmp_path / "mine")))
    assert not by_model.attrs["cross_fitted"]
    assert by_model.attrs["judged_by"] == "pairwise"
    assert by_model["given_label"].iloc[0] == "bus"
    stranger = ca.ContextAnomalyDetector("frequency").fit(presence.rename(columns={"oven": "stove"})).model_
    with pytest.raises(ca.UserError, match=r"lacks classes of model 'frequency': stove"):
        ca.find_label_issues(path, model=stranger)


def test_detections_are_taken_as_a_file_of_coco_a_table_or_a_frame_and_by_ids_that_are_text(own, tmp_path):
    content = kitchens_and_streets(100, 3)
    results = detected(content, 4)
    rows = [[one["image_id"], one["category_id"], one["score"], *one["bbox"]] for one in results]
    frame = pd.DataFrame(rows, columns=tables.DETECTIONS.names).astype({"category_id": "int32"})
    frame[["score", "x", "y", "width", "height"]] = frame[["score", "x", "y", "width", "height"]].astype("float32")
    ordered = frame.sort_values(["image_id", "score"], ascending=[True, False], kind="stable")
    tables.write_table(
        tables.pa.Table.from_pandas(ordered, tables.DETECTIONS, preserve_index=False).replace_schema_metadata(None),
        tables.DETECTIONS,
        tmp_path / "detections.parquet",
    )
    path = own(content)
    first = ca.find_label_issues(path, detections=frame)
    assert first["detector_score"].notna().any()
    pd.testing.assert_frame_equal(first, ca.find_label_issues(path, detections=tmp_path / "detections.parquet"))
    same = ca.find_label_issues(path, detections=own(results, "results.json"))
    pd.testing.assert_frame_equal(first, same, rtol=1e-4)

    def named(one: dict, key: str) -> dict:
        return {**one, key: f"picture {one[key]:03}"}

    texts = {
        "images": [named(one, "id") for one in content["images"]],
        "annotations": [named(one, "image_id") for one in content["annotations"]],
        "categories": content["categories"],
    }
    by_name = ca.find_label_issues(
        own(texts, "texts.json"), detections=own([named(one, "image_id") for one in results], "named.json")
    )
    assert by_name["file_name"].tolist() == first["file_name"].tolist()
    assert by_name["original_image_id"].iloc[0].startswith("picture ")


def test_mistakes_in_detections_are_said(own, tmp_path, caplog):
    path = own(kitchens_and_streets(20, 3))
    one = {"image_id": 0, "category_id": 1, "bbox": [0, 0, 5, 5], "score": 0.5}
    stray = {**one, "image_id": 99}
    ca.find_label_issues(path, detections=own([one, stray], "results.json"))
    assert "image_unknown (1 at record 1): image_id 99: left out" in caplog.text
    with pytest.raises(ca.UserError, match=r"(?s)no box is left: .*image_id 99: left out"):
        ca.find_label_issues(path, detections=own([stray], "results.json"))
    with pytest.raises(ca.UserError, match="a JSON list of image_id, category_id, bbox and score"):
        ca.find_label_issues(path, detections=own({"annotations": []}, "results.json"))
    (tmp_path / "boxes.csv").write_text("image_id,category_id,x,y\n0,1,2,3\n")
    with pytest.raises(ca.UserError, match="no width, height, score"):
        ca.find_label_issues(path, detections=tmp_path / "boxes.csv")
    with pytest.raises(ca.UserError, match="image_id 99 is not in the annotations"):
        ca.find_label_issues(path, detections=pd.DataFrame([[99, 1, 0.5, 0, 0, 5, 5]], columns=tables.DETECTIONS.names))
    with pytest.raises(ca.UserError, match="lacks the column score"):
        ca.find_label_issues(path, detections=pd.DataFrame({"image_id": [0], "category_id": 1}))


def test_one_class_an_image_says_nothing_and_one_image_is_too_few(own, caplog):
    content = kitchens_and_streets(60, 3)
    first = {one["image_id"]: one for one in reversed(content["annotations"])}
    alone = {**content, "annotations": list(first.values())}
    assert ca.find_label_issues(own(alone), min_score=0.0).empty
    assert "have two or more classes" in caplog.text
    of_one = [{**one, "category_id": 1} for one in content["annotations"]]
    one_class = {**content, "annotations": of_one, "categories": content["categories"][:1]}
    assert ca.find_label_issues(own(one_class), min_score=0.0).empty
    with pytest.raises(ca.UserError, match="1 image with objects; an audit needs two or more"):
        ca.find_label_issues(own({**content, "annotations": content["annotations"][:2]}))


@pytest.mark.parametrize("detector", [False, True])
def test_classes_that_were_not_looked_for_are_not_overlooked(own, detector):
    """Federated annotations as in LVIS: only what is there, and what an image is said to lack, was looked for."""
    content = kitchens_and_streets(200, 5)
    detections = own(detected(content, 6), "results.json") if detector else None
    options = {"detections": detections, "min_score": 0.0, "max_issues": 10_000}
    everything = ca.find_label_issues(own(content), **options)
    absent = {one["id"]: [3] if one["id"] % 2 else [] for one in content["images"]}  # knives, in every other image
    for one in content["images"]:
        one |= {"neg_category_ids": absent[one["id"]], "not_exhaustive_category_ids": []}
    issues = ca.find_label_issues(own(content, "federated.json"), **options)
    there = {(one["image_id"], NAMES[one["category_id"] - 1]) for one in content["annotations"]}
    looked_for = there | {(image, "knife") for image in absent if absent[image]}
    pairs = [
        set(zip(table["image_id"], table["predicted_label"], strict=True))
        for table in (t[t["kind"] == "overlooked"] for t in (everything, issues))
    ]
    assert pairs[0] - looked_for
    assert pairs[1]
    assert not pairs[1] - looked_for
