"""`contextual-anomaly rescore`: experiment 2."""

from pathlib import Path
from typing import Annotated

import typer


def rescore(
    class_scores: Annotated[Path, typer.Option(help="Largest confidence of each class in each image (Parquet).")],
    annotations: Annotated[Path, typer.Option(help="Objects of the split (Parquet).")],
    images: Annotated[Path, typer.Option(help="Images of the split (Parquet).")],
    model: Annotated[Path, typer.Option(help="The context model that judges (.safetensors).")],
    threshold: Annotated[
        list[float], typer.Option(min=0, max=1, help="Confidence from which a detection counts; repeat.")
    ],
    summary: Annotated[Path, typer.Option(help="Precision, recall, F1 and counts of each arm and threshold, as CSV.")],
    trials: Annotated[Path, typer.Option(help="Confidence, expectation and truth of each image and class (Parquet).")],
    agreement: Annotated[Path, typer.Option(help="How often context agrees with unannotated detections, as CSV.")],
    agreement_images: Annotated[Path, typer.Option(help="Those images, for a person to look at, as CSV.")],
    bottleneck: Annotated[int, typer.Option(min=1, help="Which member of a sweep judges.")] = 10,
    keep_above: Annotated[float, typer.Option(min=0, max=1, help="Above this a detection is always kept.")] = 0.5,
    context_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="A weaker one is kept where its class is expected more than this.")
    ] = 0.1,
    minimum_classes: Annotated[int, typer.Option(min=1, help="Images of fewer annotated classes are left out.")] = 3,
    bootstrap: Annotated[int, typer.Option(min=2, help="Resamples of the images for the 95 % intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
) -> None:
    """Let context judge weak detections, and compare with the detector alone.

    Of the classes above the threshold, the published gate keeps those above --keep-above, and the weaker ones where the
    context model, fed with the detector's confidences, expects them. Beside it stands the detector's own precision at
    the same recall.

    Example: `contextual-anomaly rescore --class-scores scores.parquet --annotations annotations.parquet --images
    images.parquet --model published.safetensors --threshold 0.25 --threshold 0.5 --summary summary.csv
    --trials trials.parquet --agreement agreement.csv --agreement-images images.csv`
    """
    import json

    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from contextual_anomaly import tables
    from contextual_anomaly.errors import UserError
    from contextual_anomaly.experiments import rescoring
    from contextual_anomaly.experiments.bootstrap import Bootstrap
    from contextual_anomaly.experiments.tables import RESCORED
    from contextual_anomaly.files import write_aside
    from contextual_anomaly.links import EXPLORE
    from contextual_anomaly.models.base import member_index
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.progress import say

    judge = load_model(model)
    metadata, width = tables.list_width(class_scores, "score")
    scored = tables.read_table(class_scores, tables.class_scores_schema(width))
    classes, category_ids = json.loads(metadata["classes"]), json.loads(metadata["category_ids"])
    unknown = sorted(set(judge.classes) - set(classes))
    if unknown:
        raise UserError(f"{class_scores}: lacks classes of model {judge.name!r}: {', '.join(unknown[:5])}.")
    columns = [classes.index(name) for name in judge.classes]
    ids = np.array(category_ids, np.int32)[columns]

    image_ids = scored["image_id"].to_numpy()
    objects = tables.read_table(annotations, tables.ANNOTATIONS).select(["image_id", "category_id"]).to_pandas()
    objects = objects[objects["image_id"].isin(image_ids) & objects["category_id"].isin(ids)]
    annotated = np.zeros((len(image_ids), len(ids)), bool)
    rows = np.searchsorted(image_ids, objects["image_id"])
    annotated[rows, pd.Index(ids).get_indexer(objects["category_id"])] = True
    enough = annotated.sum(1) >= minimum_classes
    if not enough.any():
        raise UserError(
            f"{class_scores}: none of its {len(image_ids)} images has {minimum_classes} or more annotated classes; "
            "lower rescoring.minimum_classes, or give more images."
        )
    image_ids, annotated = image_ids[enough], annotated[enough]
    score = tables.matrix(scored["score"])[enough][:, columns]
    expected = judge.expected(score)[member_index(judge, bottleneck)]
    rescored = rescoring.Rescored(score, expected, annotated)
    say(f"{judge.name}: {len(image_ids)} images with {minimum_classes} or more classes, {annotated.sum()} to be found")

    def write_csv(frame: pd.DataFrame, path: Path) -> None:
        with write_aside(path) as aside:
            frame.to_csv(aside, index=False, float_format="%.6g")

    thresholds = sorted(set(threshold))
    resamples = Bootstrap(len(image_ids), bootstrap, seed)
    write_csv(rescoring.summary(rescored, thresholds, keep_above, context_threshold, resamples), summary)
    write_csv(rescoring.agreement(rescored, thresholds, context_threshold), agreement)

    image, column = rescoring.agreed_cells(rescored, thresholds[0], context_threshold)
    about = tables.read_table(images, tables.IMAGES).to_pandas().set_index("image_id").loc[image_ids[image]]
    listing = {
        "image_id": about.index,
        "file_name": about["file_name"].to_numpy(),
        "category": np.array(judge.classes)[column],
        "score": score[image, column],
        "expected": expected[image, column],
        "link": np.where(about["coco_url"] != "", EXPLORE + about.index.astype(str), ""),
    }
    write_csv(pd.DataFrame(listing), agreement_images)

    cells = [np.repeat(image_ids, len(ids)), np.tile(ids, len(image_ids)), score.ravel(), expected.ravel()]
    table = pa.table([*cells, annotated.ravel()], schema=RESCORED)
    made_from = {"model": judge.name, "bottleneck": str(bottleneck), "weights_sha256": metadata["weights_sha256"]}
    tables.write_table(table, RESCORED, trials, made_from)
