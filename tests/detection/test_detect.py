"""The commands detect and merge-detections on small data: what is kept of each image, and shards."""

import json

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from contextual_anomaly import tables
from contextual_anomaly.commands.darknet_to_onnx import darknet_to_onnx
from contextual_anomaly.commands.detect import detect
from contextual_anomaly.commands.merge_detections import merge_detections
from contextual_anomaly.detection.detections import read_detections
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.choices import DetectorFamily
from tests.detection.darknet_forward import outputs, write

FILES = ("boxes.parquet", "scores.parquet", "images.csv")


@pytest.fixture
def weights(constant_network):
    """Two boxes of one dog (the second is suppressed) and a doubtful bottle, in an input of 96 × 64."""
    output = np.zeros((1, 4 + 3, 3), np.float32)
    output[0, :, 0] = [48, 32, 20, 10, 0, 0.9, 0]
    output[0, :, 1] = [49, 32, 20, 10, 0, 0.8, 0.005]
    output[0, :, 2] = [44, 40, 8, 8, 0, 0.1, 0.3]
    return constant_network(output, 64, 96)


def _detect(dataset, weights, out, **options):
    folder, images, categories = dataset
    paths = dict(zip(("detections", "class_scores", "image_report"), (out / name for name in FILES), strict=True))
    family = options.pop("family", DetectorFamily.yolov8)
    detect(folder, weights, family, **paths, image_table=images, categories=categories, **options)
    return read_detections(*paths.values())


def test_boxes_confidences_and_report(tmp_path, dataset, weights):
    found = _detect(dataset, weights, tmp_path)
    boxes = found.detections.to_pandas()
    first = boxes[boxes["image_id"] == 1]
    assert first["category_id"].tolist() == [18, 44, 18]
    np.testing.assert_allclose(first["score"], [0.9, 0.3, 0.1], rtol=1e-6)
    # Image 1 is 67 × 95, so it fills 45 × 64 pixels from (25, 0) on.
    scale = np.array([67 / 45, 95 / 64])
    np.testing.assert_allclose(first[["x", "y"]].iloc[0], ([38, 27] - np.array([25, 0])) * scale, rtol=1e-5)
    np.testing.assert_allclose(first[["width", "height"]].iloc[0], [20, 10] * scale, rtol=1e-5)
    # The largest confidence of each class, also where its box is suppressed or below the threshold; car has none.
    scores = tables.matrix(found.class_scores["score"])
    np.testing.assert_allclose(scores, np.tile(np.float32([0, 0.9, 0.3]), (6, 1)))
    assert json.loads(found.metadata["classes"]) == ["car", "dog", "bottle"]
    assert json.loads(found.metadata["category_ids"]) == [3, 18, 44]
    assert found.report["status"].tolist() == ["run"] * 6 + ["absent"]


