"""What is read from outside, and a sound example of each. A new reader gets a line in `TARGETS`."""

import gzip
import io
import json
import logging
import os
import random
import socket
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import yaml
from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

import contextual_anomaly as ca
from contextual_anomaly import tables
from contextual_anomaly.checking.exports import new_writer
from contextual_anomaly.checking.exports.html import HtmlPage
from contextual_anomaly.checking.objects import BadObjects, ImageObjects
from contextual_anomaly.checking.results import CheckResult, FalseAlarms
from contextual_anomaly.checking.scene_files import read_scene_file
from contextual_anomaly.checking.stream import check_stream
from contextual_anomaly.checking.terminal import TerminalText
from contextual_anomaly.config import read_config
from contextual_anomaly.detection.darknet.convert import convert
from contextual_anomaly.detection.detections import read_image_report
from contextual_anomaly.detection.detector_families.yolov8 import YOLOV8
from contextual_anomaly.detection.image_reading import UnreadableImage, read_image
from contextual_anomaly.detection.names import read_names
from contextual_anomaly.detection.network import Network
from contextual_anomaly.detection.onnx_header import read_onnx_header
from contextual_anomaly.download.archive import unpack_file, unpack_folder
from contextual_anomaly.download.transfer import RemoteFile, RetryPolicy, fetch, new_session
from contextual_anomaly.errors import UserError
from contextual_anomaly.formats.read import Options, read_annotations
from contextual_anomaly.formats.splits import read_split
from contextual_anomaly.models.calibration import read_calibration, write_calibration
from contextual_anomaly.models.registry import from_state, full_state, read_settings
from contextual_anomaly.models.store import write_model
from contextual_anomaly.predict import as_table, read_objects
from contextual_anomaly.review.verdicts import read_verdicts
from contextual_anomaly.runtime.choices import AnswerFormat
from contextual_anomaly.scenes import count_instances, read_scenes, write_scenes
from contextual_anomaly.watching.frames import Frame
from contextual_anomaly.watching.page.server import PageServer
from contextual_anomaly.watching.state import LiveState
from contextual_anomaly.watching.watcher import Watcher, WatchSettings
from tests.detection.onnx_files import write_onnx, yolov8
from tests.download.raw_server import raw_server
from tests.fuzz.mutations import NASTY_TEXT, as_json, mutated_bytes, mutated_text, mutated_value

