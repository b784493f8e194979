"""The three oddest objects in the report: which ones, how they are drawn, and what is said of them."""

import base64
import re
from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from contextual_anomaly import tables
from contextual_anomaly.drawing import FLAGGED
from contextual_anomaly.report.boxes_on_white import ORANGE, company, draw_boxes
from contextual_anomaly.report.chapters import objects
from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.gallery import WIDTH
from contextual_anomaly.report.page import template_environment

GREY = 128
NAMES = ["cow", "elephant", "boat", "<b>kite"]


@pytest.fixture
def run(tmp_path) -> FinishedRun:
    """Five images, each with an odd object (80 x 50 pixels, at 10, 20) and two cows; the photographs of 1, 4 and 5."""
    place = {"x": [10.0, 40, 60] * 5, "y": [20.0, 5, 5] * 5, "width": [16.0, 18, 18] * 5, "height": [12.0, 9, 9] * 5}
    annotations = pd.DataFrame({"image_id": np.repeat([1, 2, 3, 4, 5], 3), **place, "annotation_id": np.arange(15)})
    annotations["category_id"] = [2, 1, 1, 3, 1, 1, 4, 1, 1, 2, 1, 1, 4, 1, 1]
    annotations = annotations.assign(area=1.0, iscrowd=False, original_id=None)
    images = pd.DataFrame({"image_id": [1, 2, 3, 4, 5], "file_name": [f"{i}.png" for i in range(1, 6)]})
    images = images.assign(width=80, height=50, coco_url="", flickr_url="", original_id=None)
    categories = pd.DataFrame({"category_id": [1, 2, 3, 4], "name": NAMES, "supercategory": "", "original_id": None})
    odd = annotations.iloc[[0, 6, 3, 7, 9, 12]].assign(file_name=lambda t: t["image_id"].astype(str) + ".png", link="")
    odd["category"] = [NAMES[number - 1] for number in odd["category_id"]]
    odd = odd.assign(
        probability=0.001, times_less_likely=[1234.0, 100, 50, 20, 9.46, 5], likeliest="cow",
        likeliest_probability=[0.94, 0.9, 0.8, 0.7, 0.9999, 0.004], original_image_id=None, original_annotation_id=None,
    )  # fmt: skip
    summary = pd.DataFrame({"model": ["poor", "good"] * 2, "metric": ["nats"] * 2 + ["accuracy"] * 2})
    summary = summary.assign(
        protocol="objects", experiment="objects", bottleneck=None, weight_seed=None, value=[2.0, 1.0, 0.4, 0.6], std=None,
        low=0.3, high=2.1, trials=15, images=5,
    )  # fmt: skip
    for name, frame, schema in (
        ("annotations/val", annotations, tables.ANNOTATIONS),
        ("images/val", images, tables.IMAGES),
        ("categories/val", categories, tables.CATEGORIES),
        ("experiments/objects/poor.summary", summary[::2], tables.SUMMARY),
        ("experiments/objects/good.summary", summary[1::2], tables.SUMMARY),
    ):
        tables.write_frame(frame[schema.names], schema, tmp_path / f"{name}.parquet")
    for model, given in (("poor", "company"), ("good", "box and company")):
        table = odd[tables.ODD_OBJECTS.names]
        of_model = tmp_path / f"experiments/objects/{model}.odd.parquet"
        tables.write_frame(table, tables.ODD_OBJECTS, of_model, {"model": model, "given": given})
    (tmp_path / "pictures").mkdir()
    for number in (1, 4, 5):
        cv2.imwrite(str(tmp_path / f"pictures/{number}.png"), np.full((50, 80, 3), GREY, np.uint8))
    return FinishedRun(tmp_path, {}, [], [], None, object_judges=["poor", "good"])


def shown(chapter: dict) -> str:
    """Return the text of the chapter, spaces and line breaks as one."""
    return " ".join(template_environment().get_template("objects.html").render(objects=chapter).split())


def test_the_oddest_of_three_images_are_shown_those_with_a_photograph_first(run):
    photographs = objects.chapter(run, run.folder / "pictures")
    assert [example["row"].annotation_id for example in photographs["examples"]] == [0, 9, 12]
    assert all("data:image/jpeg" in example["picture"] for example in photographs["examples"])
    (run.folder / "pictures/4.png").unlink()
    mixed = objects.chapter(run, run.folder / "pictures")
    assert [example["row"].annotation_id for example in mixed["examples"]] == [0, 12, 6]
    assert "data:image/svg" in mixed["examples"][2]["picture"]
    white = objects.chapter(run, None)
    assert [example["row"].annotation_id for example in white["examples"]] == [0, 6, 3]  # one of each image
    assert all("data:image/svg" in example["picture"] for example in white["examples"])
    assert white == objects.chapter(run, None)  # the same bytes again


