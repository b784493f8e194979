"""The same two kitchens in every format: the same objects come out, and what is none of them is named."""

import gzip
import json

import cv2
import numpy as np
import pytest

from contextual_anomaly.errors import UserError
from contextual_anomaly.formats.read import Options, read_annotations

# Image, class and box in pixels of 200 × 100; one image has no object.
OBJECTS = {("a.jpg", "cup", (20, 10, 60, 40)), ("a.jpg", "fork", (100, 50, 40, 20)), ("b.jpg", "cup", (0, 0, 200, 100))}
LABELS = {(image, label) for image, label, _ in OBJECTS}
IMAGES = ["a.jpg", "b.jpg", "empty.jpg"]


def as_coco():
    return {
        "images": [{"id": n, "file_name": name, "width": 200, "height": 100} for n, name in enumerate(IMAGES)],
        "annotations": [
            {"id": n, "image_id": IMAGES.index(image), "category_id": ["cup", "fork"].index(label), "bbox": box}
            for n, (image, label, box) in enumerate(sorted(OBJECTS))
        ],
        "categories": [{"id": 0, "name": "cup"}, {"id": 1, "name": "fork"}],
    }


def coco(folder):
    (folder / "mine.json").write_text(json.dumps(as_coco()))
    return folder / "mine.json"


def packed(folder):
    (folder / "mine.json.gz").write_bytes(gzip.compress(json.dumps(as_coco()).encode()))
    return folder / "mine.json.gz"


def in_a_folder(folder):
    return coco(folder).parent


def in_utf_16(folder):
    (folder / "mine.json").write_bytes(json.dumps(as_coco()).encode("utf-16"))
    return folder / "mine.json"


def yolo_lines(image):
    for of, label, (x, y, w, h) in sorted(OBJECTS):
        if of == image:
            yield f"{['cup', 'fork'].index(label)} {(x + w / 2) / 200} {(y + h / 2) / 100} {w / 200} {h / 100}\n"


def write_yolo(images, labels, names=IMAGES):
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True, exist_ok=True)
    for name in names:
        cv2.imwrite(str(images / name), np.zeros((100, 200, 3), np.uint8))
        if name != "empty.jpg":
            (labels / name).with_suffix(".txt").write_text("".join(yolo_lines(name)))


def yolo(folder):
    write_yolo(folder / "images", folder / "labels")
    (folder / "data.yaml").write_text("path: .\ntrain: images\nnames: [cup, fork]\n")
    return folder


def yolo_by_its_file(folder):
    return yolo(folder) / "data.yaml"


def darknet(folder):
    write_yolo(folder / "obj_train_data", folder / "obj_train_data")
    (folder / "obj.names").write_text("cup\nfork\n")
    return folder


def voc(folder):
    (folder / "Annotations").mkdir()
    for name in IMAGES:
        things = "".join(
            f"<object><name>{label}</name><part><name>handle</name></part><bndbox><xmin>{x}</xmin><ymin>{y}</ymin>"
            f"<xmax>{x + w}</xmax><ymax>{y + h}</ymax></bndbox></object>"
            for image, label, (x, y, w, h) in sorted(OBJECTS)
            if image == name
        )
        size = "<size><width>200</width><height>100</height><depth>3</depth></size>"
        text = f"<annotation><filename>{name}</filename>{size}{things}</annotation>"
        (folder / "Annotations" / f"{name[:-4]}.xml").write_text(text)
    return folder


def cvat(folder):
    pictures = "".join(
        f'<image id="{n}" name="{name}" width="200" height="100">'
        + "".join(
            f'<box label="{label}" xtl="{x}" ytl="{y}" xbr="{x + w}" ybr="{y + h}" occluded="0"></box>'
            if label == "cup"
            else f'<polygon label="fork" points="{x},{y};{x + w},{y};{x + w},{y + h}"></polygon>'
            for image, label, (x, y, w, h) in sorted(OBJECTS)
            if image == name
        )
        + "</image>"
        for n, name in enumerate(IMAGES)
    )
    labels = "<labels><label><name>cup</name></label><label><name>fork</name></label></labels>"
    (folder / "annotations.xml").write_text(
        f'<?xml version="1.0" encoding="utf-8"?><annotations><meta><task>{labels}</task></meta>{pictures}</annotations>'
    )
    return folder / "annotations.xml"


