"""Images with findings: what is flagged stands out, and nothing that is said covers the image."""

import numpy as np
import pytest

from contextual_anomaly.drawing import CHIP, FLAGGED, MISSING, Box, annotated_image, chips, with_boxes

WIDTH, HEIGHT = 480, 360
COLOUR = (40, 120, 200)


@pytest.fixture
def image() -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), COLOUR, np.uint8)


def colourfulness(pixels: np.ndarray) -> float:
    return float(pixels.max(-1).astype(float).mean() - pixels.min(-1).mean())


def test_flagged_objects_keep_their_colours_and_the_rest_recedes(image):
    drawn = with_boxes(image, [Box(100, 100, 80, 80, "kite")], [Box(300, 100, 80, 80, "dog")])
    assert (drawn[140, 140] == COLOUR).all()  # inside the flagged box
    for other in (drawn[120:160, 320:360], drawn[300:, :50]):  # inside another object, and where there is none
        assert colourfulness(other) < 0.3 * colourfulness(image)
        assert other.mean() > image.mean() + 40
    assert (drawn[140, 100] == FLAGGED).all()


def test_an_image_without_findings_is_as_it_was_but_for_thin_boxes(image):
    drawn = annotated_image(image, [], [Box(300, 100, 80, 80, "dog")])
    assert drawn.shape == image.shape
    assert (drawn[140, 340] == COLOUR).all()
    assert (drawn[140, 300] != COLOUR).any()


@pytest.mark.parametrize("box", [Box(100, 100, 80, 80, "kite"), Box(0, 0, WIDTH, HEIGHT, "kite")])
def test_a_name_stands_below_the_image_and_covers_nothing(image, box):
    drawn = annotated_image(image, [box])
    inside = with_boxes(image, [box])
    assert (drawn[:HEIGHT] == inside).all()
    left, right = round(box.x) + 6, round(box.x + box.width) - 6
    top, bottom = round(box.y) + 6, round(box.y + box.height) - 6
    assert (inside[top:bottom, left:right] == COLOUR).all()
    strip = drawn[HEIGHT:]
    assert (strip == FLAGGED).all(-1).sum() > 0.5 * CHIP * 30


def test_a_chip_for_each_name_once(image):
    cups = [Box(x, 200, 20, 20, "cup") for x in (20, 120, 220)]
    one = annotated_image(image, cups)[HEIGHT:]
    assert (one == annotated_image(image, cups[:1])[HEIGHT:]).all()
    assert (one == chips(WIDTH, ["cup"], [])).all()


def test_several_names_are_numbered_at_their_boxes(image):
    boxes = [Box(100, 100, 60, 60, "kite"), Box(300, 100, 60, 60, "frisbee")]
    drawn = with_boxes(image, boxes)
    for box in boxes:
        corner = drawn[92:108, round(box.x) - 8 : round(box.x) + 8]
        assert (corner == FLAGGED).all(-1).mean() > 0.4


def test_missing_classes_are_dashed_chips_and_a_gap_is_a_dashed_box(image):
    drawn = annotated_image(image, [], missing=["mouse 90 %"], gaps=[Box(200, 200, 60, 40)])
    assert (drawn[HEIGHT:] == MISSING).all(-1).any()
    assert not (drawn == FLAGGED).all(-1).any()
    edge = (drawn[200, 200:260] == MISSING).all(-1)
    assert 0.3 < edge.mean() < 0.8


def test_chips_go_to_the_next_line_and_are_cut_off_at_the_width():
    names = [f"class number {n}" for n in range(8)]
    strip = chips(WIDTH, names, [])
    assert strip.shape[0] > 2 * CHIP
    assert chips(60, ["a very long name of a class"], []).shape[1] == 60
    assert chips(WIDTH, [], []).shape == (0, WIDTH, 3)


def test_boxes_may_reach_out_of_the_image(image):
    drawn = annotated_image(
        image, [Box(-50, -50, 100, 100, "kite"), Box(460, 340, 100, 100, "cup")], [Box(-9, 350, 20, 90)]
    )
    assert (drawn[25, 25] == COLOUR).all()
