"""`contextual-anomaly rescore`: experiment 2."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def rescore(
    class_scores: Annotated[Path, typer.Option(help="Largest confidence of each class in each image (Parquet).")],
    annotations: Annotated[Path, typer.Option(help="Objects of the split (Parquet).")],
    images: Annotated[Path, typer.Option(help="Images of the split (Parquet).")],
    model: Annotated[Path, typer.Option(help="The context model that judges (.safetensors).")],
    threshold: Annotated[
        list[float], typer.Option(min=0, max=1, help="Confidence from which a detection counts; repeat.")
    ],
    summary: Annotated[
        Path, typer.Option(help="Precision, recall, F1 and counts of each method and threshold, as CSV.")
    ],
    trials: Annotated[Path, typer.Option(help="Confidence, expectation and truth of each image and class (Parquet).")],
    supported: Annotated[Path, typer.Option(help="How often context agrees with unannotated detections, as CSV.")],
    supported_images: Annotated[Path, typer.Option(help="Those images, for a person to look at, as CSV.")],
    bottleneck: Annotated[int, typer.Option(min=1, help="Which variant of a sweep judges.")] = 10,
    keep_above: Annotated[float, typer.Option(min=0, max=1, help="Above this a detection is always kept.")] = 0.5,
    context_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="A weaker one is kept where its class is expected more than this.")
    ] = 0.1,
    minimum_classes: Annotated[int, typer.Option(min=1, help="Images of fewer annotated classes are left out.")] = 3,
    n_resamples: Annotated[int, typer.Option(min=2, help="Resamples of the images for the 95 % intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
) -> None:
    """Let context judge weak detections, and compare with the detector alone.

    Of the classes above the threshold, the published gate keeps those above --keep-above, and the weaker ones where the
    context model, fed with the detector's confidences, expects them. Beside it stands the detector's own precision at
    the same recall.

    Example: `contextual-anomaly rescore --class-scores scores.parquet --annotations annotations.parquet --images
    images.parquet --model published.safetensors --threshold 0.25 --threshold 0.5 --summary summary.csv
    --trials trials.parquet --supported agreement.csv --supported-images images.csv`
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from contextual_anomaly import tables
    from contextual_anomaly.coco.links import EXPLORE
    from contextual_anomaly.errors import UserError
    from contextual_anomaly.experiments.rescoring import gate
    from contextual_anomaly.experiments.rescoring.presence import read_presence
    from contextual_anomaly.experiments.schemas import RESCORED
    from contextual_anomaly.models.base import variant_index
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.runtime.atomic import atomic_write
    from contextual_anomaly.stats.bootstrap import Bootstrap

    judge = load_model(model)
    presence = read_presence(class_scores, annotations, judge)
    enough = presence.annotated.sum(1) >= minimum_classes
    if not enough.any():
        raise UserError(
            f"{class_scores}: none of its {len(presence.image_ids)} images has {minimum_classes} or more annotated classes; "
            "lower rescoring.minimum_classes, or give more images."
        )
    presence = presence.where(enough)
    image_ids, ids, score, annotated = presence.image_ids, presence.category_ids, presence.score, presence.annotated
    expected = judge.predict_proba(score)[variant_index(judge, bottleneck)]
    rescored = gate.Rescored(score, expected, annotated)
    logger.info(
        f"{judge.name}: {len(image_ids)} images with {minimum_classes} or more classes, {annotated.sum()} to be found"
    )

    def write_csv(frame: pd.DataFrame, path: Path) -> None:
        with atomic_write(path) as temporary:
            frame.to_csv(temporary, index=False, float_format="%.6g")

    thresholds = sorted(set(threshold))
    resamples = Bootstrap(len(image_ids), n_resamples, seed)
    write_csv(gate.summary(rescored, thresholds, keep_above, context_threshold, resamples), summary)
    write_csv(gate.context_supported_false_positives(rescored, thresholds, context_threshold), supported)

    image, column = gate.supported_cells(rescored, thresholds[0], context_threshold)
    about = tables.read_table(images, tables.IMAGES).to_pandas().set_index("image_id").loc[image_ids[image]]
    listing = {
        "image_id": about.index,
        "file_name": about["file_name"].to_numpy(),
        "category": np.array(judge.classes)[column],
        "score": score[image, column],
        "probability": rescored.probability[image, column],
        "link": np.where(about["coco_url"] != "", EXPLORE + about.index.astype(str), ""),
    }
    write_csv(pd.DataFrame(listing), supported_images)

    cells = [np.repeat(image_ids, len(ids)), np.tile(ids, len(image_ids)), score.ravel(), expected.ravel()]
    table = pa.table([*cells, annotated.ravel()], schema=RESCORED)
    made_from = {
        "model": judge.name,
        "bottleneck": str(bottleneck),
        "weights_sha256": presence.made_from["weights_sha256"],
    }
    tables.write_table(table, RESCORED, trials, made_from)
