"""`contextual-anomaly rescore-boxes`: a network that looks at all boxes of an image."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def rescore_boxes(
    boxes: Annotated[Path, typer.Option(help="Boxes with what context makes of them, as fuse writes them (Parquet).")],
    image_report: Annotated[Path, typer.Option(help="Which images the detector has run on (CSV).")],
    annotations: Annotated[Path, typer.Option(help="Objects of the split (Parquet).")],
    categories: Annotated[Path, typer.Option(help="Classes of the split (Parquet).")],
    images: Annotated[Path, typer.Option(help="Images of the split (Parquet).")],
    output: Annotated[Path, typer.Option(help="The boxes with new confidences (Parquet).")],
    weight_seed: Annotated[list[int], typer.Option(min=0, help="Seed of a net; repeat, the mean of all counts.")],
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the images that teach.")] = 20,
    folds: Annotated[int, typer.Option(min=2, help="Parts of the images; each is judged by nets of the others.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the division into folds.")] = 0,
) -> None:
    """Rescore each box from its confidence, class and geometry, and from the other boxes of its image.

    A small attention network after Pato et al. (CVPR 2020) corrects the detector's log-odds. It is trained by
    cross-validation: no image is judged by a net that has seen its annotations. Example:

    `contextual-anomaly rescore-boxes --boxes boxes.parquet --image-report results/detections/world/images.csv
    --annotations results/annotations/val.parquet --categories results/categories/val.parquet
    --images results/images/val.parquet --weight-seed 0 --weight-seed 1 --output network.parquet`
    """
    import numpy as np
    import pyarrow as pa

    from contextual_anomaly import tables
    from contextual_anomaly.detection.detections import read_detected_image_ids
    from contextual_anomaly.experiments.rescoring.box_features import Slots, box_features
    from contextual_anomaly.experiments.rescoring.box_precision import Matches
    from contextual_anomaly.experiments.rescoring.box_training import corrections
    from contextual_anomaly.experiments.schemas import RESCORED_BOXES
    from contextual_anomaly.stats.folds import assign_folds
    from contextual_anomaly.stats.log_odds import expit, logit

    given = tables.read_table(boxes, RESCORED_BOXES)
    rows = given.to_pandas()
    classes = tables.read_table(categories, tables.CATEGORIES).to_pandas()
    image_ids = read_detected_image_ids(image_report)
    matches = Matches(tables.read_table(annotations, tables.ANNOTATIONS).to_pandas(), classes, rows, image_ids)
    size = tables.read_table(images, tables.IMAGES).to_pandas().set_index("image_id").loc[rows["image_id"]]
    slots = Slots(matches.image, matches.score, len(image_ids))
    right, ignored = matches.right.mean(0, dtype=np.float32), matches.ignored.mean(0, dtype=np.float32)
    values = (
        box_features(rows, size["width"].to_numpy(), size["height"].to_numpy()),
        matches.column.astype(np.int32),
        rows["score"].to_numpy(),
        right,
        1 - ignored,
    )
    fold = assign_folds(len(image_ids), folds, seed)
    correction, loss = corrections(*map(slots.laid_out, values), fold, len(classes), weight_seed, epochs)
    logger.info(
        f"{len(image_ids)} images, {folds} folds × {len(weight_seed)} nets: training loss {loss[0]:.4f} in the first epoch, "
        f"{loss[1]:.4f} in the last"
    )
    rescored = expit(logit(rows["score"]) + slots.of_boxes(correction))
    index = given.schema.get_field_index("rescored")
    table = given.set_column(index, RESCORED_BOXES.field("rescored"), pa.array(rescored.astype(np.float32)))
    tables.write_table(table, RESCORED_BOXES, output, tables.metadata_of(given))
