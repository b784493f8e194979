"""`contextual-anomaly rescore`: the published gate of experiment 2."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import (
    AnnotationTable,
    BootstrapSeed,
    Bottleneck,
    ClassScores,
    ImageTable,
    ModelFile,
    Resamples,
    Thresholds,
    Unseen,
)

logger = logging.getLogger(__name__)


def rescore(
    class_scores: ClassScores,
    annotations: AnnotationTable,
    images: ImageTable,
    model: ModelFile,
    threshold: Thresholds,
    summary: Annotated[
        Path, typer.Option(help="Precision, recall, F1 and counts of each method and threshold, as CSV.")
    ],
    trials: Annotated[Path, typer.Option(help="Score, probability and truth of each image and class (Parquet).")],
    supported: Annotated[
        Path, typer.Option(help="How often context supports detections without an annotation, as CSV.")
    ],
    supported_images: Annotated[Path, typer.Option(help="The images of these, for a person to look at, as CSV.")],
    bottleneck: Bottleneck = 10,
    keep_above: Annotated[
        float, typer.Option(min=0, max=1, help="A detection of a higher score is always kept.")
    ] = 0.5,
    context_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="A weaker one is kept where its class has a higher probability.")
    ] = 0.1,
    minimum_classes: Annotated[int, typer.Option(min=1, help="Images of fewer annotated classes are left out.")] = 3,
    n_resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
    unseen: Unseen = None,
    summary_by_part: Annotated[
        Path | None, typer.Option(help="The summary of unseen and of seen images, with --unseen, as CSV.")
    ] = None,
) -> None:
    """Let context decide on weak detections, and compare with the detector alone.

    Of the classes above the threshold, the published gate keeps those above --keep-above, and the weaker ones where the
    context model, given the detector's scores, expects them. Beside it stands the precision of the detector alone at the
    same recall.

    Example: `contextual-anomaly rescore --class-scores scores.parquet --annotations annotations.parquet --images
    images.parquet --model published.safetensors --threshold 0.25 --threshold 0.5 --summary summary.csv
    --trials trials.parquet --supported supported.csv --supported-images images.csv`
    """
    from contextual_anomaly import tables
    from contextual_anomaly.detection.results import read_image_ids
    from contextual_anomaly.experiments.rescoring import gate
    from contextual_anomaly.experiments.rescoring.detected_presence import read_detected_presence
    from contextual_anomaly.experiments.schemas import GATE_TRIALS
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.runtime.atomic import write_csv

    context_model = load_model(model)
    presence = read_detected_presence(class_scores, annotations, context_model.classes)
    image_table = tables.read_table(images, tables.IMAGES).to_pandas()
    results = gate.run(
        context_model, presence, image_table, threshold, bottleneck,
        keep_above, context_threshold, minimum_classes, n_resamples, seed,
        None if unseen is None else read_image_ids(unseen, image_table),
    )  # fmt: skip
    logger.info(
        f"{context_model.name}: {results.trials['image_id'].nunique()} images of {minimum_classes} or more classes"
    )
    write_csv(results.summary, summary)
    write_csv(results.supported, supported)
    write_csv(results.supported_images, supported_images)
    if summary_by_part is not None:
        write_csv(results.summary_by_part, summary_by_part)
    made_from = {"model": context_model.name, "bottleneck": str(bottleneck), **presence.made_by}
    tables.write_frame(results.trials, GATE_TRIALS, trials, made_from)
