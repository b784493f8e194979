"""`contextual-anomaly detect`: one shard of the images through a detector."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import Threads
from contextual_anomaly.runtime.choices import Backend, DetectorFamily, Resize

logger = logging.getLogger(__name__)


def detect(
    images: Annotated[Path, typer.Option(help="Folder of the images.")],
    weights: Annotated[Path, typer.Option(help="The detector, as ONNX.")],
    family: Annotated[DetectorFamily, typer.Option(help="How the network's output is laid out.")],
    detections: Annotated[Path, typer.Option(help="Boxes after non-maximum suppression (Parquet).")],
    class_scores: Annotated[Path, typer.Option(help="Largest confidence of each class in each image (Parquet).")],
    image_report: Annotated[Path, typer.Option(help="What became of each image, as CSV.")],
    image_table: Annotated[
        Path | None,
        typer.Option(help="Images of the split (Parquet); those in the folder are run. Default: all of the folder."),
    ] = None,
    categories: Annotated[
        Path | None, typer.Option(help="Classes of the split (Parquet). Default: the network's own.")
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            help="Class names in the order of the network's outputs: a text file, one a line, or YAML. Default: as in the ONNX."
        ),
    ] = None,
    resize: Annotated[
        Resize, typer.Option(help="Whether images keep their shape, the rest grey, or fill the network's input.")
    ] = Resize.letterbox,
    score_threshold: Annotated[float, typer.Option(min=0, max=1, help="Boxes at or below it are not kept.")] = 0.01,
    nms_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Of two boxes of one class that overlap more, the weaker is suppressed.")
    ] = 0.5,
    shard: Annotated[int, typer.Option(min=0, help="Which part of the images, from 0 on.")] = 0,
    shards: Annotated[int, typer.Option(min=1, help="Into how many parts the images are divided.")] = 1,
    threads: Threads = 1,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time, where the ONNX leaves that open.")] = 1,
    input_size: Annotated[
        int, typer.Option(min=0, help="Width and height of the input in pixels, where the ONNX leaves that open.")
    ] = 0,
    backend: Annotated[
        Backend, typer.Option(help="What the network runs on; the processor where it is not available.")
    ] = Backend.cpu,
) -> None:
    """Run a detector on images, through OpenCV's DNN module or ONNX Runtime.

    The network runs once per image; everything later reads these tables, whatever its thresholds. Classes are matched
    with those of the data set by name. An image that is not in the folder or cannot be read is named in the image
    report, and the rest goes on. On the processor each thread has a network of its own, and the result does not depend
    on their number. `merge-detections` puts the shards together. A folder of images alone, which nobody has annotated,
    is enough: images and classes are numbered from 1 on then. Example, all images at once:

    `contextual-anomaly detect --images val2017 --image-table results/images/val.parquet
    --categories results/categories/val.parquet --weights yolox_nano.onnx --family yolox --threads 2
    --detections 0.parquet --class-scores 0.scores.parquet --image-report 0.csv`
    """
    from contextual_anomaly import tables
    from contextual_anomaly.detection.detector import Detector, images_of, shard_of
    from contextual_anomaly.runtime.atomic import require_whole

    classes = tables.read_table(categories, tables.CATEGORIES).to_pandas() if categories else None
    listed = tables.read_table(image_table, tables.IMAGES).to_pandas() if image_table else images_of(images)
    rows = shard_of(listed, images, shard, shards)
    require_whole(images, rows["file_name"])
    detector = Detector.load(
        weights,
        family,
        classes,
        names=names,
        resize=resize,
        backend=backend,
        batch_size=batch_size,
        input_size=input_size,
        threads=threads,
        score_threshold=score_threshold,
        nms_threshold=nms_threshold,
    )
    found = detector.detect(rows, images, threads).with_metadata({"shard": str(shard), "shards": str(shards)})
    if shards == 1:
        found.check_not_empty()
    found.write(detections, class_scores, image_report)
    logger.info(found.summary())
