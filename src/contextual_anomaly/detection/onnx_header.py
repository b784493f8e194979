"""What an ONNX file says of its input, outputs and classes, without running it."""

import ast
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from contextual_anomaly.detection.detector_families.base import KEYPOINTS, MASKS, Size
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.paths import escapes_directory
from contextual_anomaly.runtime.safe_text import short_repr

if TYPE_CHECKING:
    import onnx  # elsewhere within functions: a detector whose header is known does not need it

logger = logging.getLogger(__name__)

MAX_SIDE = 8192  # pixels of the input
MAX_BATCH = 1024  # images
STRIDE = 32  # pixels; the input's sides are multiples of it in all the families


class OnnxHeader(NamedTuple):
    """The input of a network, and its metadata."""

    input_size: Size
    batch: int | None  # None where it is open
    names: list[str] | None  # of the classes, where the metadata has them
    extra: int  # channels beside boxes and classes, by the metadata
    model: bytes | None  # the file with its open size filled in; None to take the file as it is


def read_onnx_header(path: Path, input_size: int = 0) -> OnnxHeader:
    """Read an ONNX file's header and check that it is a network from one image to boxes.

    Args:
        path: The file.
        input_size: Width and height in pixels for files that leave them open; 0 for those of the metadata.

    Raises:
        UserError: It is no ONNX file, its external data is missing, or it takes another kind of input.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
    except DecodeError as error:
        raise UserError(f"{path}: not an ONNX file, or one that is cut off.") from error
    # A file's own weights can be listed among its inputs.
    stored = {weights.name for weights in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in stored]
    if not inputs or not model.graph.output:
        raise UserError(f"{path}: not an ONNX file, or one without a network.")
    external = _check_external_data(path, model)
    _check_order(path, model.graph, {value.name for value in inputs} | stored)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    batch, height, width = _check_input(path, inputs)
    size, filled = (width, height), None
    if not width or not height:
        size = _open_size(path, width, height, input_size, metadata)
        if external:
            raise UserError(
                f"{path}: leaves the input's size open and keeps its weights in another file; export it with a fixed size."
            )
        dims = inputs[0].type.tensor_type.shape.dim
        dims[2].dim_value, dims[3].dim_value = size[1], size[0]
        model.graph.ClearField("value_info")  # shapes of what lies between
        filled = model.SerializeToString()
    elif input_size and (width, height) != (input_size, input_size):
        raise UserError(
            f"{path}: the file's input is {width} × {height} pixels and cannot be changed to {input_size}; leave out the "
            "input size, or export the file again."
        )
    names = _names(path, metadata["names"]) if "names" in metadata else None
    return OnnxHeader(size, batch, names, _extra_channels(metadata), filled)


def has_names(path: Path) -> bool:
    """Return whether a file's metadata has class names; False if it is no ONNX file, which `read_onnx_header` says."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, OSError):
        return False
    return any(entry.key == "names" for entry in model.metadata_props)


def _check_external_data(path: Path, model: "onnx.ModelProto") -> bool:
    """Return whether weights lie in other files; raise if one is missing or cut off."""
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data

    needed: dict[str, int] = {}
    for weights in model.graph.initializer:
        if uses_external_data(weights):
            try:
                info = ExternalDataInfo(weights)
            except ValueError as error:
                raise UserError(f"{path}: it is not clear where its external data are ({error}).") from error
            needed[info.location] = max(needed.get(info.location, 0), (info.offset or 0) + (info.length or 0))
    for name, size in needed.items():
        if escapes_directory(name):
            raise UserError(f"{path}: its external data, {name!r}, is not beside it; export without external data.")
        file = path.parent / name
        if not file.is_file():
            raise UserError(
                f"{path}: its external data, {name}, is missing beside it; copy both files, or export without external data."
            )
        if file.stat().st_size < size:
            raise UserError(f"{file}: {file.stat().st_size:,} bytes, {path.name} needs {size:,}: is it cut off?")
    return bool(needed)


def _check_order(path: Path, graph: Any, known: set[str]) -> None:
    """Raise if a node takes what no node before it gives, or a name is no text: OpenCV crashes on such a network."""
    given = {"", *known, *(weights.values.name for weights in graph.sparse_initializer)}
    for node in graph.node:
        if not all(isinstance(name, str) for name in (node.op_type, node.domain, *node.input, *node.output)):
            raise UserError(f"{path}: damaged, a name in it is not UTF-8.")
        if unknown := [name for name in node.input if name not in given]:
            raise UserError(f"{path}: damaged, a node takes {short_repr(unknown[0])}, which no node before it gives.")
        given.update(node.output)
    if unknown := [value.name for value in graph.output if value.name not in given]:
        raise UserError(f"{path}: damaged, no node gives its output {short_repr(unknown[0])}.")


