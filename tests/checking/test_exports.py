"""Findings in the formats of other tools, read back by something else than what wrote them."""

import base64
import contextlib
import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from contextual_anomaly.checking.exports import new_writer, open_writer
from contextual_anomaly.checking.exports.html import HtmlPage
from contextual_anomaly.checking.results import CheckedObject, CheckResult
from contextual_anomaly.formats.read import read_annotations
from contextual_anomaly.runtime.choices import AnswerFormat

SURFBOARD = [150.0, 60.0, 80.0, 30.0]


def written(export, results, **options) -> str:
    out = io.StringIO()
    writer = new_writer(export, out, **options)
    for result in results:
        writer.write(result)
    writer.close()
    return out.getvalue()


def test_lines_of_json_are_the_answers_and_come_at_once(results):
    out = io.StringIO()
    writer = new_writer("jsonl", out)
    for number, result in enumerate(results, 1):
        writer.write(result)
        lines = out.getvalue().splitlines()
        assert len(lines) == number
        assert CheckResult.from_dict(json.loads(lines[-1])) == result


def test_csv_has_a_row_for_each_finding(results):
    rows = list(csv.DictReader(io.StringIO(written("csv", results))))
    assert [(row["kind"], row["category"], row["verdict"]) for row in rows] == [
        ("missing", "mouse", ""),
        ("unexpected", "surfboard", ""),
    ]
    surfboard = rows[1]
    assert [float(surfboard[side]) for side in ("x", "y", "width", "height")] == SURFBOARD
    assert (float(surfboard["p_value"]), float(surfboard["score"])) == (0.0022, 0.75)
    assert surfboard["explanation"] == "laptop -4.8, keyboard -4.2"
    assert len({row["finding_id"] for row in rows}) == 2
    assert all(re.fullmatch(r"[0-9a-f]{12}", row["finding_id"]) for row in rows)


def test_a_spreadsheet_runs_no_name_of_a_file(results):
    hostile = replace(results[0], source="-", file_name="=1+1.png")
    (row, _) = csv.DictReader(io.StringIO(written("csv", [hostile])))
    assert row["image"] == "'=1+1.png"


def test_coco_opens_in_pycocotools_and_holds_the_reasons(results, tmp_path):
    path = tmp_path / "findings.json"
    with open_writer("coco", path) as writer:
        for result in results:
            writer.write(result)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(path))
    (image,) = coco.loadImgs(coco.getImgIds())
    assert (image["file_name"], image["width"], image["height"]) == ("desk & <sea>.png", 200, 100)
    by_class = {coco.loadCats(a["category_id"])[0]["name"]: a for a in coco.loadAnns(coco.getAnnIds(image["id"]))}
    assert by_class["surfboard"]["bbox"] == SURFBOARD
    attributes = by_class["surfboard"]["attributes"]
    assert (attributes["kind"], attributes["p_value"], attributes["annotation_id"]) == ("unexpected", 0.0022, 7)
    assert attributes["explanation"] == "laptop -4.8, keyboard -4.2"
    assert by_class["laptop"]["attributes"]["kind"] == ""
    (missing,) = coco.dataset["image_findings"]
    assert coco.loadCats(missing["category_id"])[0]["name"] == "mouse"
    assert missing["explanation"] == "keyboard +3.9"


def test_all_images_are_there_if_wanted(results):
    document = json.loads(written("coco", results, all_images=True))
    assert [image["file_name"] for image in document["images"]] == ["desk & <sea>.png", "b.jpg"]
    assert "score" not in document["annotations"][-1]  # annotations have none


def test_label_studio_gets_predictions_in_per_cent_with_reasons(results, tmp_path):
    path = tmp_path / "tasks.json"
    with open_writer("label-studio", path) as writer:
        for result in results:
            writer.write(result)
    (task,) = json.loads(path.read_text())
    assert "annotations" not in task  # or they would count as finished
    assert task["data"]["image"].endswith("photos/desk%20%26%20%3Csea%3E.png")
    (prediction,) = task["predictions"]
    assert prediction["score"] == pytest.approx(1 - 0.0004)
    regions = {r["value"]["rectanglelabels"][0]: r for r in prediction["result"] if r["type"] == "rectanglelabels"}
    value = regions["surfboard"]["value"]
    assert [value[k] for k in ("x", "y", "width", "height")] == pytest.approx([75, 60, 25, 30])  # within the image
    assert regions["surfboard"]["meta"]["text"] == ["unexpected: laptop -4.8, keyboard -4.2"]
    assert "meta" not in regions["laptop"]
    (missing,) = [r for r in prediction["result"] if r["type"] == "choices"]
    assert missing["value"] == {"choices": ["mouse"]}
    configuration = ElementTree.parse(tmp_path / "tasks.labels.xml").getroot()
    names = {element.get("name"): element.tag for element in configuration if element.get("toName")}
    assert all(names[r["from_name"]].lower() == r["type"] for r in prediction["result"])
    assert {label.get("value") for label in configuration.iter("Label")} == {"laptop", "surfboard", "mouse"}


def test_what_label_studio_exports_is_read_as_annotations(results, tmp_path):
    """A reviewer accepts a prediction as it is: its regions become those of an annotation."""
    (task,) = json.loads(written("label-studio", results))
    task["annotations"] = [{"result": task["predictions"][0]["result"]}]
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{"id": 1, **task}]))
    reading = read_annotations(path).reading
    names = dict(zip(*(reading.categories[c].to_pylist() for c in ("category_id", "name")), strict=True))
    found = {names[row["category_id"]]: row for row in reading.annotations.to_pylist()}
    assert set(found) == {"laptop", "surfboard", "mouse"}
    assert [found["laptop"][side] for side in ("x", "y", "width", "height")] == pytest.approx([20, 10, 50, 40])