def test_a_folder_of_images_alone_is_enough(tmp_path, dataset, constant_network):
    output = np.zeros((1, 4 + 2, 1), np.float32)
    output[0, :, 0] = [48, 32, 20, 10, 0.9, 0.1]
    (dataset[0] / "notes.txt").write_text("no image")
    weights = constant_network(output, names="['cat', 'traffic light']")
    found = _detect((dataset[0], None, None), weights, tmp_path)
    assert found.report["file_name"].tolist() == [f"{i:012}.jpg" for i in range(1, 7)]
    assert found.report["image_id"].tolist() == list(range(1, 7))
    assert found.report["problem"].eq("").all()
    assert json.loads(found.metadata["classes"]) == ["cat", "traffic light"]
    same = _detect((dataset[0], dataset[1], None), weights, tmp_path / "annotated")
    assert same.detections.equals(found.detections)
    with pytest.raises(UserError, match="no class names of its own; give them as --names"):
        _detect((dataset[0], None, None), constant_network(output), tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no image is there; files with the endings \.jpg"):
        _detect((tmp_path / "empty", None, None), weights, tmp_path)


def test_names_give_the_columns(tmp_path, dataset, constant_network):
    output = np.full((1, 4 + 2, 1), 10, np.float32)
    output[0, 4:, 0] = [0.25, 0.75]
    found = _detect(dataset, constant_network(output, names="['bottle', 'car']"), tmp_path)
    np.testing.assert_array_equal(tables.matrix(found.class_scores["score"])[0], [0.75, 0, 0.25])
    (tmp_path / "names.txt").write_text("dog\nbottle\n")
    found = _detect(dataset, constant_network(output), tmp_path, names=tmp_path / "names.txt")
    np.testing.assert_array_equal(tables.matrix(found.class_scores["score"])[0], [0, 0.25, 0.75])
    with pytest.raises(UserError, match=r"no class names of its own.*3 class names.*2 classes"):
        _detect(dataset, constant_network(output), tmp_path)


def test_broken_images_are_named_and_the_rest_goes_on(tmp_path, dataset, weights, capfd):
    folder = dataset[0]
    names = [f"{i:012}.jpg" for i in range(1, 8)]
    whole = (folder / names[1]).read_bytes()
    (folder / names[1]).write_bytes(whole[: len(whole) // 2])
    (folder / names[2]).write_bytes(b"")
    (folder / names[3]).write_text("no image")
    cv2.imwrite(str(folder / names[4]), np.zeros((30, 30, 3), np.uint8))  # not of the size that the table says
    found = _detect(dataset, weights, tmp_path)
    report = found.report
    assert report["status"].tolist() == ["run", "unreadable", "unreadable", "unreadable", "run", "run", "absent"]
    assert "cut off" in report["problem"][1]
    assert "empty" in report["problem"][2]
    assert "30 × 30" in report["problem"][4]
    assert found.class_scores["image_id"].to_pylist() == [1, 5, 6]
    told = capfd.readouterr().err
    assert all(name in told for name in names[1:5])


def test_a_size_that_the_annotations_do_not_give_is_not_compared(tmp_path, dataset, weights):
    _, images, _ = dataset
    known = _detect(dataset, weights, tmp_path / "known")
    table = tables.read_table(images, tables.IMAGES).to_pandas()
    table[["width", "height"]] = 0
    tables.write_table(pa.Table.from_pandas(table, tables.IMAGES, preserve_index=False), tables.IMAGES, images)
    unknown = _detect(dataset, weights, tmp_path / "unknown")
    assert (unknown.report["problem"] == "").all()
    pd.testing.assert_frame_equal(unknown.detections.to_pandas(), known.detections.to_pandas())


@pytest.mark.parametrize("orientation", [6, 8, 3])
def test_boxes_lie_where_the_annotations_have_them(tmp_path, dataset, weights, orientation):
    """Image 1 is stored with 67 × 95 pixels and has an EXIF orientation; its annotations are of the frame as stored."""
    folder, images, _ = dataset
    plain = _detect(dataset, weights, tmp_path / "plain").detections.to_pandas()
    path = folder / f"{1:012}.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.open(path).save(path, exif=exif)
    stored = _detect(dataset, weights, tmp_path / "stored")
    pd.testing.assert_frame_equal(stored.detections.to_pandas(), plain)
    undecided = "does not tell" in stored.report["problem"][0]
    assert undecided == (orientation == 3)  # turned upside down the size is the same
    table = tables.read_table(images, tables.IMAGES).to_pandas()
    table.loc[0, ["width", "height"]] = 95, 67
    tables.write_table(pa.Table.from_pandas(table, tables.IMAGES, preserve_index=False), tables.IMAGES, images)
    shown = _detect(dataset, weights, tmp_path / "shown")
    first = shown.detections.to_pandas().query("image_id == 1 and score > 0.8").iloc[0]
    if orientation != 3:
        # 95 × 67 fills 91 × 64 pixels from (2, 0) on.
        np.testing.assert_allclose(first[["x", "width"]].astype(float), np.array([38 - 2, 20]) * 95 / 91, rtol=1e-5)
        assert shown.report["problem"][0] == ""


def _shards(tmp_path, dataset, weights, count, threads=1):
    parts, out = [], tmp_path / f"of{count}"
    for shard in range(count):
        folder = out / str(shard)
        _detect(dataset, weights, folder, shard=shard, shards=count, threads=threads)
        parts.append([folder / name for name in FILES])
    merge_detections(*map(list, zip(*parts, strict=True)), *(out / name for name in FILES))
    return [(out / name).read_bytes() for name in FILES]


def test_any_number_of_shards_and_threads_gives_the_same_bytes(tmp_path, dataset, weights):
    (dataset[0] / f"{4:012}.jpg").write_text("broken")
    one = _shards(tmp_path, dataset, weights, 1)
    assert one == _shards(tmp_path, dataset, weights, 3, threads=2)
    assert one == _shards(tmp_path, dataset, weights, 9)  # two of them without an image


def test_any_batch_and_number_of_threads_finds_the_same(tmp_path, dataset):
    """A real convolution, so that images differ; the broken image is in the middle of a batch."""
    rng = np.random.default_rng(0)
    sections = [
        ("net", {"width": 64, "height": 32}),
        ("convolutional", {"filters": 6, "size": 3, "stride": 8, "pad": 1, "activation": "mish"}),
        ("convolutional", {"filters": 8, "size": 1, "activation": "linear"}),
        ("yolo", {"mask": 0, "anchors": "20,20", "classes": 3, "num": 1}),
    ]
    made = write(tmp_path / "net", sections, outputs(sections, np.zeros((1, 3, 32, 64)), rng)[1] * 4)
    onnx = tmp_path / "net.onnx"
    darknet_to_onnx(made.cfg, made.weights, onnx)
    (dataset[0] / f"{3:012}.jpg").write_text("broken")
    found = {}
    for batch, threads in ((1, 1), (1, 3), (2, 1), (2, 2), (4, 1), (16, 2)):
        out = tmp_path / f"{batch}.{threads}"
        found[batch, threads] = _detect(
            dataset, onnx, out, family=DetectorFamily.darknet, batch_size=batch, threads=threads
        )
    one = found[1, 1]
    assert one.report["status"].tolist() == ["run", "run", "unreadable", "run", "run", "run", "absent"]
    assert len(one.detections) > 20
    assert len({row.tobytes() for row in tables.matrix(one.class_scores["score"])}) == 5  # images differ
    for other in found.values():
        assert other.report.equals(one.report)
        for name in ("detections", "class_scores"):
            a, b = (getattr(r, name).replace_schema_metadata(None) for r in (one, other))
            assert a.equals(b)
    for threads in (1, 3):
        files = [(tmp_path / f"1.{threads}" / name).read_bytes() for name in FILES]
        assert files == [(tmp_path / "1.1" / name).read_bytes() for name in FILES]


def test_shards_that_do_not_belong_together(tmp_path, dataset, weights):
    parts = {}
    for shard, options in ((0, {}), (1, {}), (2, {"nms_threshold": 0.4})):
        folder = tmp_path / str(shard)
        _detect(dataset, weights, folder, shard=shard, shards=3, **options)
        parts[shard] = [folder / name for name in FILES]
    out = [tmp_path / name for name in FILES]

    def merge(*shards):
        merge_detections(*map(list, zip(*(parts[s] for s in shards), strict=True)), *out)

    with pytest.raises(UserError, match="nms_threshold differ"):
        merge(0, 1, 2)
    with pytest.raises(UserError, match="0 of 3, 1 of 3; each of 0 to 2"):
        merge(0, 1)
    with pytest.raises(UserError, match="0 of 3, 0 of 3, 1 of 3"):
        merge(0, 1, 0)
    with pytest.raises(UserError, match="not of one run"):
        merge_detections([parts[0][0]], [parts[1][1]], [parts[0][2]], *out)
    with pytest.raises(UserError, match="the same number was expected"):
        merge_detections([parts[0][0]], [], [parts[0][2]], *out)
    assert not any(path.exists() for path in out)


def test_no_image_at_all(tmp_path, dataset, weights):
    _folder, images, categories = dataset
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"none of the 7 images.*000000000001\.jpg"):
        _detect((tmp_path / "empty", images, categories), weights, tmp_path)
    with pytest.raises(UserError, match="a folder of images was expected"):
        _detect((tmp_path / "nowhere", images, categories), weights, tmp_path)
    with pytest.raises(UserError, match="shard 3 of 3"):
        _detect(dataset, weights, tmp_path, shard=3, shards=3)


def test_no_image_that_can_be_read(tmp_path, dataset, weights):
    for path in dataset[0].iterdir():
        path.write_text("broken")
    _detect(dataset, weights, tmp_path)
    with pytest.raises(UserError, match="no image could be read"):
        merge_detections(*([tmp_path / name] for name in FILES), *(tmp_path / f"merged.{name}" for name in FILES))


def test_a_decoded_grid_is_read(tmp_path, dataset, constant_network):
    """A YOLOX file that decodes its boxes itself, which its numbers show."""
    cells = 12 * 8 + 6 * 4 + 3 * 2
    output = np.full((1, cells, 8), 1e-3)
    output[0, :, :4] = 40, 30, 10, 10
    output[0, 5] = [30, 20, 16, 12, 1, 0.0, 0.8, 0.0]
    found = _detect(dataset, constant_network(output), tmp_path, family=DetectorFamily.yolox)
    first = found.detections.to_pandas().iloc[0]
    # Image 1 is 67 × 95 and fills 45 × 64 pixels in the top left corner of the input.
    np.testing.assert_allclose(first[["x", "width"]].astype(float), np.array([22, 16]) * 67 / 45, rtol=1e-5)
    assert (first["category_id"], round(first["score"], 3)) == (18, 0.8)


def test_report_keeps_names_as_they_are(tmp_path, dataset, weights):
    found = _detect(dataset, weights, tmp_path)
    pd.testing.assert_frame_equal(found.report, pd.read_csv(tmp_path / "images.csv", keep_default_na=False))
