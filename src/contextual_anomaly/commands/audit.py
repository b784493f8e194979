"""`contextual-anomaly audit`: where the annotations are probably wrong."""

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
    FoldSeed,
    ObjectModel,
    OptionalDetections,
    OptionalImageReport,
    SameAsCsv,
    SameForCvat,
    SameForLabelStudio,
    TrainScenes,
)

logger = logging.getLogger(__name__)


def audit(
    annotations: AuditedAnnotations,
    categories: CategoryTable,
    images: AuditedImages,
    model: AuditModels,
    train_scenes: TrainScenes,
    output: Annotated[Path, typer.Option(help="The findings (Parquet).")],
    csv: SameAsCsv,
    coco: Annotated[Path, typer.Option(help="The same as COCO JSON, for pycocotools and labelling tools.")],
    label_studio: SameForLabelStudio = None,
    cvat: SameForCvat = None,
    selection_table: Annotated[
        Path | None, typer.Option(help="How well each model predicts held-out images, as CSV.")
    ] = None,
    detections: OptionalDetections = None,
    image_report: OptionalImageReport = None,
    checked: CheckedTables = None,
    object_model: ObjectModel = None,
    bottleneck: Bottleneck = 64,
    min_score: Annotated[
        float, typer.Option(min=0, max=1, help="Findings less likely than this are not listed.")
    ] = 0.2,
    max_issues: Annotated[int, typer.Option(min=1, help="List at most so many findings.")] = 500,
    folds: Folds = 5,
    error_rate: ErrorRate = 0.02,
    cross_fit: CrossFit = False,
    seed: FoldSeed = 0,
) -> None:
    """List probable annotation errors, the likeliest first, each with its probability and an explanation.

    Kind overlooked: an object without an annotation, found by the detector and by context. Kind swapped: an annotated
    object whose label detector, context and box make so unlikely that a wrong label is the better explanation. Kinds spurious
    (nothing is there), misplaced (a box in the wrong place or of the wrong size) and duplicate (a second box around an object):
    annotations that look like errors of this kind which are planted into copies of the others. Without
    --detections context alone judges, and an overlooked object is known by its image and class, not by a box; the COCO
    file holds those as image_findings. Example:

    `contextual-anomaly audit --annotations results/annotations/val.parquet --categories results/categories/val.parquet
    --images results/images/val.parquet --model results/models/masked.safetensors
    --train-scenes results/scenes/train.parquet --detections results/detections/world/val.parquet
    --image-report results/detections/world/images.csv --output audit.parquet --csv audit.csv --coco audit.json`
    """
    import pyarrow as pa

    from contextual_anomaly import tables
    from contextual_anomaly.audit.export import identified, write_for_reviewers
    from contextual_anomaly.audit.findings import audit as all_findings
    from contextual_anomaly.audit.findings import explained, listed
    from contextual_anomaly.audit.inputs import AuditFiles, read_audited
    from contextual_anomaly.runtime.atomic import write_csv

    files = AuditFiles(
        annotations, categories, images, model, train_scenes, detections, image_report, checked or [], object_model
    )
    audited, selection = read_audited(files, bottleneck, folds, seed, error_rate, cross_fit)
    findings = explained(audited, listed(all_findings(audited, min_score), max_issues))
    counts = findings["kind"].value_counts()
    logger.info(
        f"{audited.judged_by}: {counts.get('overlooked', 0):,} objects that may be overlooked, {counts.get('swapped', 0):,} labels that "
        f"may be wrong, {counts.get('spurious', 0):,} objects that may not be there, {counts.get('misplaced', 0):,} boxes that may be in "
        f"the wrong place and {counts.get('duplicate', 0):,} that may be there twice, in {findings['image_id'].nunique():,} of "
        f"{len(audited.image_ids):,} images"
    )
    table = pa.Table.from_pandas(findings, schema=tables.FINDINGS, preserve_index=False).replace_schema_metadata(None)
    made_from = {
        "judged_by": audited.judged_by,
        "context": audited.context_gain,
        "cross_fitted": str(cross_fit).lower(),
        "min_score": str(min_score),
    }
    tables.write_table(table, tables.FINDINGS, output, made_from)
    if selection_table:
        write_csv(selection, selection_table)
    write_csv(findings, csv)
    write_for_reviewers(
        identified(findings), audited.images, audited.categories, audited.judged_by, coco, label_studio, cvat
    )