def test_cvat_is_read_as_annotations_and_declares_its_attributes(results, tmp_path):
    path = tmp_path / "cvat.xml"
    with open_writer(AnswerFormat.cvat, path) as writer:
        for result in results:
            writer.write(result)
    reading = read_annotations(path).reading
    names = dict(zip(*(reading.categories[c].to_pylist() for c in ("category_id", "name")), strict=True))
    found = {names[row["category_id"]]: row for row in reading.annotations.to_pylist()}
    assert [found["surfboard"][side] for side in ("x", "y", "width", "height")] == pytest.approx([150, 60, 50, 30])
    assert reading.images["file_name"].to_pylist() == ["desk & <sea>.png"]
    root = ElementTree.parse(path).getroot()
    declared = {
        label.findtext("name"): {a.findtext("name") for a in label.iter("attribute")} for label in root.iter("label")
    }
    for shape in (*root.iter("box"), *root.iter("tag")):
        assert {a.get("name") for a in shape.iter("attribute")} <= declared[shape.get("label")]
    (tag,) = root.iter("tag")
    assert (tag.get("label"), {a.get("name"): a.text for a in tag}["explanation"]) == ("mouse", "keyboard +3.9")
    labels = json.loads((tmp_path / "cvat.labels.json").read_text())
    assert {label["name"]: {a["name"] for a in label["attributes"]} for label in labels} == declared


def test_control_characters_of_names_do_not_break_xml(results):
    broken = replace(results[0], file_name="a\x00\x1b[31m.png", objects=results[0].objects)
    odd = replace(broken, objects=(*broken.objects, CheckedObject("c\x0bup", None, (1.0, 1.0, 2.0, 2.0))))
    root = ElementTree.fromstring(written("cvat", [odd]))
    assert root.find("image").get("name") == r"a\x00\x1b[31m.png"
    assert r"c\x0bup" in {box.get("label") for box in root.iter("box")}


class Page(HTMLParser):
    """What a browser would find in the page."""

    def __init__(self, text):
        super().__init__()
        self.articles, self.images, self.addresses, self.text = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.addresses += [values[k] for k in ("src", "href", "action", "data", "poster") if values.get(k)]
        if tag == "article":
            self.articles.append(values)
        if tag == "img":
            self.images.append(values)

    def handle_data(self, data):
        self.text.append(data)


def page_of(results, **options) -> tuple[str, Page]:
    out = io.StringIO()
    page = HtmlPage(out, **options)
    for result in results:
        page.write(result)
    page.close()
    return out.getvalue(), Page(out.getvalue())


def test_the_page_needs_nothing_beside_it(results):
    text, page = page_of(results)
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert not re.search(r"https?:|@import|url\(", text)


def test_the_page_shows_what_is_flagged_and_lists_the_rest(results, photo):
    _, page = page_of(results)
    (article,) = page.articles
    assert (article["data-name"], article["data-count"]) == (str(photo), "2")
    said = " ".join(page.text)
    for part in ("missing: mouse", "surfboard", "p = 0.0022", "laptop -4.8, keyboard -4.2", "also there: laptop"):
        assert part in said
    assert "2 findings in 1 of 3 images" in said
    assert "b.jpg" in said
    assert "line 3 is <no> JSON" in said  # as text, not as an element
    (image,) = page.images
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(image["src"].partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
    original = cv2.imread(str(photo))
    assert shown.shape == original.shape
    # Within the flagged box the image keeps its contrast, elsewhere it recedes.
    assert shown[65:85, 155:195].std() > 1.5 * shown[60:90, 80:140].std()


def test_without_pixels_boxes_are_on_white_and_bear_their_names(results, photo):
    assert "<span aria-hidden" not in page_of(results)[0]
    photo.unlink()
    text, page = page_of(results)
    assert '<span aria-hidden="true" style="left:75.0%;top:60.0%">surfboard</span>' in text
    (image,) = page.images
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(image["src"].partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (100, 200, 3)
    assert (shown[:50, 100:140] > 250).all()
    assert (shown[58:64, 150:199].min(-1) < 150).any()


def test_images_of_annotations_are_found_in_their_folder(results, photo):
    moved = replace(results[0], source="annotations.json")
    _, page = page_of([moved], folder=photo.parent)
    assert len(page.images) == 1
    outside = replace(moved, file_name=f"../{photo.parent.name}/{photo.name}", objects=(), width=None)
    _, page = page_of([outside], folder=photo.parent)
    assert page.images == []


def test_the_page_promises_only_what_the_calibration_holds_for(results):
    _, page = page_of(results)
    assert "At most 1 % of genuine objects" in " ".join(page.text)
    _, page = page_of([replace(results[0], calibration="annotations")])
    assert "Flagged up to p = 0.01" in " ".join(page.text)
    _, page = page_of([replace(results[0], calibration=None)])
    assert "Flagged" not in " ".join(page.text)


def test_objects_of_one_class_are_one_chip(results):
    twice = replace(results[0], objects=(*results[0].objects, results[0].objects[1]))
    _, page = page_of([twice])
    assert "surfboard ×2" in page.text
    assert page.text.count("surfboard") == 0
