"""Reading the output of each family, against cases done by hand and by another loop."""

import math

import numpy as np
import pytest

from contextual_anomaly.detection.detector_families.base import Expected
from contextual_anomaly.detection.detector_families.registry import DETECTOR_FAMILIES


def _decode(family, output, size, classes=None):
    reading = DETECTOR_FAMILIES[family].read(output.shape, Expected(size, classes))
    assert reading is not None
    return reading.decode(output)


def test_a_yolox_cell_by_hand():
    """Input 64 × 32: 8 × 4 cells of 8 pixels, 4 × 2 of 16, 2 × 1 of 32; the second cell of the second grid's second row."""
    output = np.zeros((1, 32 + 8 + 2, 5 + 2), np.float32)
    output[0, 32 + 4 + 1] = [0.5, 0.25, math.log(2), math.log(3), 0.8, 0.5, 0.25]
    boxes, scores = _decode("yolox", output, (64, 32))
    centre, size = ((1 + 0.5) * 16, (1 + 0.25) * 16), (2 * 16, 3 * 16)
    expected = [centre[0] - size[0] / 2, centre[1] - size[1] / 2, centre[0] + size[0] / 2, centre[1] + size[1] / 2]
    np.testing.assert_allclose(boxes[37], expected, rtol=1e-6)
    np.testing.assert_allclose(scores[37], [0.4, 0.2], rtol=1e-6)


def test_every_yolox_cell_against_a_loop():
    rng = np.random.default_rng(2)
    width, height = 96, 64
    cells = [(x, y, s) for s in (8, 16, 32) for y in range(height // s) for x in range(width // s)]
    output = rng.normal(0, 1, (1, len(cells), 9)).astype(np.float32)
    boxes, scores = _decode("yolox", output, (width, height))
    for row, (x, y, s), box, score in zip(output[0], cells, boxes, scores, strict=True):
        cx, cy, w, h = (row[0] + x) * s, (row[1] + y) * s, math.exp(row[2]) * s, math.exp(row[3]) * s
        np.testing.assert_allclose(box, [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(score, row[4] * row[5:], rtol=1e-5)


def test_a_yolov8_column_by_hand():
    output = np.zeros((1, 4 + 3, 5), np.float32)
    output[0, :, 2] = [30, 20, 10, 8, 0.1, 0.7, 0.2]
    boxes, scores = _decode("yolov8", output, (96, 64))
    np.testing.assert_allclose(boxes[2], [25, 16, 35, 24])
    np.testing.assert_allclose(scores[2], [0.1, 0.7, 0.2], rtol=1e-6)


def test_a_yolov5_row_by_hand():
    output = np.zeros((1, 9, 5 + 3), np.float32)
    output[0, 4] = [30, 20, 10, 8, 0.5, 0.2, 0.8, 0.4]
    boxes, scores = _decode("yolov5", output, (96, 64))
    np.testing.assert_allclose(boxes[4], [25, 16, 35, 24])
    np.testing.assert_allclose(scores[4], [0.1, 0.4, 0.2], rtol=1e-6)


def test_darknet_is_read_as_yolov8_and_fills_with_its_own_grey():
    output = np.random.default_rng(0).uniform(0, 1, (1, 7, 5)).astype(np.float32)
    for ours, theirs in zip(*(_decode(f, output, (96, 64)) for f in ("darknet", "yolov8")), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (DETECTOR_FAMILIES["darknet"].grey, DETECTOR_FAMILIES["yolov8"].grey) == (128, 114)


@pytest.mark.parametrize(
    ("family", "shape", "classes"),
    [
        ("yolox", (1, 3549, 85), 80),
        ("yolox", (1, 3549, 5), None),
        ("yolox", (1, 84, 3549), None),
        ("yolox", (1, 8400, 85), None),  # of another input size
        ("yolov5", (1, 25200, 85), 80),
        ("yolov5", (1, 84, 8400), None),  # YOLOv8
        ("yolov5", (1, 25200, 5), None),
        ("darknet", (1, 84, 10647), 80),
        ("yolov8", (1, 84, 3549), 80),
        ("yolov8", (84, 3549), None),
        ("yolov8", (1, 4, 3549), None),
    ],
)
def test_a_shape_tells_the_number_of_classes(family, shape, classes):
    reading = DETECTOR_FAMILIES[family].read(shape, Expected((416, 416)))
    assert (reading and reading.classes) == classes
