"""Answers of a check, made by hand: one image with an unexpected object and a missing class, one with nothing."""

import cv2
import numpy as np
import pytest

from contextual_anomaly.checking.results import Attribution, CheckedObject, CheckResult, MissingClass
from contextual_anomaly.runtime.input_problems import InputProblem

SIZE = (200, 100)  # width and height of the images


@pytest.fixture
def photo(tmp_path):
    """An image file."""
    path = tmp_path / "photos" / "desk & <sea>.png"
    path.parent.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return path


@pytest.fixture
def results(photo) -> list[CheckResult]:
    """The answers for the file, for an image of annotations, and for a line that could not be read."""
    why = (Attribution("(base)", -3.0), Attribution("laptop", -4.75), Attribution("keyboard", -4.2))
    first = CheckResult(
        str(photo),
        objects=(
            CheckedObject("laptop", 0.9, (20.0, 10.0, 50.0, 40.0), probability=0.4, p_value=0.5),
            # It sticks out of the image.
            CheckedObject("surfboard", 0.75, (150.0, 60.0, 80.0, 30.0), 7, 0.0003, 0.0022, True, why),
        ),
        absent=(
            MissingClass("mouse", 0.93, 0.0004, True, (Attribution("keyboard", 3.9),)),
            MissingClass("tv", 0.3, 0.2),
        ),
        file_name=photo.name,
        width=SIZE[0],
        height=SIZE[1],
        model="coco",
        detector="yolox-nano",
        calibration="detections",
    )
    second = CheckResult(
        "annotations.json",
        objects=(CheckedObject("cup", None, (1.0, 2.0, 3.0, 4.0), 11, 0.6, 0.7),),
        image_id=12,
        file_name="b.jpg",
        width=SIZE[0],
        height=SIZE[1],
        model="coco",
        calibration="annotations",
    )
    third = CheckResult("-", line=3, error=InputProblem("bad_line", "line 3 is <no> JSON"))
    return [first, second, third]