ROOT = Path(__file__).resolve().parents[2]
OWN_ERRORS = (UserError,)


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        make: Returns an input of a random number generator.
        read: Reads it; gets the input and an empty folder.
        errors: The errors in which it may end.
        weight: How many inputs it gets, as a share of those of others: some take long.
    """

    make: Callable[[random.Random], bytes]
    read: Callable[[bytes, Path], object]
    errors: tuple[type[Exception], ...] = OWN_ERRORS
    weight: float = 1.0


def of_bytes(sound: Callable[[], bytes]) -> Callable[[random.Random], bytes]:
    return lambda rng: mutated_bytes(rng, sound())


def of_text(sound: Callable[[], bytes]) -> Callable[[random.Random], bytes]:
    return lambda rng: mutated_text(rng, sound())


def of_json(sound: Callable[[], object]) -> Callable[[random.Random], bytes]:
    def make(rng: random.Random) -> bytes:
        text = as_json(mutated_value(rng, sound()))
        return mutated_bytes(rng, text) if rng.random() < 0.1 else text

    return make


# Annotations.

CLASSES = ["cup", "fork", "knife"]
PICTURES = ["a.jpg", "sub/b.jpg", "c.jpg"]


def coco() -> dict:
    """COCO with what some files of it have."""
    outlines = [[[1, 2, 30, 2, 30, 40]], {"size": [100, 200], "counts": [5, 10, 19985]}, []]
    return {
        "info": {"year": 2026},
        "images": [
            {"id": n, "file_name": name, "width": 200, "height": 100, "coco_url": f"http://x.example/{name}", "neg_category_ids": [1]}
            for n, name in enumerate(PICTURES)
        ],
        "annotations": [
            {"id": n, "image_id": n % 3, "category_id": n % 3, "bbox": [1.5, 2, 30, 40], "area": 1200.0, "iscrowd": 0,
             "segmentation": outlines[n % 3]}
            for n in range(6)
        ],
        "categories": [{"id": n, "name": name, "supercategory": "kitchen"} for n, name in enumerate(CLASSES)],
    }  # fmt: skip


def label_studio() -> list:
    region = {"type": "rectanglelabels", "original_width": 200, "original_height": 100,
              "value": {"x": 1, "y": 2, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["cup"]}}  # fmt: skip
    return [
        {"id": n, "data": {"image": f"/data/local-files/?d={name}"}, "annotations": [{"id": n, "result": [region] * 2}]}
        for n, name in enumerate(PICTURES)
    ]


def voc() -> bytes:
    thing = (
        "<object><name>{}</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object>\n"
    )
    size = "<size><width>200</width><height>100</height><depth>3</depth></size>\n"
    return (
        f"<annotation>\n<filename>a.jpg</filename>\n{size}{''.join(map(thing.format, CLASSES))}</annotation>".encode()
    )


def cvat() -> bytes:
    shapes = (
        '<box label="cup" xtl="1" ytl="2" xbr="30" ybr="40" rotation="0"/>\n<polygon label="fork" points="1,2;3,4;5,6"/>\n'
        '<ellipse label="cup" cx="5" cy="5" rx="2" ry="2"/>\n<mask label="cup" left="1" top="1" width="3" height="3"/>\n'
        '<tag label="knife"/>\n'
    )
    pictures = "".join(
        f'<image id="{n}" name="{name}" width="200" height="100">\n{shapes}</image>\n'
        for n, name in enumerate(PICTURES)
    )
    return f'<?xml version="1.0"?>\n<annotations>\n<meta><job><labels><label><name>cup</name></label></labels></job></meta>\n{pictures}</annotations>'.encode()


CSV = {
    "boxes": b"filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,200,100,cup,1,2,30,40\nb.jpg,200,100,fork,1,2,30,40\n",
    "labels": b"image,labels\na.jpg,cup|fork\nb.jpg,knife;cup\nc.jpg,\n",
    "columns": b"image,cup,fork\na.jpg,1,0\nb.jpg,0,1\n",
    "open images": b"ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsGroupOf\na,x,/m/1,1,0.1,0.5,0.2,0.6,0\nb,x,/m/2,1,0.1,0.5,0.2,0.6,1\n",
}
LINES = b'{"image": "a.jpg", "labels": ["cup", "fork"]}\n{"image": "b.jpg", "class": "knife"}\n{"file_name": "c.jpg", "tags": []}\n'


def annotations(name: str) -> Callable[[bytes, Path], object]:
    """Read a file of that name as `annotations` does: whole, divided, strictly and in parts."""

    def read(data: bytes, folder: Path) -> object:
        path = folder / name
        path.write_bytes(data)
        for attempt in (
            lambda: read_annotations(path, Options(strict=True)),
            lambda: read_annotations(path, Options(part_bytes=150)),
            lambda: read_split(path, "val", Options(), divide=True),
        ):
            with suppress(UserError):
                attempt()
        reading = read_annotations(path).reading
        reading.report.write(folder / "problems.csv", "val")
        return count_instances(reading.annotations, reading.categories, "x")

    return read


def yolo(data: bytes, folder: Path) -> object:
    """Read a folder of which one file, by the first byte, is hostile."""
    parts = {
        "data.yaml": b"path: .\ntrain: images/train\nval: images/val\nnames: {0: cup, 1: fork}\n",
        "labels/train/a.txt": b"0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.1 0.1\n",
        "labels/val/b.txt": b"1 0.1 0.2 0.3 0.4 0.5 0.6\n",
        "classes.txt": b"cup\nfork\n",
    }
    names = list(parts)
    for name, content in parts.items():
        path = folder / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data[1:] if name == names[data[0] % len(names)] else content)
    for split in ("train", "val"):
        picture = folder / f"set/images/{split}/{'ab'[split == 'val']}.jpg"
        picture.parent.mkdir(parents=True)
        picture.write_bytes(jpeg())
    return read_split(folder / "set", "val", Options(), divide=True)


def a_yolo_file(rng: random.Random) -> bytes:
    which = rng.randrange(4)
    sound = (
        b"path: .\ntrain: images/train\nval: images/val\nnames:\n  0: cup\n  1: fork\nnc: 2\n",
        b"0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.1 0.1\n",
        b"1 0.1 0.2 0.3 0.4 0.5 0.6\n",
        b"cup\nfork\n",
    )
    return bytes([which]) + mutated_text(rng, sound[which])


# Files of earlier stages.


def scenes() -> ca.Scenes:
    counts = np.random.default_rng(0).integers(0, 3, (40, 3)).astype(np.uint16)
    return ca.Scenes(np.arange(40), counts, tuple(CLASSES), (1, 2, 3), "kitchens")


@cache
def fitted(family: str) -> ca.ContextAnomalyDetector:
    return ca.ContextAnomalyDetector(family).fit(scenes().presence)


def file_of(write: Callable[[Path], object], name: str) -> bytes:
    with TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return (Path(folder) / name).read_bytes()


@cache
def scenes_file() -> bytes:
    return file_of(lambda path: write_scenes(scenes(), path), "scenes.parquet")


@cache
def annotations_file() -> bytes:
    def write(path: Path) -> None:
        (path.parent / "a.json").write_bytes(as_json(coco()))
        table = read_annotations(path.parent / "a.json").reading.annotations
        tables.write_table(table, tables.ANNOTATIONS, path)

    return file_of(write, "annotations.parquet")


@cache
def model_file(family: str) -> bytes:
    return file_of(lambda path: ca.save_model(fitted(family).model_, path), "model.safetensors")


@cache
def calibration_file() -> bytes:
    return file_of(lambda path: write_calibration(fitted("naive_bayes").calibration_, path), "c.parquet")


def from_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    def run(data: bytes, folder: Path) -> object:
        (folder / name).write_bytes(data)
        return read(folder / name)

    return run


def predict_with(path: Path) -> object:
    model = ca.load_model(path)
    return ca.Predictor(model).predict(dict.fromkeys(model.classes[:2], 1.0)).as_json()


def any_model(rng: random.Random) -> bytes:
    return mutated_bytes(rng, model_file(rng.choice(("naive_bayes", "frequency", "chow_liu", "ease"))))


def a_stamped_model(rng: random.Random) -> bytes:
    """A model whose digest is right and whose content is hostile: somebody has made it so."""
    metadata, tensors = full_state(fitted(rng.choice(("naive_bayes", "frequency", "chow_liu", "ease"))).model_)
    if rng.random() < 0.6:
        values = dict(metadata)
        name = rng.choice(sorted(values))
        with suppress(ValueError):
            values[name] = as_json(mutated_value(rng, json.loads(values[name]))).decode()
        metadata = values if values != metadata else {**metadata, name: str(rng.choice(NASTY_TEXT))}
    else:
        name = rng.choice(sorted(tensors))
        tensor = tensors[name].copy()
        odd = [tensor.astype(np.float64), tensor[..., :0], tensor.reshape(-1), tensor[None], tensor.astype(np.int8)]
        if tensor.dtype.kind == "f":
            tensor.reshape(-1)[rng.randrange(tensor.size)] = rng.choice((np.nan, np.inf, -np.inf, 3e38))
        else:
            tensor.reshape(-1)[rng.randrange(tensor.size)] = rng.choice((-1, 100, 127))
        tensors = {**tensors, name: rng.choice((tensor, tensor, *odd))}
        if rng.random() < 0.2:
            del tensors[name]
    return file_of(lambda path: write_model(path, tensors, metadata), "m.safetensors")


# Settings.


@cache
def settings_text() -> bytes:
    return b"\n".join(
        line for line in (ROOT / "config.yaml").read_bytes().split(b"\n") if not line.lstrip().startswith(b"#")
    )


def a_bomb(rng: random.Random, leaf: str = "x") -> bytes:
    """YAML whose aliases stand for 9 to the power of 9 values; nobody should write them out."""
    levels = [f"a0: &a0 [{leaf}, {leaf}]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    where = rng.choice(
        ("names: *a9", "world: {seed: *a9}", "dataset: {name: *a9}", "models: *a9", "results: *a9", "x: *a9")
    )
    return "\n".join([*(line for line in levels), where]).encode()


def settings(rng: random.Random) -> bytes:
    text = a_bomb(rng) if rng.random() < 0.02 else mutated_text(rng, settings_text())
    return text.decode(errors="replace").encode()  # what is not UTF-8 ends in Snakemake itself


def read_settings_file(path: Path) -> object:
    """As the Snakefile does: Snakemake reads the file, the project checks it."""
    try:
        config = load_configfile(path)
    except RecursionError as error:  # in Snakemake, before the project has a say
        raise WorkflowError("nested too deeply") from error
    merged = yaml.safe_load(settings_text())
    update_config(merged, config)
    return read_config(merged, {})


def names(rng: random.Random) -> bytes:
    return (
        a_bomb(rng) if rng.random() < 0.02 else mutated_text(rng, b"path: x\nnames:\n  0: cup\n  1: fork\n  2: knife\n")
    )


# Archives.


@cache
def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name in ("val2017/a.jpg", "val2017/sub/b.jpg", "annotations/i.json"):
            package.writestr(name, bytes(range(256)) * 3)
    return buffer.getvalue()


def unpack(path: Path) -> object:
    with suppress(UserError):
        unpack_file(path, "annotations/i.json", path.parent / "in" / "i.json")
    count = unpack_folder(path, "val2017/", path.parent / "in" / "out")
    outside = [file for file in path.parent.rglob("*") if not file.is_relative_to(path.parent / "in") and file != path]
    assert not outside, outside
    return count


# Detectors and images.

CFG = b"""[net]
width=64
height=64
channels=3
[convolutional]
batch_normalize=1
filters=4
size=3
stride=2
pad=1
activation=leaky
[maxpool]
size=2
stride=2
[route]
layers=-1,-2
[upsample]
stride=2
[shortcut]
from=-2
activation=linear
[convolutional]
filters=16
size=1
stride=1
activation=linear
[yolo]
mask=0,1
anchors=1,2, 3,4, 5,6
classes=3
num=3
"""
CFG = CFG.replace(b"layers=-1,-2", b"layers=-1").replace(b"from=-2", b"from=-4")


@cache
def weights() -> bytes:
    """Weights of `CFG`: a header, and 4·4 + 4·27 and 16 + 16·4 numbers."""
    header = np.array([0, 2, 5, 0, 0], "<i4").tobytes()
    return header + np.linspace(0.1, 1, 4 * 4 + 4 * 27 + 16 + 16 * 4).astype("<f4").tobytes()


def darknet(data: bytes, folder: Path) -> object:
    is_cfg = data[0] % 2 == 0
    (folder / "x.cfg").write_bytes(data[1:] if is_cfg else CFG)
    (folder / "x.weights").write_bytes(weights() if is_cfg else data[1:])
    return convert(folder / "x.cfg", folder / "x.weights").SerializeToString()


def a_darknet_file(rng: random.Random) -> bytes:
    return b"\0" + mutated_text(rng, CFG) if rng.random() < 0.7 else b"\1" + mutated_bytes(rng, weights())


@cache
def onnx_file() -> bytes:
    metadata = {"names": {0: "cup", 1: "fork", 2: "knife"}, "imgsz": [64, 64], "task": "detect"}
    return file_of(lambda path: write_onnx(path, {"output0": yolov8()}, metadata, shape=(1, 3, 0, 0)), "x.onnx")


@cache
def fixed_onnx_file() -> bytes:
    return file_of(lambda path: write_onnx(path, {"output0": yolov8()}, {"names": dict(enumerate(CLASSES))}), "x.onnx")


def run_network(path: Path) -> object:
    """Load a network into OpenCV and run it, in a process of its own: a crash would end all others."""
    process = os.fork()
    if process == 0:
        with suppress(UserError):
            network = Network(path, "yolov8", YOLOV8)
            network.detect(network.prepare(np.zeros((64, 64, 3), np.uint8))[1])
            os._exit(0)
        os._exit(3)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if status == 3:
        raise UserError("of the other process")
    assert status == 0, f"the process ended with {status}"
    return status


@cache
def jpeg() -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    return cv2.imencode(".jpg", noise)[1].tobytes()


def an_image(rng: random.Random) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    return mutated_bytes(rng, cv2.imencode(rng.choice((".jpg", ".png", ".bmp", ".webp", ".tiff")), noise)[1].tobytes())


def an_image_report(rng: random.Random) -> bytes:
    return mutated_text(rng, b"image_id,file_name,status,problem\n1,a.jpg,run,\n2,b.jpg,unreadable,the file is empty\n")


# Streams and the network.


def a_line(rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return as_json(mutated_value(rng, {"x0": 0.9, "x1": 1, "x2": 0.25}))
    return mutated_text(rng, rng.choice((b"x0, x1", b"x0=0.7,x2=1", b"x1")))


def predict_line(data: bytes, folder: Path) -> object:
    text = data.decode(errors="surrogateescape")
    prediction = ca.Predictor(fitted("naive_bayes").model_).predict(read_objects(text))
    return as_table(prediction), json.loads(prediction.as_json())


STREAM = [
    {"cup": 0.9, "fork": 0.4},
    ["cup", "fork"],
    [{"category": "cup", "score": 0.9, "box": [1, 2, 30, 40]}, {"label": "knife", "bbox": [1, 2, 3, 4]}],
    {"image": "a.jpg", "id": 7, "width": 200, "height": 100, "objects": [{"name": "cup", "box": [1, 2, 30, 40]}]},
    [{"image_id": 1, "category_id": 47, "bbox": [1, 2, 30, 40], "score": 0.9}],
]


def a_stream(rng: random.Random) -> bytes:
    """Some lines for `check -`, one of them hostile at least."""
    lines = [as_json(mutated_value(rng, rng.choice(STREAM))) for _ in range(rng.choice((1, 3)))]
    return b"\n".join([b"cup, fork", *lines, mutated_text(rng, b"cup, fork, knife")])


@cache
def kitchen() -> ca.Checker:
    """Flags every second thing, so that what is written holds hostile names."""
    rng = np.random.default_rng(0)
    detector = ca.ContextAnomalyDetector("naive_bayes").fit(rng.random((60, 3)) < 0.5)
    model = replace_classes(detector.model_)
    return ca.Checker(model, annotated=detector.calibration_, false_alarms=FalseAlarms(0.9, 0.9))


def replace_classes(model: ca.ContextModel) -> ca.ContextModel:
    metadata, tensors = full_state(model)
    return from_state({**metadata, "classes": json.dumps(CLASSES)}, tensors)


def write_answers(answers: list[CheckResult]) -> object:
    """Write answers in every way there is; no terminal and no page obeys what is in them, and none is a fault."""
    written = {}
    for name in (*AnswerFormat, "html"):
        out = io.StringIO()
        if name == AnswerFormat.text:
            writer = TerminalText(out, colour=False)
        else:
            writer = HtmlPage(out) if name == "html" else new_writer(name, out)
        for answer in answers:
            writer.write(answer)
        writer.close()
        written[str(name)] = out.getvalue()
    assert not set(written["text"]) & set("\0\x1b\u202e"), "a control character reaches the terminal"
    assert "<!DOCTYPE x>" not in written["html"], "a name is markup"
    failed = [answer.error for answer in answers if answer.error is not None]
    assert all(error.kind != "failed" for error in failed), failed
    if failed:
        raise UserError("of a line")
    return written


def check_lines(data: bytes, folder: Path) -> object:
    return write_answers(list(check_stream(kitchen(), io.BytesIO(data), "-")))


def check_annotations(path: Path) -> object:
    return write_answers([kitchen().judge(objects, str(path)) for objects in read_scene_file(path)])


VERDICTS = [
    {"finding_id": "a1", "kind": "unexpected", "category": "cup", "verdict": "confirmed"},
    {"finding_id": "a2", "kind": "missing", "category": "fork", "verdict": "rejected"},
]


def a_review(rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return mutated_text(rng, b"finding_id,kind,category,verdict\na1,unexpected,cup,confirmed\na2,missing,fork,\n")
    tasks = [
        {
            "data": {"listed": [{**row, "choice": n} for n, row in enumerate(VERDICTS)]},
            "annotations": [
                {
                    "result": [
                        {
                            "id": "r",
                            "from_name": "verdict",
                            "value": {"choices": ["confirmed"], "x": 1, "y": 2},
                            "original_width": 9,
                        }
                    ]
                }
            ],
        }
    ]
    return as_json(mutated_value(rng, rng.choice((VERDICTS, tasks))))


ANSWERS = (
    b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: "a"\r\n\r\n' + bytes(1000),
    b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-999/1000\r\nContent-Length: 1000\r\n\r\n" + bytes(1000),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + bytes(1000) + b"\r\n0\r\n\r\n",
    b"HTTP/1.1 302 There\r\nLocation: http://x.example/1.jpg\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 503 Later\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 416 Range\r\nContent-Length: 0\r\n\r\n",
)
PATIENCE = RetryPolicy(max_retries=0, backoff_factor=0, timeout=0.5, max_seconds=2)


def download(data: bytes, folder: Path) -> object:
    from functools import partial

    from contextual_anomaly.download.hosts import AllowedHosts

    session = new_session(PATIENCE, partial(AllowedHosts, (), ["127.0.0.1"]))
    with raw_server() as server, session:
        server.answer = data
        return fetch(RemoteFile((server.address,), max_size=10_000), folder / "x.jpg", session, PATIENCE)


class Refused(Exception):
    """The page has answered that a request is wrong."""


REQUESTS = (
    b"GET /frame.jpg?after=7&boxes=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /api/scene?frame=7 HTTP/1.1\r\nHost: 127.0.0.1:80\r\nSec-Fetch-Site: same-origin\r\nOrigin: http://127.0.0.1:80\r\n\r\n",
    b"GET /events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 19a.1\r\nAuthorization: Basic YTpi\r\n\r\n",
    b"GET /snapshots/a-1.jpg HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
    b"HEAD /stream.mjpg HTTP/1.0\r\nHost: localhost\r\n\r\n",
    b"GET /../metrics HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n",
)
QUESTIONS = (("what-if", {"without": [1, 2], "added": ["cup", "knife"]}), ("belongs-here", {"event": "a-1"}))


def a_request(rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return mutated_text(rng, rng.choice(REQUESTS))
    name, question = rng.choice(QUESTIONS)
    body = as_json(mutated_value(rng, question))
    head = (
        f"POST /api/{name} HTTP/1.1\r\nHost: localhost\r\nX-Contextual-Anomaly: 1\r\nContent-Type: application/json\r\n"
    )
    whole = head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body
    return mutated_text(rng, whole) if rng.random() < 0.2 else whole


@cache
def page() -> tuple[PageServer, list[logging.LogRecord]]:
    """The page of a watch that has seen a cup and a fork, and what its server complains of."""
    watcher = Watcher(kitchen(), WatchSettings(), "kitchen")
    live = LiveState("kitchen", watcher)
    frame = Frame(7, 0.0, 0.0, np.zeros((24, 32, 3), np.uint8))
    step = watcher.step(frame, ImageObjects.of(["cup", "fork"], boxes=[(1, 2, 3, 4), None]))
    live.show(frame, step.scene, step.events, {})
    complaints: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = complaints.append
    logging.getLogger("uvicorn.error").addHandler(handler)
    server = PageServer(live, 0)
    server.start()
    return server, complaints


def ask_page(data: bytes, folder: Path) -> object:
    """Send a request, look at the beginning of the answer, and go; some requests wait, and have none."""
    server, complaints = page()
    with socket.create_connection(("127.0.0.1", int(server.address.rstrip("/").rpartition(":")[2]))) as client:
        client.settimeout(0.3)
        with suppress(OSError):
            client.sendall(data)
        answer = b""
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)
            answer = client.recv(1000)
    assert not complaints, complaints[0].getMessage()
    status = int(answer.split(b" ", 2)[1]) if answer else 200
    assert status < 500 or status == 503, answer  # 503: too many look on, as those that went are noticed later
    if status >= 400:
        raise Refused
    return status


TARGETS: dict[str, Target] = {
    "COCO": Target(of_json(coco), annotations("a.json")),
    "COCO, bytes": Target(of_text(lambda: as_json(coco())), annotations("a.json")),
    "Label Studio": Target(of_json(label_studio), annotations("a.json")),
    "JSON lines": Target(of_text(lambda: LINES), annotations("a.jsonl")),
    "CSV": Target(lambda rng: mutated_text(rng, CSV[rng.choice(sorted(CSV))]), annotations("a.csv")),
    "Pascal VOC": Target(of_text(voc), annotations("a.xml")),
    "CVAT": Target(of_text(cvat), annotations("a.xml")),
    "YOLO": Target(a_yolo_file, yolo),
    "gzip": Target(of_bytes(lambda: gzip.compress(as_json(coco()), mtime=0)), annotations("a.json.gz")),
    "table of annotations": Target(
        of_bytes(annotations_file), from_file("a.parquet", lambda path: tables.read_table(path, tables.ANNOTATIONS))
    ),
    "table of scenes": Target(of_bytes(scenes_file), from_file("s.parquet", read_scenes)),
    "image report": Target(an_image_report, from_file("r.csv", read_image_report)),
    "model": Target(any_model, from_file("m.safetensors", predict_with)),
    "model, with its digest": Target(a_stamped_model, from_file("m.safetensors", predict_with)),
    "calibration": Target(of_bytes(calibration_file), from_file("c.parquet", read_calibration)),
    "settings": Target(settings, from_file("c.yaml", read_settings_file), (UserError, WorkflowError), 0.3),
    "settings of a model": Target(
        of_json(lambda: {"family": "masked", "units": 8, "seeds": [0, 1], "epochs": 3, "geometry": True}),
        lambda data, folder: read_settings(data.decode(errors="surrogateescape")),
    ),
    "class names": Target(names, from_file("n.yaml", read_names)),
    "archive": Target(of_bytes(archive), from_file("a.zip", unpack)),
    "Darknet": Target(a_darknet_file, darknet),
    "ONNX header": Target(of_bytes(onnx_file), from_file("x.onnx", lambda path: read_onnx_header(path))),
    "ONNX network": Target(of_bytes(fixed_onnx_file), from_file("x.onnx", run_network), weight=0.5),
    "image": Target(an_image, from_file("x.jpg", lambda path: read_image(path, 32, 24)), (UnreadableImage,)),
    "scenes for predict": Target(a_line, predict_line),
    "stream for check": Target(a_stream, check_lines, weight=0.5),
    "annotations for check": Target(of_json(coco), from_file("a.json", check_annotations), (UserError, BadObjects), 0.5),
    "verdicts": Target(a_review, from_file("v.json", read_verdicts)),
    "HTTP answers": Target(
        lambda rng: mutated_text(rng, rng.choice(ANSWERS)) if rng.random() < 0.5 else mutated_bytes(rng, rng.choice(ANSWERS)),
        download, weight=0.3,
    ),
    "requests to the page": Target(a_request, ask_page, (Refused,)),
}  # fmt: skip
"""By kind of input."""
