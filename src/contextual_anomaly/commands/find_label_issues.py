"""`contextual-anomaly find-label-issues`: the audit of a data set in one command."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import (
    AllThreads,
    ErrorRate,
    Folds,
    FoldSeed,
    SameForCvat,
    SameForLabelStudio,
)

logger = logging.getLogger(__name__)

FOR_MODELLERS = ("contextual_anomaly.models.training", "contextual_anomaly.models.families")
"""What these say of epochs and sizes is for who studies models."""


def find_label_issues(
    annotations: Annotated[
        Path,
        typer.Argument(
            help="A file or folder in any format that is read: COCO, YOLO, Pascal VOC, CVAT, Label Studio, LVIS, Open "
            "Images, or labels of whole images.",
            show_default=False,
        ),
    ],
    detections: Annotated[
        Path | None,
        typer.Option(
            help="Boxes of a detector that has run on all the images: COCO's results (JSON), or a table (Parquet, CSV) of "
            "image_id, category_id, x, y, width, height and score."
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of the images, for --html and for sizes that the annotations do not give."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="A context model that has not seen these images: one that comes with the package, or a .safetensors file. "
            "Default: models are fitted to the annotations themselves, each on other images than it judges.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(
            help="Verdicts of reviewers (an export of Label Studio or CVAT, or the CSV with its column verdict filled in): "
            "what they rejected is not listed again."
        ),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="The issues with all columns and an empty one for a verdict, as CSV.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Page of the images with issues, which needs nothing beside it.")
    ] = None,
    coco: Annotated[Path | None, typer.Option(help="The issues as COCO JSON, for FiftyOne and other tools.")] = None,
    label_studio: SameForLabelStudio = None,
    cvat: SameForCvat = None,
    min_score: Annotated[float, typer.Option(min=0, max=1, help="Issues less likely than this are not listed.")] = 0.2,
    max_issues: Annotated[int, typer.Option(min=1, help="List at most so many issues.")] = 500,
    error_rate: ErrorRate = 0.02,
    folds: Folds = 5,
    seed: FoldSeed = 0,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 also where issues are found.")] = False,
    threads: AllThreads = None,
) -> None:
    """List the probable annotation errors of your data set, the likeliest first.

    Found are objects that were overlooked, labels that were swapped, annotations of nothing (spurious), boxes that are
    misplaced, and duplicates; each with its probability, with what would put it right, and why. Neither pixels nor a
    detector are needed; the boxes of a detector find more. What is read in an unusual way or left out is said.

    Exit status: 0 if no issue is found, 1 if there are some, 2 after an error.

    Examples:
    `contextual-anomaly find-label-issues annotations.json`

    `contextual-anomaly find-label-issues my-yolo-dataset/ --html issues.html --csv issues.csv`

    `contextual-anomaly find-label-issues instances_val.json --images val/ --detections results.json --label-studio tasks.json`

    `contextual-anomaly find-label-issues annotations.json --since reviewed.csv --csv rest.csv`
    """
    from contextual_anomaly.audit.export import identified, write_for_reviewers
    from contextual_anomaly.audit.label_issues import issues_of, read_own
    from contextual_anomaly.audit.page import as_lines, summary, write_page
    from contextual_anomaly.review.verdicts import read_verdicts
    from contextual_anomaly.runtime.atomic import write_csv
    from contextual_anomaly.runtime.progress import only_warnings
    from contextual_anomaly.runtime.threads import available_cores

    rejected = read_verdicts(since).rejected if since is not None else set()
    n_jobs = threads or available_cores()
    data, scenes = read_own(annotations, detections, images, n_jobs)
    with only_warnings(*FOR_MODELLERS):
        issues = issues_of(
            data, scenes, str(annotations), model, bottleneck=None, error_rate=error_rate, min_score=min_score,
            max_issues=max_issues + len(rejected), folds=folds, seed=seed, n_jobs=n_jobs,
        )  # fmt: skip
    judged_by = issues.attrs["judged_by"]
    issues = identified(issues)
    issues = issues[~issues["finding_id"].isin(rejected)].head(max_issues)
    if csv is not None:
        write_csv(issues.assign(verdict=""), csv)
    write_for_reviewers(issues, data.images, data.categories, judged_by, coco, label_studio, cvat)
    if html is not None:
        beside = annotations if annotations.is_dir() else annotations.parent
        write_page(issues, data, judged_by, images or beside, html)
    for line in as_lines(issues):
        print(line)
    hint = "; boxes of a detector may find some (--detections)" if issues.empty and detections is None else ""
    logger.info(f"{summary(issues, len(data.images))}; judged by {judged_by}{hint}")
    raise typer.Exit(int(len(issues) > 0 and not exit_zero))