def _check_input(path: Path, inputs: list[Any]) -> tuple[int, int, int]:
    """Return batch, height and width, 0 where they are open."""
    from onnx import TensorProto

    kind = inputs[0].type.tensor_type
    shown = [[d.dim_value or d.dim_param or "?" for d in i.type.tensor_type.shape.dim] for i in inputs]
    shape = [max(d.dim_value, 0) for d in kind.shape.dim]  # some exporters write -1 for an open size
    if len(inputs) > 1:
        names = ", ".join(value.name for value in inputs)
        raise UserError(
            f"{path}: has the inputs {names} of {shown}; one image was expected. Files that also take the image's size "
            "(RT-DETR's and YOLOv3's official exports) do their own resizing and are not supported: export by Ultralytics."
        )
    if len(shape) == 4 and shape[3] == 3 and shape[1] != 3:
        raise UserError(
            f"{path}: the input is {shown[0]}, channels last (NHWC), as TensorFlow has it; [1, 3, height, width] was "
            "expected. Convert it with `tf2onnx … --inputs-as-nchw`."
        )
    if len(shape) != 4 or shape[1] not in (0, 3):
        raise UserError(
            f"{path}: the inputs are {shown}, one of [1, 3, height, width] was expected: a detector of colour images."
        )
    if shape[0] > MAX_BATCH or max(shape[2:]) > MAX_SIDE:
        raise UserError(
            f"{path}: the input is {shown[0]}; {MAX_BATCH} images of {MAX_SIDE} × {MAX_SIDE} pixels at most were expected."
        )
    if kind.elem_type != TensorProto.FLOAT:
        name = TensorProto.DataType.Name(kind.elem_type).lower()
        what = "whole numbers" if "int" in name else "another precision"
        raise UserError(
            f"{path}: the input is of {what} ({name}), float32 was expected; export it with float32 input "
            "(Ultralytics: half=False, int8=False)."
        )
    return shape[0], shape[2], shape[3]


def _open_size(path: Path, width: int, height: int, input_size: int, metadata: dict[str, str]) -> Size:
    """Return the size for a file that leaves it open."""
    if not input_size:
        try:
            sides = ast.literal_eval(metadata.get("imgsz", ""))
            height, width = height or int(sides[0]), width or int(sides[1])
        except (ValueError, SyntaxError, TypeError, IndexError, KeyError, OverflowError, RecursionError, MemoryError):
            raise UserError(
                f"{path}: leaves the size of its input open; give it as --input-size (input_size in the configuration): "
                "the size that it was trained with, often 640."
            ) from None
        return width, height
    if input_size % STRIDE:
        lower = max(input_size // STRIDE, 1) * STRIDE
        raise UserError(
            f"{path}: an input size of {input_size} is no multiple of {STRIDE}; try {lower} or {lower + STRIDE}."
        )
    return width or input_size, height or input_size


def _extra_channels(metadata: dict[str, str]) -> int:
    """Return the channels of masks or keypoints that Ultralytics' metadata tells of."""
    task = metadata.get("task", "detect")
    if task == "segment":
        return MASKS
    if task == "pose":
        try:
            points, numbers = ast.literal_eval(metadata.get("kpt_shape", ""))
            return int(points) * int(numbers)
        except (ValueError, SyntaxError, TypeError, OverflowError, RecursionError, MemoryError):
            return KEYPOINTS
    return 0


def _names(path: Path, text: str) -> list[str]:
    """Read class names as Ultralytics writes them, {0: 'person', 1: 'bicycle'}; a list or JSON's text keys will do too."""
    try:
        names = ast.literal_eval(text)  # literals only, nothing is run
        if isinstance(names, dict):
            names = {int(number): name for number, name in names.items()}
        names = [names[i] for i in range(len(names))]
    except (ValueError, SyntaxError, KeyError, TypeError, RecursionError, MemoryError) as error:
        raise UserError(
            f"{path}: metadata names: {text[:60]!r} is not a list of names. Give them with --names."
        ) from error
    return [str(name) for name in names]