def label_studio(folder):
    tasks = []
    for n, name in enumerate(IMAGES):
        result = [
            {"id": f"r{x}", "type": "rectanglelabels", "original_width": 200, "original_height": 100,
             "value": {"x": x / 2, "y": y, "width": w / 2, "height": h, "rotation": 0, "rectanglelabels": [label]}}
            for image, label, (x, y, w, h) in sorted(OBJECTS) if image == name
        ]  # fmt: skip
        done = [{"id": 7, "was_cancelled": False, "result": result}, {"id": 8, "was_cancelled": True, "result": []}]
        tasks.append({"id": 100 + n, "data": {"image": name}, "annotations": done})
    (folder / "project.json").write_text(json.dumps(tasks))
    return folder / "project.json"


def csv_of_boxes(folder):
    lines = [f"{i},200,100,{c},{x},{y},{x + w},{y + h}" for i, c, (x, y, w, h) in sorted(OBJECTS)]
    (folder / "boxes.csv").write_text("filename,width,height,class,xmin,ymin,xmax,ymax\n" + "\n".join(lines) + "\n")
    return folder / "boxes.csv"


WITH_BOXES = [
    coco,
    packed,
    in_a_folder,
    in_utf_16,
    yolo,
    yolo_by_its_file,
    darknet,
    voc,
    cvat,
    label_studio,
    csv_of_boxes,
]


def named(reading):
    """Image, class and box of every object."""
    images = dict(zip(reading.images["image_id"].to_pylist(), reading.images["file_name"].to_pylist(), strict=True))
    columns = (reading.categories[name].to_pylist() for name in ("category_id", "name"))
    classes = dict(zip(*columns, strict=True))
    for row in reading.annotations.to_pylist():
        box = tuple(row[side] for side in ("x", "y", "width", "height"))
        yield images[row["image_id"]].rpartition("/")[2], classes[row["category_id"]], box


