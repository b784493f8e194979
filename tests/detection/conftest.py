"""Small networks of constant output, images and tables, for detectors without weights."""

import cv2
import numpy as np
import onnx
import pandas as pd
import pyarrow as pa
import pytest
from onnx import TensorProto, helper, numpy_helper

from contextual_anomaly import tables


@pytest.fixture
def constant_network(tmp_path):
    """A function that writes an ONNX network which answers ``output`` whatever the image, and gives its path."""

    def write(output, height=64, width=96, names=None, file_name="constant.onnx"):
        output = np.asarray(output, np.float32)
        # The input is brought in as zero times its mean, so that the network has an input that it reads.
        nodes = [
            helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
            helper.make_node("Add", ["answer", "nothing"], ["output"]),
        ]
        stored = [
            numpy_helper.from_array(output, "answer"),
            numpy_helper.from_array(np.zeros(1, np.float32), "zero"),
        ]
        graph = helper.make_graph(
            nodes,
            "constant",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, height, width])],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, list(output.shape))],
            stored,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        if names is not None:
            helper.set_model_props(model, {"names": names})
        onnx.save(model, tmp_path / file_name)
        return tmp_path / file_name

    return write


@pytest.fixture
def images(tmp_path):
    """A folder of noise images by file name → (width, height)."""

    def write(sizes: dict[str, tuple[int, int]]):
        folder = tmp_path / "images"
        folder.mkdir(exist_ok=True)
        rng = np.random.default_rng(0)
        for name, (width, height) in sizes.items():
            cv2.imwrite(str(folder / name), rng.integers(0, 255, (height, width, 3), np.uint8))
        return folder

    return write


CLASSES = pd.DataFrame(
    {"category_id": [3, 18, 44], "name": ["car", "dog", "bottle"], "supercategory": "", "original_id": None}
)


@pytest.fixture
def dataset(tmp_path, images):
    """Seven images, the last of them not in the folder: (folder, image table, category table)."""
    sizes = {f"{i:012}.jpg": (60 + 7 * i, 100 - 5 * i) for i in range(1, 8)}
    folder = images(sizes)
    (folder / f"{7:012}.jpg").unlink()
    images = pd.DataFrame(
        {
            "image_id": np.arange(1, 8),
            "file_name": list(sizes),
            "width": np.array([w for w, _ in sizes.values()], np.int32),
            "height": np.array([h for _, h in sizes.values()], np.int32),
            "coco_url": "",
            "flickr_url": "",
            "original_id": None,
        }
    )
    for name, frame, schema in (("images", images, tables.IMAGES), ("categories", CLASSES, tables.CATEGORIES)):
        table = pa.Table.from_pandas(frame, schema, preserve_index=False)
        tables.write_table(table, schema, tmp_path / f"{name}.parquet")
    return folder, tmp_path / "images.parquet", tmp_path / "categories.parquet"
