"""What the configuration, the command line and the code let a person choose from; each is listed here and nowhere else."""

from enum import StrEnum


class DatasetKind(StrEnum):
    """Where images and annotations come from."""

    synthetic = "synthetic"
    coco = "coco"
    own = "own"


class ImageDownload(StrEnum):
    """Which of the validation images of COCO are downloaded."""

    none = "none"
    subset = "subset"
    archive = "archive"


class DetectorFamily(StrEnum):
    """Which form a detector's output has."""

    darknet = "darknet"
    end2end = "end2end"
    yolov5 = "yolov5"
    yolov8 = "yolov8"
    yolox = "yolox"


class Resize(StrEnum):
    """How an image is fitted into the network's input."""

    letterbox = "letterbox"
    stretch = "stretch"


class Backend(StrEnum):
    """What a network runs on."""

    cpu = "cpu"
    opencl = "opencl"
    openvino = "openvino"
    cuda = "cuda"
    cuda_fp16 = "cuda_fp16"
    onnxruntime = "onnxruntime"
    onnxruntime_cuda = "onnxruntime_cuda"


class AnswerFormat(StrEnum):
    """How `check` writes its answers."""

    text = "text"
    jsonl = "jsonl"
    csv = "csv"
    coco = "coco"
    label_studio = "label-studio"
    cvat = "cvat"


HELD_OUT_EVERY = 5
"""Of the training images, every fifth one is held out where models are fitted, unless the scenes say otherwise; it is the
original's split."""

ORACLES = ("oracle", "oracle_with_boxes")
"""Families and names of the exact models of the synthetic world, which `world-oracle` writes."""
