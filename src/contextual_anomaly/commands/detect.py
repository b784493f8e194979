"""`contextual-anomaly detect`: one shard of the images through a detector."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.runtime.choices import Backend, DetectorFamily, Resize

logger = logging.getLogger(__name__)


def detect(
    images: Annotated[Path, typer.Option(help="Folder of the images.")],
    image_table: Annotated[Path, typer.Option(help="Images of the split (Parquet); those in the folder are run.")],
    categories: Annotated[Path, typer.Option(help="Classes of the split (Parquet).")],
    weights: Annotated[Path, typer.Option(help="The detector, as ONNX.")],
    family: Annotated[DetectorFamily, typer.Option(help="How the network's output is laid out.")],
    detections: Annotated[Path, typer.Option(help="Boxes after non-maximum suppression (Parquet).")],
    class_scores: Annotated[Path, typer.Option(help="Largest confidence of each class in each image (Parquet).")],
    image_report: Annotated[Path, typer.Option(help="What became of each image, as CSV.")],
    names: Annotated[
        Path | None,
        typer.Option(
            help="Text file, one class a line in the order of the network's outputs. Default: as in the ONNX."
        ),
    ] = None,
    resize: Annotated[
        Resize, typer.Option(help="Whether images keep their shape, the rest grey, or fill the network's input.")
    ] = Resize.letterbox,
    score_threshold: Annotated[float, typer.Option(min=0, max=1, help="Boxes at or below it are not kept.")] = 0.01,
    nms_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Of two boxes of one class that overlap more, the weaker goes.")
    ] = 0.5,
    shard: Annotated[int, typer.Option(min=0, help="Which part of the images, from 0 on.")] = 0,
    shards: Annotated[int, typer.Option(min=1, help="Into how many parts the images are divided.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Processor cores to use.")] = 1,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time, where the ONNX leaves that open.")] = 1,
    backend: Annotated[
        Backend, typer.Option(help="What the network runs on; the processor where this OpenCV has no other.")
    ] = Backend.cpu,
) -> None:
    """Run a detector on images, through OpenCV's DNN module.

    The network runs once an image, and everything later reads these tables, whatever its thresholds. Classes are
    matched with those of the data set by name. An image that is not in the folder or cannot be read is named in the
    image report, and the rest goes on. Images are read ahead of the network. On the processor each thread has a network of
    its own, so that no core waits and the result does not depend on their number. `merge-detections` puts the shards together. Example, all images at once:

    `contextual-anomaly detect --images val2017 --image-table results/images/val.parquet
    --categories results/categories/val.parquet --weights yolox_nano.onnx --family yolox --threads 2
    --detections 0.parquet --class-scores 0.scores.parquet --image-report 0.csv`
    """
    from hashlib import file_digest

    import cv2

    from contextual_anomaly import tables
    from contextual_anomaly.detection.backend import CPU, available
    from contextual_anomaly.detection.detector import run, shard_of
    from contextual_anomaly.detection.detector_families.registry import DETECTOR_FAMILIES
    from contextual_anomaly.detection.names import match_names, read_names
    from contextual_anomaly.detection.network import Network

    rows = shard_of(tables.read_table(image_table, tables.IMAGES).to_pandas(), images, shard, shards)
    classes = tables.read_table(categories, tables.CATEGORIES).to_pandas()
    in_dataset = classes["name"].tolist()
    chosen = available(backend)
    if chosen == CPU:
        cv2.setNumThreads(1)
    how = family, DETECTOR_FAMILIES[family], resize is Resize.stretch, chosen, batch_size
    network = Network(weights, *how)
    networks = [network] + [Network(weights, *how) for _ in range(threads - 1) if network.backend == CPU]
    if names:
        given, names_of = read_names(names), str(names)
    elif network.names:
        given, names_of = network.names, f"{weights}: metadata"
    else:
        given, names_of = in_dataset, f"{weights} has no class names of its own, so those of {categories} were taken"
    columns = match_names(given, names_of, network.classes, in_dataset)
    width, height = network.input_size
    logger.info(
        f"{weights.name}: {family}, {network.classes} classes, input {width} × {height}, {network.batch} at a time; "
        f"OpenCV {cv2.__version__} on {network.backend}, {len(networks)} side by side"
    )
    results = run(networks, columns, classes, rows, images, score_threshold, nms_threshold, threads)
    with weights.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    made_from = {
        "weights": weights.name,
        "weights_sha256": digest,
        "family": str(family),
        "resize": str(resize),
        "backend": network.backend,
        "batch": str(network.batch),
        "score_threshold": str(score_threshold),
        "nms_threshold": str(nms_threshold),
        "shard": str(shard),
        "shards": str(shards),
    }
    results.with_metadata(made_from).write(detections, class_scores, image_report)
    counts = results.report["status"].value_counts()
    logger.info(
        f"{len(results.detections):,} boxes; images: " + ", ".join(f"{n:,} {status}" for status, n in counts.items())
    )
