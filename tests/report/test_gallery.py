"""Images with boxes: what is flagged stands out, and names cover nothing that they name."""

import cv2
import numpy as np
import pytest

from contextual_anomaly.report.gallery import FLAGGED, OTHER, WIDTH, Box, open_image, with_boxes

GREY = 100


@pytest.fixture
def image() -> np.ndarray:
    return np.full((360, WIDTH, 3), GREY, np.uint8)


def test_flagged_objects_stay_bright_and_the_rest_recedes(image):
    drawn = with_boxes(image, [Box(100, 100, 80, 80, "kite")], [Box(300, 100, 80, 80, "dog")])
    assert (drawn[140, 140] == GREY).all()  # inside the flagged box
    assert (drawn[140, 340] < 0.7 * GREY).all()  # inside another object
    assert (drawn[300, 20] < 0.7 * GREY).all()  # no object
    assert (drawn[140, 100] == FLAGGED).all()
    assert (drawn[140, 300] < np.array(OTHER)).all()  # thin and dimmed


def test_an_image_without_flagged_objects_is_not_dimmed(image):
    drawn = with_boxes(image, [], [Box(300, 100, 80, 80, "dog")])
    assert (drawn[140, 340] == GREY).all()
    assert (drawn[140, 300] > 2 * GREY).all()


@pytest.mark.parametrize("top", [0, 100, 279])
def test_a_name_stands_outside_its_box_where_there_is_room(image, top):
    drawn = with_boxes(image, [Box(100, top, 80, 80, "kite")], [])
    assert (drawn[top + 5 : top + 76, 105:176] == GREY).all()  # nothing is written inside
    label = (drawn[..., :3] == FLAGGED).all(-1)
    label[max(top - 2, 0) : top + 83, 98:183] = False
    assert label.sum() > 200  # it stands above or below


def test_a_name_of_a_box_as_large_as_the_image_stands_inside(image):
    drawn = with_boxes(image, [Box(0, 0, WIDTH, 360, "kite")], [])
    assert (drawn[3:20, 3:40] == FLAGGED).all(-1).mean() > 0.4  # the rest of the label is its letters


def test_a_name_stands_once_at_the_largest_box(image):
    small = [Box(x, 200, 20, 20, "cup") for x in (20, 120, 220)]
    drawn = with_boxes(image, [*small, Box(320, 200, 60, 60, "cup")], [])
    alone = with_boxes(image, [Box(320, 200, 60, 60, "cup")], [])
    above = slice(170, 197)
    assert (drawn[above] == alone[above]).all()


def test_names_do_not_cover_each_other(image):
    """Two boxes of the same upper edge: the second name moves below its box."""
    first, second = Box(100, 100, 60, 60, "kite"), Box(110, 100, 60, 60, "frisbee")
    both, one = with_boxes(image, [first, second], []), with_boxes(image, [first], [])
    assert (both[80:97, 98:130] == one[80:97, 98:130]).all()
    assert (both[164:180, 110:150] == FLAGGED).all(-1).mean() > 0.4


def test_boxes_may_reach_out_of_the_image(image):
    drawn = with_boxes(image, [Box(-50, -50, 100, 100, "kite"), Box(460, 340, 100, 100, "cup")], [Box(-9, 350, 20, 90)])
    assert drawn.shape == image.shape
    assert (drawn[5, 5] == GREY).all()


def test_images_are_found_in_the_folder_alone_and_read_as_the_detectors_read_them(tmp_path):
    folder = tmp_path / "val"
    folder.mkdir()
    for path in (folder / "a.png", tmp_path / "outside.png"):
        cv2.imwrite(str(path), np.full((30, 40, 3), GREY, np.uint8))
    (folder / "broken.jpg").write_bytes(b"<html>")
    found = open_image(folder, "a.png", (40, 30))
    assert found is not None
    assert (found.width, found.height) == (40, 30)
    assert open_image(folder, "../outside.png", None) is None
    assert open_image(folder, "broken.jpg", None) is None
    assert open_image(folder, "absent.jpg", None) is None
