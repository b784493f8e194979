"""Letterboxing: what is put in comes back, and boxes with it."""

import numpy as np
import pytest

from contextual_anomaly.detection.letterbox import letterbox, stretch

GREY = 114
SIZES = [(640, 480), (333, 500), (17, 400), (416, 416), (1, 900), (900, 1)]


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_boxes_of_the_whole_image_go_there_and_back(size, centred):
    box = letterbox(*size, (416, 320), centred)
    inside = np.array([[box.left, box.top, box.left + box.inner_width, box.top + box.inner_height]], float)
    assert (inside[0, :2] >= 0).all()
    assert (inside[0, 2:] <= [416, 320]).all()
    np.testing.assert_allclose(box.to_image(inside), [[0, 0, *size]])


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("size", SIZES[:4])
def test_any_box_goes_there_and_back(size, centred):
    rng = np.random.default_rng(1)
    box = letterbox(*size, (416, 320), centred)
    corners = np.sort(rng.uniform(0, 1, (50, 2, 2)), axis=1).reshape(50, 4) * [*size, *size]
    there = corners * ([box.inner_width / size[0], box.inner_height / size[1]] * 2) + [box.left, box.top] * 2
    np.testing.assert_allclose(box.to_image(there), corners, atol=1e-9)


def test_what_lies_outside_the_image_is_cut_off():
    box = letterbox(100, 50, (200, 200), centred=True)  # twice as large, 50 pixels of grey above and below
    np.testing.assert_allclose(box.to_image(np.array([[-10.0, 20, 100, 100]])), [[0, 0, 50, 25]])


def test_a_bright_rectangle_is_found_where_its_box_says():
    image = np.zeros((90, 60, 3), np.uint8)
    image[30:60, 15:45] = 255
    box = letterbox(60, 90, (128, 96), centred=True)
    filled = box.fill(image, GREY)
    assert filled.shape == (96, 128, 3)
    y, x = np.nonzero(filled[..., 0] > 200)
    seen = np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]])
    np.testing.assert_allclose(box.to_image(seen), [[15, 30, 45, 60]], atol=1)
    assert (filled[:, : box.left] == GREY).all()
    assert (filled[:, box.left + box.inner_width :] == GREY).all()


def test_top_left_fills_the_right_and_the_bottom():
    filled = letterbox(50, 100, (80, 80), centred=False).fill(np.zeros((100, 50, 3), np.uint8), GREY)
    assert (filled[:, :40] == 0).all()
    assert (filled[:, 40:] == GREY).all()


def test_a_stretched_image_fills_the_input_and_boxes_come_back():
    image = np.zeros((90, 60, 3), np.uint8)
    image[30:60, 15:45] = 255
    place = stretch(60, 90, (120, 45))
    filled = place.fill(image, GREY)
    assert filled.shape == (45, 120, 3)
    assert not (filled == GREY).all(2).any()
    y, x = np.nonzero(filled[..., 0] > 127)
    np.testing.assert_allclose([x.min(), y.min(), x.max() + 1, y.max() + 1], [30, 15, 90, 30], atol=1)
    np.testing.assert_allclose(place.to_image(np.array([[30.0, 15, 90, 30]])), [[15, 30, 45, 60]])
