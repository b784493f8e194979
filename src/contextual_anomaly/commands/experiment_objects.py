"""`contextual-anomaly experiment-objects`: wrong labels and wrong boxes of single objects."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import (
    AnnotationTable,
    CategoryTable,
    FiguresTable,
    ImageTable,
    ModelFile,
    Resamples,
    SameAsCsv,
)

logger = logging.getLogger(__name__)


def experiment_objects(
    model: ModelFile,
    annotations: AnnotationTable,
    images: ImageTable,
    categories: CategoryTable,
    train_annotations: Annotated[Path, typer.Option(help="Annotations of the training split (Parquet).")],
    train_images: Annotated[Path, typer.Option(help="Images of the training split (Parquet).")],
    summary: FiguresTable,
    csv: SameAsCsv,
    odd: Annotated[
        Path, typer.Option(help="The unchanged objects whose class is least likely, the oddest first (Parquet).")
    ],
    odd_csv: Annotated[Path, typer.Option(help="The same as CSV.")],
    share: Annotated[float, typer.Option(min=0.001, max=0.5, help="Share of the objects that are changed.")] = 0.05,
    n_resamples: Resamples = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of changes and bootstrap.")] = 0,
) -> None:
    """Give objects wrong labels and wrong boxes, and measure whether the model tells them from the genuine ones.

    Labels are exchanged by how common classes are, uniformly, and within the supercategory; boxes are moved and resized beyond
    the habit of their class. A model that answers for objects judges by box and company; any other conditional model, by
    which classes the other objects have. The oddest of the objects as they are annotated are listed: those whose class is
    least likely, compared with how common it is.

    Example: `contextual-anomaly experiment-objects --model objects.safetensors
    --annotations results/annotations/val.parquet --images results/images/val.parquet
    --categories results/categories/val.parquet --train-annotations results/annotations/train.parquet
    --train-images results/images/train.parquet --summary objects.summary.parquet --csv objects.summary.csv
    --odd objects.odd.parquet --odd-csv objects.odd.csv`
    """
    import numpy as np

    from contextual_anomaly import tables
    from contextual_anomaly.errors import UserError
    from contextual_anomaly.experiments import objects as of_objects
    from contextual_anomaly.experiments.odd_objects import list_odd_objects
    from contextual_anomaly.experiments.summary import write_summary
    from contextual_anomaly.models.base import WithObjects, require_conditional
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.runtime.atomic import write_csv
    from contextual_anomaly.scene_objects import objects_of_tables, read_image_objects

    context_model = load_model(model)
    require_conditional(context_model, 0, "--model")
    of_val, images_of_val, classes = (
        tables.read_table(path, schema)
        for path, schema in (
            (annotations, tables.ANNOTATIONS),
            (images, tables.IMAGES),
            (categories, tables.CATEGORIES),
        )
    )
    val = objects_of_tables(of_val, images_of_val, classes).objects
    train = read_image_objects(train_annotations, train_images, categories).objects
    known = context_model.input_classes if isinstance(context_model, WithObjects) else context_model.classes
    if unknown := sorted(set(known) - set(val.classes)):
        raise UserError(f"{categories}: lacks classes of model {context_model.name!r}: {', '.join(unknown[:5])}.")
    if isinstance(context_model, WithObjects) and known != val.classes:
        raise UserError(f"{categories}: has other classes of objects than model {context_model.name!r}.")
    above = classes.to_pandas()["supercategory"]
    _, supercategory = np.unique(above.fillna(""), return_inverse=True)
    judged = of_objects.run(context_model, val, train, supercategory, share, n_resamples, seed)
    write_summary(judged.summary, summary, csv)
    given = "box and company" if isinstance(context_model, WithObjects) else "company"
    oddest = list_odd_objects(judged.log_probability, of_objects.log_frequency(train), val, of_val, images_of_val)
    tables.write_frame(oddest, tables.ODD_OBJECTS, odd, {"model": context_model.name, "given": given})
    write_csv(oddest, odd_csv)
    shown = judged.summary["metric"].isin(["nats", "accuracy", "auroc", "average_precision"])
    for row in judged.summary[shown].itertuples():
        logger.info(f"{row.experiment}: {row.metric} {row.value:.3f} [{row.low:.3f}, {row.high:.3f}]")
