"""Files as people have them, after public bug reports and from public repositories, where ../shared is there."""

import pytest

from contextual_anomaly.errors import UserError
from contextual_anomaly.formats.read import Options, read_annotations
from contextual_anomaly.formats.splits import read_split

from ..conftest import SHARED

CASES = SHARED / "cases" / "annotations"
REAL = SHARED / "other" / "real"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the small cases (../shared/cases) are not here")

# What must be refused, and what the message says.
REFUSED = {
    "annotations_null": "annotations is missing or null",
    "blank": "empty",
    "captions": "COCO captions",
    "categories_empty": "categories is empty",
    "empty": "empty",
    "html_page": "HTML page",
    "jsonl": "JSON lines",
    "latin1": "UTF-8",
    "lfs_pointer": "Git LFS pointer",
    "no_annotations_key": "annotations is missing",
    "no_categories_key": "categories is missing",
    "no_images_key": "images is missing",
    "null": "JSON of null",
    "panoptic": "panoptic",
    "python_dict": "single quotes",
    "results_list": "COCO results file",
    "trailing_comma": "a comma too many",
    "truncated": "cut off",
    "two_documents": "second document",
    "via_json": "VGG Image Annotator",
    "zip_named_json": "zip archive",
}
# What is read and must be said, of the first record and with its number; all others are read without a word.
SAID = {
    "ann_id_huge": {"annotation_id_numbered": 6},
    "ann_id_missing": {"annotation_id_missing": 6},
    "ann_id_string": {"annotation_id_numbered": 6},
    "ann_id_twice": {"annotation_id_twice": 1},
    "box_all_zero_empty_segmentation": {"object_emptied": 1},
    "box_as_object": {"box_not_four_numbers": 6},
    "box_empty_list": {"box_empty": 1},
    "box_five_numbers": {"box_rotated": 6},
    "box_height_zero": {"box_zero": 1},
    "box_missing_classes_only": {"box_missing": 6},
    "box_missing_polygons_only": {"box_missing_outlined": 6},
    "box_missing_rle_only": {"box_missing_outlined": 6},
    "box_negative_width": {"box_negative": 1},
    "box_nested": {"box_not_four_numbers": 6},
    "box_null": {"box_null": 1},
    "case_iscrowd_2": {"iscrowd_unknown": 6},
    "category_id_list": {"category_id_unknown": 1},
    "category_id_null": {"category_id_unknown": 1},
    "category_id_string": {"categories_id_text": 3, "annotations_category_id_text": 6},
    "category_name_case_differs": {"classes_alike": 1},
    "category_name_missing": {"category_name_missing": 1},
    "category_name_number": {"category_name_odd": 1},
    "category_name_odd": {"category_name_odd": 1, "category_name_missing": 1},
    "category_name_twice": {"category_name_twice": 1},
    "category_twice_same": {"category_twice": 1},
    "file_name_absolute": {"file_name_outside": 3},
    "file_name_missing": {"file_name_missing": 3},
    "file_name_parent": {"file_name_outside": 3},
    "file_name_windows_absolute": {"file_name_outside": 3},
    "file_name_windows_relative": {"file_name_backslash": 3},
    "image_id_64bit_hash": {"images_id_numbered": 3},
    "image_id_digit_strings": {"images_id_text": 3, "annotations_image_id_text": 6},
    "image_id_names": {"images_id_numbered": 3},
    "image_id_negative": {"images_id_numbered": 3},
    "image_id_text_in_annotations_only": {"annotations_image_id_text": 6},
    "image_size_missing": {"image_size_unknown": 3},
    "image_size_null": {"image_size_unknown": 3},
    "image_size_zero": {"image_size_unknown": 3},
    "image_twice": {"image_twice": 1},
    "infinity_box": {"number_not_finite": 1, "box_not_finite": 1},
    "labelstudio_json": {"file_name_outside": 1},
    "many_wrong_records": {
        "box_zero": 1, "annotation_id_twice": 1, "image_not_listed": 2, "category_not_listed": 1, "box_empty": 1,
    },
    "nan_area": {"number_not_finite": 1},
    "nan_box": {"number_not_finite": 1, "box_not_finite": 1},
    "nan_other_field": {"number_not_finite": 1},
    "orphan_annotation": {"image_not_listed": 1},
    "orphan_category": {"category_not_listed": 1},
    "overflow_1e999": {"box_not_finite": 1},
    "roboflow_root": {"class_root": 1},
    "score_field": {"score": 6},
    "utf16": {"encoding": 1},
}  # fmt: skip
LEFT = {
    "box_all_zero_empty_segmentation": 5, "category_id_list": 5, "category_id_null": 5, "labelstudio_json": 1,
    "many_wrong_records": 3, "one_image_one_class": 1, "orphan_category": 5,
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(CASES.glob("*/input.json*")), ids=lambda path: path.parent.name)
def test_a_case_reads_as_its_readme_says(path, write_json):
    case = path.parent.name
    if case in REFUSED:
        with pytest.raises(UserError) as error:
            read_annotations(path)
        assert REFUSED[case] in str(error.value)
        assert str(path) in str(error.value)
        return
    reading = read_split(path, "train", Options())
    alone = {kind: problem.count for kind, problem in reading.report.problems.items()}
    of_both = {"classes_alike", "class_root"} & SAID.get(case, {}).keys()
    assert alone == {kind: count for kind, count in SAID.get(case, {}).items() if kind not in of_both}
    assert reading.annotations.num_rows == LEFT.get(case, 6)
    if of_both:
        divided = read_split(path, "train", Options(), divide=True)
        assert of_both <= divided.report.problems.keys()


@pytest.mark.parametrize(
    ("name", "rows", "said"),
    [
        ("taco.json", (4784, 1500, 60), {"annotation_id_twice": 2}),
        ("chess/train.json", (2108, 202, 14), {}),
        ("chess/valid.json", (386, 58, 14), {}),
        ("lvis_val_100.json", (977, 100, 1230), {"classes_not_checked": 100}),
        ("visdrone_50.json", (3326, 50, 2), {}),
    ],
)
def test_real_files(name, rows, said):
    reading = read_annotations(REAL / name).reading
    assert (reading.annotations.num_rows, reading.images.num_rows, reading.categories.num_rows) == rows
    assert {kind: problem.count for kind, problem in reading.report.problems.items()} == said
    assert (reading.checked is not None) == name.startswith("lvis")


def test_the_chess_set_has_thirteen_classes():
    reading = read_split(REAL / "chess/valid.json", "val", Options(), REAL / "chess/train.json")
    assert reading.categories.num_rows == 13
    assert "pieces" not in reading.categories["name"].to_pylist()
