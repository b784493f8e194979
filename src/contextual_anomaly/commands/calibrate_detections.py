"""`contextual-anomaly calibrate-detections`: p-values that hold behind a detector."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import (
    AnnotationTable,
    CalibrationTable,
    CategoryTable,
    Detections,
    Folds,
    FoldSeed,
    ImageReport,
    ImageTable,
    ModelFile,
)

logger = logging.getLogger(__name__)


def calibrate_detections(
    model: ModelFile,
    calibration: CalibrationTable,
    detector: Annotated[str, typer.Option(help="The detector's name.")],
    detections: Detections,
    image_report: ImageReport,
    images: ImageTable,
    categories: CategoryTable,
    annotations: AnnotationTable,
    output: Annotated[Path, typer.Option(help="The calibration behind the detector (Parquet).")],
    rates: Annotated[Path, typer.Option(help="False alarms that were promised, and those on held-out images (CSV).")],
    minimum_classes: Annotated[
        int, typer.Option(min=1, help="Calibrate on images in which the detector reports at least so many classes.")
    ] = 2,
    bottleneck: Annotated[int, typer.Option(min=1, help="Of a sweep, the variant to use.")] = 10,
    folds: Folds = 5,
    seed: FoldSeed = 0,
) -> None:
    """Calibrate a context model on what a detector reports in images that neither of them was trained on.

    A calibration from annotations promises nothing behind a detector, whose mistakes look odd more often than what is
    there. Scores become probabilities that the class is in the image. The promise is checked by cross-validation: each
    part of the images is judged by a calibration on the others, and by the one from annotations.

    Example: `contextual-anomaly calibrate-detections --model ensemble.safetensors
    --calibration ensemble.calibration.parquet --detector yolox-nano
    --detections results/detections/yolox-nano/val.parquet --image-report results/detections/yolox-nano/images.csv
    --images results/images/val.parquet --categories results/categories/val.parquet
    --annotations results/annotations/val.parquet --output ensemble.yolox-nano.calibration.parquet --rates rates.csv`
    """
    from contextual_anomaly.detection.detections import read_detected_image_ids
    from contextual_anomaly.experiments.false_alarms import false_alarms
    from contextual_anomaly.models import detection_calibration as behind
    from contextual_anomaly.models.calibration import read_calibration, write_calibration
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.models.score_curve import AS_IT_IS
    from contextual_anomaly.runtime.atomic import write_csv

    loaded = load_model(model)
    image_ids = read_detected_image_ids(image_report)
    scenes = behind.read_detected_scenes(detections, image_ids, images, categories, annotations)
    made = behind.calibrate_detections(loaded, bottleneck, scenes, minimum_classes, detector)
    known = read_calibration(calibration, loaded)
    write_csv(false_alarms(loaded, bottleneck, scenes, minimum_classes, known, folds, seed), rates)
    write_calibration(made, output)
    if made.score_curve == AS_IT_IS:
        logger.warning(
            f"{detector}: too few reported classes say what its scores mean; they are taken as probabilities"
        )
    logger.info(
        f"{loaded.name} behind {detector}: {len(made.present):,} reported classes in {made.images:,} images; "
        f"no p-value is below {made.smallest:.2g}"
    )
