"""`contextual-anomaly evaluate-audit`: does the audit find errors that are known to be there?"""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import (
    AuditedAnnotations,
    AuditedImages,
    AuditModels,
    Bottleneck,
    CategoryTable,
    CheckedTables,
    CrossFit,
    ErrorRate,
    Folds,
    ObjectModel,
    OptionalDetections,
    OptionalImageReport,
    Resamples,
    TrainScenes,
)

logger = logging.getLogger(__name__)


def evaluate_audit(
    annotations: AuditedAnnotations,
    categories: CategoryTable,
    images: AuditedImages,
    model: AuditModels,
    train_scenes: TrainScenes,
    output: Annotated[Path, typer.Option(help="How well planted errors are ranked, as CSV.")],
    detections: OptionalDetections = None,
    image_report: OptionalImageReport = None,
    checked: CheckedTables = None,
    object_model: ObjectModel = None,
    bottleneck: Bottleneck = 64,
    share: Annotated[
        float, typer.Option(min=0.001, max=0.15, help="Share of objects that get each of the five kinds of error.")
    ] = 0.03,
    folds: Folds = 5,
    n_resamples: Resamples = 1000,
    error_rate: ErrorRate = 0.02,
    cross_fit: CrossFit = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of what is planted, of the folds and of the bootstrap.")] = 0,
) -> None:
    """Plant errors into the annotations and see how high the audit ranks them: by detector, by context, and by both.

    AUROC is the probability that a planted error has a higher probability than what was left alone; precision at k the
    share of planted ones among the k first, where k were planted; listed are findings of probability 0.5 or more. Errors
    that the annotations had before count against both, so that the figures are a floor. Example:

    `contextual-anomaly evaluate-audit --annotations results/annotations/val.parquet
    --categories results/categories/val.parquet --images results/images/val.parquet
    --model results/models/masked.safetensors --train-scenes results/scenes/train.parquet --output check.csv`
    """
    from contextual_anomaly.audit.inputs import AuditFiles, read_audited
    from contextual_anomaly.audit.label_noise import evaluate
    from contextual_anomaly.runtime.atomic import write_csv

    files = AuditFiles(
        annotations, categories, images, model, train_scenes, detections, image_report, checked or [], object_model
    )
    audited, _ = read_audited(files, bottleneck, folds, seed, error_rate, cross_fit)
    table = evaluate(audited, share, seed, n_resamples)
    write_csv(table, output)
    for row in table.itertuples():
        logger.info(
            f"{row.kind}, by {row.by}: {row.measure} {row.value:.3f} [{row.low:.3f}, {row.high:.3f}], "
            f"{row.planted:,} planted among {row.candidates:,}"
        )