def test_what_is_shown_is_a_fitted_model_s_not_the_exact_answer_s(run):
    table = tables.read_table(run.folder / "experiments/objects/good.summary.parquet", tables.SUMMARY).to_pandas()
    exact = table.assign(model="oracle_with_boxes", value=0.1)
    tables.write_frame(exact, tables.SUMMARY, run.folder / "experiments/objects/oracle_with_boxes.summary.parquet")
    run.object_judges.append("oracle_with_boxes")
    found = objects.chapter(run, None)
    assert found["judge"] == "good"
    assert [row[0] for row in found["classes"]["rows"]] == ["poor", "good", "oracle_with_boxes"]
    assert "The oracle is left out" in shown(found)
    assert "The oracle" not in shown(objects.chapter(replace(run, object_judges=["poor", "good"]), None))


def test_plain_sentences_say_what_is_odd(run):
    text = shown(objects.chapter(run, run.folder / "pictures"))
    assert "by the model <code>good</code>. Images" in text  # the one that genuine objects surprise least
    assert (
        "Image 1: annotated as elephant; box and company make cow 94 % likely, "
        "and elephant 1,200 times less likely than it is common." in text
    )
    assert "cow more than 99 % likely, and elephant 9.5 times less" in text
    assert "cow 0.4 % likely, and &lt;b&gt;kite 5 times less" in text
    assert text.count("With 2\u00a0×\u00a0cow.".replace("\u00a0", " ")) == 3
    table = tables.read_table(run.folder / "experiments/objects/poor.odd.parquet", tables.ODD_OBJECTS)
    metadata = {"model": "good", "given": "company"}
    path = run.folder / "experiments/objects/good.odd.parquet"
    tables.write_table(table.replace_schema_metadata(None), tables.ODD_OBJECTS, path, metadata)
    text = shown(objects.chapter(run, None))
    assert "knows no boxes" in text
    assert "annotated as elephant; its company makes cow 94 % likely" in text


def test_the_odd_box_stands_out_in_the_photograph(run):
    picture = str(objects.chapter(run, run.folder / "pictures")["examples"][0]["picture"])
    content = base64.b64decode(re.search(r"base64,([^\"]+)", picture).group(1))
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).astype(int)
    scale = WIDTH / 80
    flagged = (np.abs(image - FLAGGED).max(-1) < 60)[: round(50 * scale)]
    ys, xs = np.nonzero(flagged)
    np.testing.assert_allclose([xs.min(), xs.max()], np.array([10, 26]) * scale, atol=4)
    np.testing.assert_allclose([ys.min(), ys.max()], np.array([20, 32]) * scale, atol=4)
    # The photograph keeps its colour there, and is washed out beside.
    inside, beside = image[round(26 * scale), round(18 * scale)], image[round(40 * scale), round(60 * scale)]
    assert abs(inside - GREY).max() < 8
    assert beside.min() > GREY + 30


def test_without_sizes_of_images_the_drawing_ends_where_the_boxes_do(run):
    path = run.folder / "images/val.parquet"
    images = tables.read_table(path, tables.IMAGES).to_pandas().assign(width=0, height=0)
    tables.write_frame(images, tables.IMAGES, path)
    assert all("data:image/svg" in example["picture"] for example in objects.chapter(run, None)["examples"])


def test_without_boxes_and_without_judges_there_is_nothing_to_draw(run):
    path = run.folder / "experiments/objects/good.odd.parquet"
    odd = tables.read_table(path, tables.ODD_OBJECTS).to_pandas().assign(x=None, y=None, width=None, height=None)
    tables.write_frame(odd, tables.ODD_OBJECTS, path, {"given": "company"})
    chapter = objects.chapter(run, run.folder / "pictures")
    assert chapter["examples"] == []
    assert "just as they are annotated" not in shown(chapter)
    assert objects.chapter(FinishedRun(run.folder, {}, [], [], None), None) is None


def test_on_white_each_class_has_its_name_once_and_the_odd_object_its_colour():
    axes = Figure().subplots()
    boxes = np.array([[0, 0, 20, 20], [30, 0, 40, 40], [80, 0, 10, 10], [np.nan] * 4], float)
    draw_boxes(axes, boxes, ["cow", "cow", "elephant", "boat"], 2, (100, 50))
    assert [(text.get_text(), text.get_position()[0]) for text in axes.texts] == [("cow", 34), ("elephant", 80)]
    colours = [patch.get_edgecolor()[:3] for patch in axes.patches]
    assert len(colours) == 3
    assert [round(255 * part) for part in colours[2]] == [int(ORANGE[i : i + 2], 16) for i in (1, 3, 5)]
    assert axes.get_xlim() == (0, 100)
    assert axes.get_ylim() == (50, 0)


def test_the_company_is_counted_without_the_object_itself():
    assert company(["cow", "elephant", "cow", "boat"], 1) == "2\u00a0×\u00a0cow, boat"
    assert company(["cow"], 0) == ""
