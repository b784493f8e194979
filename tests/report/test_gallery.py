"""Images of the gallery: where they are found, and where a missing object is drawn."""

import cv2
import numpy as np
import pandas as pd

from contextual_anomaly.drawing import FLAGGED, MISSING
from contextual_anomaly.report.gallery import WIDTH, open_image, strongest

GREY = 100


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


def test_the_gap_is_at_the_median_box_of_the_missing_class(tmp_path):
    """The mouse of two other images stands in the middle of the lower half; image 1 lacks it and has a kite."""
    for number in (1, 2, 3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((240, 320, 3), GREY, np.uint8))
    columns = ["image_id", "name", "x", "y", "width", "height"]
    rows = [(1, "kite", 10, 10, 40, 40), (2, "mouse", 140, 160, 40, 20), (3, "mouse", 160, 180, 40, 20)]
    kinds = [("unexpected", "kite", 0.0004), ("missing", "mouse", 0.9)]
    listing = pd.DataFrame(
        [(1, category, kind, probability, "1.png", "") for kind, category, probability in kinds],
        columns=["image_id", "category", "kind", "probability", "file_name", "link"],
    )
    sizes = dict.fromkeys((1, 2, 3), (320, 240))
    (shown,) = strongest(listing, pd.DataFrame(rows, columns=columns), sizes, tmp_path, 5)
    image = cv2.imdecode(np.frombuffer(shown.jpeg, np.uint8), cv2.IMREAD_COLOR).astype(int)
    scale = WIDTH / 320
    assert image.shape[0] > 240 * scale  # the strip of chips
    near = (np.abs(image - MISSING).max(-1) < 60)[: round(240 * scale)]
    ys, xs = np.nonzero(near)
    np.testing.assert_allclose([xs.min(), xs.max()], np.array([150, 190]) * scale, atol=3)
    np.testing.assert_allclose([ys.min(), ys.max()], np.array([170, 190]) * scale, atol=3)
    red = (np.abs(image - FLAGGED).max(-1) < 60)[: round(240 * scale)]
    assert np.nonzero(red)[1].max() < 60 * scale
