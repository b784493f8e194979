"""`contextual-anomaly fuse`: detector and context together, calibrated."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import (
    AnnotationTable,
    Bottleneck,
    CategoryTable,
    ClassScores,
    Detections,
    Folds,
    FoldSeed,
    LeaveOneOutModel,
    TrainScenes,
)

logger = logging.getLogger(__name__)


def fuse(
    detections: Detections,
    class_scores: ClassScores,
    annotations: AnnotationTable,
    categories: CategoryTable,
    model: LeaveOneOutModel,
    train_scenes: TrainScenes,
    presence: Annotated[Path, typer.Option(help="Probability of each class in each image (Parquet).")],
    boxes: Annotated[Path, typer.Option(help="The boxes with new scores (Parquet).")],
    bottleneck: Bottleneck = 64,
    folds: Folds = 5,
    seed: FoldSeed = 0,
) -> None:
    """Fuse a detector's scores with context, by logistic regression of their log-odds.

    Scores are calibrated first; the context model is given the calibrated probabilities of all other classes; a regression
    weighs both, for classes of images and for boxes. All fits are cross-validated over images: no image is rescored by
    a fit to its own annotations.

    Example: `contextual-anomaly fuse --detections results/detections/world/val.parquet
    --class-scores results/class_scores/world/val.parquet --annotations results/annotations/val.parquet
    --categories results/categories/val.parquet --model results/models/masked.safetensors
    --train-scenes results/scenes/train.parquet --presence presence.parquet --boxes boxes.parquet`
    """
    from contextual_anomaly import tables
    from contextual_anomaly.experiments.rescoring import fusion
    from contextual_anomaly.experiments.rescoring.detected_presence import read_detected_presence
    from contextual_anomaly.experiments.schemas import FUSED_PRESENCE, RESCORED_BOXES
    from contextual_anomaly.models.base import require_same_classes
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.scenes import read_scenes

    context_model, train = load_model(model), read_scenes(train_scenes)
    require_same_classes(context_model, train.classes, str(train_scenes))
    detected = read_detected_presence(class_scores, annotations, context_model.classes)
    results = fusion.run(
        context_model,
        detected,
        train.presence.mean(0),
        tables.read_table(detections, tables.DETECTIONS).to_pandas(),
        tables.read_table(annotations, tables.ANNOTATIONS).to_pandas(),
        tables.read_table(categories, tables.CATEGORIES).to_pandas(),
        *(bottleneck, folds, seed),
    )
    of_detector, of_context, of_prior, _ = results.weights
    logger.info(
        f"{context_model.name}: {len(detected.image_ids)} images; weights of the log-odds: {of_detector:.2f} (detector), "
        f"{of_context:.2f} (context), {of_prior:.2f} (prior)"
    )
    made_from = {"model": context_model.name, **detected.made_by}
    tables.write_frame(results.presence, FUSED_PRESENCE, presence, made_from)
    tables.write_frame(results.boxes, RESCORED_BOXES, boxes, made_from)