@pytest.mark.parametrize("write", WITH_BOXES)
def test_the_same_objects_in_every_format(tmp_path, write):
    reading = read_annotations(write(tmp_path)).reading
    found = {(image, label, tuple(round(side, 3) for side in box)) for image, label, box in named(reading)}
    assert found == OBJECTS
    assert reading.annotations.num_rows == len(OBJECTS)
    if write is not csv_of_boxes:  # which cannot say that an image has none
        names = {name.rpartition("/")[2] for name in reading.images["file_name"].to_pylist()}
        assert names == set(IMAGES)
    sized = [row for row in reading.images.to_pylist() if not row["file_name"].endswith("empty.jpg")]
    assert {(row["width"], row["height"]) for row in sized} == {(200, 100)}
    assert not [p for p in reading.report.problems.values() if not p.plain] or write is label_studio


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.csv", "image,class\na.jpg,cup\na.jpg,fork\nb.jpg,cup\nempty.jpg,\n"),
        ("labels.csv", "file;labels\na.jpg;cup|fork\nb.jpg;cup\nempty.jpg;\n"),
        ("labels.csv", "filename, cup, fork\na.jpg,1,1\nb.jpg,1,0\nempty.jpg,0,0\n"),
        ("labels.jsonl", '{"image": "a.jpg", "class": "cup"}\n{"image": "a.jpg", "class": "fork"}\n'
                         '{"image": "b.jpg", "class": "cup"}\n{"image": "empty.jpg", "class": null}\n'),
        ("labels.jsonl", '{"file_name": "a.jpg", "labels": ["cup", "fork"]}\n{"file_name": "b.jpg", "labels": ["cup"]}\n\n'
                         '{"file_name": "empty.jpg", "labels": []}'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("pack", [False, True])
def test_labels_of_whole_images(tmp_path, name, text, pack):
    path = tmp_path / (f"{name}.gz" if pack else name)
    path.write_bytes(gzip.compress(text.encode()) if pack else text.encode())
    reading = read_annotations(path, Options(strict=True)).reading
    assert {(image, label) for image, label, _ in named(reading)} == LABELS
    assert reading.images["file_name"].to_pylist() == IMAGES
    assert reading.annotations["width"].null_count == 3
    assert not reading.report.problems


def test_open_images_says_which_classes_were_looked_for(tmp_path):
    (tmp_path / "class-descriptions-boxable.csv").write_text("/m/01,cup\n/m/02,fork\n/m/03,cat\n")
    boxes = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsGroupOf\n"
    boxes += "a,xclick,/m/01,1,0.1,0.4,0.1,0.5,0\na,xclick,/m/02,1,0.5,0.7,0.5,0.7,1\n"
    (tmp_path / "validation-annotations-bbox.csv").write_text(boxes)
    labels = (
        "ImageID,Source,LabelName,Confidence\na,verification,/m/03,0\na,verification,/m/01,1\nz,verification,/m/03,0\n"
    )
    (tmp_path / "validation-annotations-human-imagelabels.csv").write_text(labels)
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.jpg"), np.zeros((100, 200, 3), np.uint8))

    of = tmp_path / "validation-annotations-bbox.csv"
    reading = read_annotations(of, Options(image_folder=tmp_path / "images")).reading
    found = {(image, label, tuple(round(side, 3) for side in box)) for image, label, box in named(reading)}
    assert found == {o for o in OBJECTS if o[0] == "a.jpg"}
    assert reading.annotations["iscrowd"].to_pylist() == [False, True]
    names = dict(zip(*(reading.categories[c].to_pylist() for c in ("category_id", "name")), strict=True))
    assert [names[c] for c in reading.checked["category_id"].to_pylist()] == ["cup", "fork", "cat"]

    without_pictures = read_annotations(of).reading
    assert [tuple(row.values())[2:4] for row in without_pictures.images.to_pylist()] == [(1, 1)]
    shares = {label: [round(side, 4) for side in box] for _, label, box in named(without_pictures)}
    assert shares == {"cup": [0.1, 0.1, 0.3, 0.4], "fork": [0.5, 0.5, 0.2, 0.2]}
    relative = without_pictures.report.problems["image_size_relative"]
    assert (relative.count, relative.first_record) == (1, "a.jpg")
    assert "1 × 1" in relative.action
    assert "image_size_relative" not in reading.report.problems

    alone = read_annotations(tmp_path / "validation-annotations-human-imagelabels.csv").reading
    assert [(image, label) for image, label, _ in named(alone)] == [("a.jpg", "cup")]
    assert alone.checked.num_rows == 3


def test_shares_of_an_image_stay_where_its_picture_is_not_there(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("".join(yolo_lines("a.jpg")) + "7 0.5 0.5 0.1 0.1\n0 half 0.5 0.1 0.1\n")
    (tmp_path / "classes.txt").write_text("cup\nfork\n")
    reading = read_annotations(tmp_path).reading
    row = reading.images.to_pylist()[0]
    assert (row["file_name"], row["width"], row["height"]) == ("a.jpg", 1, 1)
    boxes = {label: [round(side, 4) for side in box] for _, label, box in named(reading)}
    assert boxes == {"cup": [0.1, 0.1, 0.3, 0.4], "fork": [0.5, 0.5, 0.2, 0.2], "class 7": [0.45, 0.45, 0.1, 0.1]}
    kinds = {kind: problem.count for kind, problem in reading.report.problems.items()}
    assert kinds == {"image_size_relative": 1, "label_line_wrong": 1, "class_without_name": 1}
    assert reading.report.problems["label_line_wrong"].first_record == "a.txt line 4"


@pytest.mark.parametrize("layout", ["data.yaml", "folders", "exported"])
def test_parts_of_a_yolo_set(tmp_path, layout):
    for part, names in (("train", ["a.jpg", "empty.jpg"]), ("valid", ["b.jpg"])):
        write_yolo(tmp_path / part / "images", tmp_path / part / "labels", names)
    if layout == "folders":
        (tmp_path / "classes.txt").write_text("cup\nfork\n")
    else:
        above = "../" if layout == "exported" else ""
        text = f"train: {above}train/images\nval: {above}valid/images\nnc: 2\nnames:\n  0: cup\n  1: fork\n"
        (tmp_path / "data.yaml").write_text(text)
    train, val = (read_annotations(tmp_path, Options(split=split)) for split in ("train", "val"))
    assert train.own_split
    assert val.own_split
    assert {image for image, *_ in named(train.reading)} == {"a.jpg"}
    assert {image for image, *_ in named(val.reading)} == {"b.jpg"}
    assert read_annotations(tmp_path).reading.annotations.num_rows == 3


def test_one_bad_file_of_many_is_left_out(tmp_path):
    voc(tmp_path)
    (tmp_path / "Annotations" / "bad.xml").write_text("<annotation><object>")
    (tmp_path / "Annotations" / "bomb.xml").write_text(
        '<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z SYSTEM "file:///etc/passwd">]><annotation>&x;&z;</annotation>'
    )
    (tmp_path / "Annotations" / "nameless.xml").write_text("<annotation><object><name/></object></annotation>")
    reading = read_annotations(tmp_path).reading
    assert reading.annotations.num_rows == 3
    kinds = {kind: problem.count for kind, problem in reading.report.problems.items()}
    assert (kinds["file_unreadable"], kinds["object_without_class"]) == (2, 1)
    with pytest.raises(UserError, match=r"(?s)file_unreadable \(2.*object_without_class"):
        read_annotations(tmp_path, Options(strict=True))


def test_a_rotated_region_has_no_box(tmp_path):
    tasks = json.loads(label_studio(tmp_path).read_text())
    tasks[0]["annotations"][0]["result"][0]["value"]["rotation"] = 30
    (tmp_path / "project.json").write_text(json.dumps(tasks))
    reading = read_annotations(tmp_path / "project.json").reading
    assert reading.annotations["width"].null_count == 1
    assert reading.report.problems["box_rotated"].count == 1
    assert reading.annotations["original_id"].to_pylist()[0] == "r20"


OTHERS = {
    "empty": (b"", "the file is empty"),
    "blank": (b"\n \n", "empty but for white space"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7\nsize 12345\n", "git lfs pull"),
    "html": (b"<!DOCTYPE html>\n<html></html>", "HTML page"),
    "zip": (b"PK\x03\x04rest", "zip archive: unpack it"),
    "png": (b"\x89PNG\r\n\x1a\n", "PNG picture"),
    "pickle": (b"\x80\x04\x95\x00", "pickle"),
    "python": (b"{'images': [{'id': 1}]}", "single quotes"),
    "null": (b"null", "JSON of null"),
    "latin-1": ('{"images": [{"id": 1, "file_name": "café.jpg"}]}'.encode("latin-1"), "not UTF-8"),
    "cut off": (json.dumps(as_coco()).encode()[:300], "cut off"),
    "a comma": (b'{"images": [{"id": 1},]}', "a comma too many"),
    "too deep": (b'{"images": ' + b"[" * 100_000, "nested too deeply"),
    "two": ((json.dumps(as_coco(), indent=1) * 2).encode(), "a second document begins"),
    "results": (b'[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.9}]', "COCO results file"),
    "list": (b'[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]', "the list of annotations alone"),
    "lines": (b'{"image_id": 1, "category_id": 1}\n{"image_id": 1, "category_id": 2}\n', "JSON lines"),
    "labelme": (b'{"shapes": [], "imagePath": "a.jpg"}', "labelme"),
    "via": (b'{"a.jpg1": {"filename": "a.jpg", "regions": []}}', "VIA"),
    "createml": (b'[{"image": "a.jpg", "annotations": []}]', "CreateML"),
    "geojson": (b'{"type": "FeatureCollection", "features": []}', "GeoJSON"),
    "video": (b"<annotations><track/></annotations>", "CVAT for images"),
    "other xml": (b"<svg></svg>", "neither Pascal VOC nor CVAT"),
    "bad xml": (b"<annotations><image>", "not valid XML"),
    "other csv": (b"a,b\n1,2\n", "name no image"),
    "no label": (b"image,score\na.jpg,0.7\n", "0 or 1 was expected"),
    "words": (b"hello world\n", "not valid JSON"),
    "bad gzip": (gzip.compress(b'{"a": 1}')[:-9], "cannot be unpacked"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_something_else_is_named(tmp_path, case):
    content, said = OTHERS[case]
    (tmp_path / "mine.json").write_bytes(content)
    with pytest.raises(UserError) as error:
        read_annotations(tmp_path / "mine.json")
    assert said in str(error.value)
    assert str(tmp_path / "mine.json") in str(error.value)


def test_a_folder_without_annotations(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="a folder with annotations was expected, none found"):
        read_annotations(tmp_path)
    for name in ("first.json", "second.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(UserError, match=r"2 files that could be \(first.json, second.json\) found: name one"):
        read_annotations(tmp_path)
