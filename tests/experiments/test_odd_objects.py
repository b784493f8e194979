"""The oddest objects of a hand-made case: four objects, whose answers are written down."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from contextual_anomaly import tables
from contextual_anomaly.experiments.objects import log_frequency
from contextual_anomaly.experiments.odd_objects import list_odd_objects
from contextual_anomaly.scene_objects import objects_of_tables

CLASSES = ["cow", "elephant", "boat"]
ANSWERS = [
    [0.94, 0.01, 0.05],  # an elephant, 20 times less likely than the 0.2 that are elephants
    [0.70, 0.20, 0.10],  # a cow: likelier than it is common
    [0.58, 0.10, 0.32],  # a boat: another class is likelier, but it is likelier than it is common
    [0.05, 0.05, 0.90],  # a cow, 10 times less likely than common
    [0.01, 0.01, 0.98],  # a crowd of cows, the oddest if it were asked
]


@pytest.fixture
def read() -> tuple[pa.Table, pa.Table, pa.Table]:
    """Annotations of two images, the images, and the classes."""
    annotations = pd.DataFrame(
        {
            "image_id": [3, 3, 3, 8, 8], "category_id": [2, 1, 3, 1, 1], "x": [1.0, 2, 3, None, 5], "y": [5.0, 5, 5, None, 5],
            "width": [9.0, 9, 9, None, 9], "height": [7.0, 7, 7, None, 7], "area": 63.0,
            "iscrowd": [False, False, False, False, True], "annotation_id": [50, 51, 52, 53, 54],
            "original_id": [None, None, None, "cow-53", None],
        }
    )  # fmt: skip
    images = pd.DataFrame(
        {
            "image_id": [3, 8], "file_name": ["3.jpg", "8.jpg"], "width": 64, "height": 48,
            "coco_url": ["http://images.cocodataset.org/val2017/3.jpg", "http://elsewhere/8.jpg"],
            "flickr_url": "", "original_id": [None, "eight"],
        }
    )  # fmt: skip
    categories = pd.DataFrame({"category_id": [1, 2, 3], "name": CLASSES, "supercategory": "", "original_id": None})
    schemas = (tables.ANNOTATIONS, tables.IMAGES, tables.CATEGORIES)
    return tuple(
        pa.Table.from_pandas(frame, schema, preserve_index=False)
        for frame, schema in zip((annotations, images, categories), schemas, strict=True)
    )


def test_the_oddest_come_first_with_what_is_likelier(read):
    objects = objects_of_tables(*read).objects
    found = list_odd_objects(np.log(np.float32(ANSWERS)), np.log([0.5, 0.2, 0.3]), objects, *read[:2])
    assert found["annotation_id"].tolist() == [50, 53]  # neither the likely ones nor the crowd
    assert found["category"].tolist() == ["elephant", "cow"]
    assert found["likeliest"].tolist() == ["cow", "boat"]
    np.testing.assert_allclose(found["probability"], [0.01, 0.05], rtol=1e-5)
    np.testing.assert_allclose(found["times_less_likely"], [20, 10], rtol=1e-5)
    np.testing.assert_allclose(found["likeliest_probability"], [0.94, 0.9], rtol=1e-5)
    np.testing.assert_array_equal(found[["x", "y", "width", "height"]], [[1, 5, 9, 7], [np.nan] * 4])
    assert found["file_name"].tolist() == ["3.jpg", "8.jpg"]
    assert found["link"].tolist() == ["https://cocodataset.org/#explore?id=3", ""]
    assert found["original_image_id"].fillna("").tolist() == ["", "eight"]
    assert found["original_annotation_id"].fillna("").tolist() == ["", "cow-53"]


def test_it_is_written_and_read_also_where_nothing_is_odd(read, tmp_path):
    objects = objects_of_tables(*read).objects
    for name, answers in (("two", ANSWERS), ("none", 0.9 * np.eye(3)[objects.column] + 0.03)):
        found = list_odd_objects(np.log(np.float32(answers)), np.log([1 / 3] * 3), objects, *read[:2])
        tables.write_frame(found, tables.ODD_OBJECTS, tmp_path / name, {"given": "box and company"})
        again = tables.read_table(tmp_path / name, tables.ODD_OBJECTS)
        assert again["annotation_id"].to_pylist() == found["annotation_id"].tolist()
        assert tables.metadata_of(again)["given"] == "box and company"
    assert len(found) == 0


def test_no_more_are_listed_than_asked_for(read):
    objects = objects_of_tables(*read).objects
    found = list_odd_objects(np.log(np.float32(ANSWERS)), np.log([0.5, 0.2, 0.3]), objects, *read[:2], count=1)
    assert found["annotation_id"].tolist() == [50]


def test_how_common_a_class_is_counts_no_crowds(read):
    objects = objects_of_tables(*read).objects
    np.testing.assert_allclose(np.exp(log_frequency(objects)), np.array([2.5, 1.5, 1.5]) / 5.5)
