"""`contextual-anomaly fuse`: detector and context together, calibrated."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def fuse(
    detections: Annotated[Path, typer.Option(help="Boxes of the detector (Parquet).")],
    class_scores: Annotated[Path, typer.Option(help="Largest confidence of each class in each image (Parquet).")],
    annotations: Annotated[Path, typer.Option(help="Objects of the split (Parquet).")],
    categories: Annotated[Path, typer.Option(help="Classes of the split (Parquet).")],
    model: Annotated[Path, typer.Option(help="The context model, one that leaves out the class it judges.")],
    train_scenes: Annotated[
        Path, typer.Option(help="Scenes of the training split, for how common classes are (Parquet).")
    ],
    presence: Annotated[Path, typer.Option(help="Probability of each class in each image (Parquet).")],
    boxes: Annotated[Path, typer.Option(help="The boxes with new confidences (Parquet).")],
    bottleneck: Annotated[int, typer.Option(min=1, help="Which variant of a sweep judges.")] = 64,
    folds: Annotated[int, typer.Option(min=2, help="Parts of the images; each is judged by a fit to the others.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the division into folds.")] = 0,
) -> None:
    """Fuse a detector's confidences with context, by logistic regression of their log-odds.

    Confidences are calibrated first; the context model reads the calibrated probabilities of all other classes; both
    are then weighed by a regression, for classes of images and for boxes. All fits are cross-validated over images: no
    image is judged by a fit that has seen its annotations. Example:

    `contextual-anomaly fuse --detections results/detections/world/val.parquet
    --class-scores results/class_scores/world/val.parquet --annotations results/annotations/val.parquet
    --categories results/categories/val.parquet --model results/models/masked.safetensors
    --train-scenes results/scenes/train.parquet --presence presence.parquet --boxes boxes.parquet`
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from contextual_anomaly import tables
    from contextual_anomaly.experiments.rescoring import fusion
    from contextual_anomaly.experiments.rescoring.box_precision import Matches
    from contextual_anomaly.experiments.rescoring.presence import read_presence
    from contextual_anomaly.experiments.schemas import FUSED, RESCORED_BOXES
    from contextual_anomaly.models.base import require_conditional, require_same_classes, variant_index
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.scenes import read_scenes
    from contextual_anomaly.stats.folds import assign_folds
    from contextual_anomaly.stats.log_odds import logit

    judge, common = load_model(model), read_scenes(train_scenes)
    require_same_classes(judge, common.classes, str(train_scenes))
    seen = read_presence(class_scores, annotations, judge)
    variant = variant_index(judge, bottleneck)
    require_conditional(judge, variant, "rescoring.fusion_model")
    images, classes = seen.score.shape
    fold = assign_folds(images, folds, seed)
    share = common.presence.mean(0)
    fused = fusion.fuse(seen.score, seen.annotated, share, judge, variant, fold)
    detector, context, prior, _ = fused.weights.mean(0)
    logger.info(
        f"{judge.name}: {images} images; log-odds weigh {detector:.2f} (detector), {context:.2f} (context), {prior:.2f} (prior)"
    )

    cells = [np.repeat(seen.image_ids, classes), np.tile(seen.category_ids, images)]
    cells += [values.ravel() for values in (seen.score, fused.calibrated, fused.expected, fused.fused, seen.annotated)]
    made_from = {"model": judge.name, "weights_sha256": seen.made_from["weights_sha256"]}
    tables.write_table(pa.table(cells, schema=FUSED), FUSED, presence, made_from)

    found = tables.read_table(detections, tables.DETECTIONS)
    rows = found.to_pandas()
    matches = Matches(
        tables.read_table(annotations, tables.ANNOTATIONS).to_pandas(),
        tables.read_table(categories, tables.CATEGORIES).to_pandas(),
        rows,
        seen.image_ids,
    )
    # Of a class that the context model does not know, nothing is expected.
    lifts = np.pad(logit(fused.fused) - logit(fused.calibrated), ((0, 0), (0, 1)))
    lift = lifts[matches.image, pd.Index(seen.category_ids).get_indexer(rows["category_id"])]
    rescored = fusion.fuse_boxes(
        matches.score, lift, matches.right.mean(0), 1 - matches.ignored.mean(0), fold[matches.image]
    )
    table = pa.table([*found.columns, lift.astype(np.float32), rescored], schema=RESCORED_BOXES)
    tables.write_table(table, RESCORED_BOXES, boxes, made_from)
