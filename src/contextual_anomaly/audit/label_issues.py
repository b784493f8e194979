"""The audit as one function: annotations of any format in, a table of probable errors out."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from contextual_anomaly import pretrained, tables
from contextual_anomaly.audit.findings import audit, explained, listed
from contextual_anomaly.audit.inputs import AuditTables, prepare, require_classes, require_images
from contextual_anomaly.detection.results import read_results
from contextual_anomaly.errors import UserError
from contextual_anomaly.formats.read import Options, read_annotations
from contextual_anomaly.formats.splits import unite_classes
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.models.data import TrainingData
from contextual_anomaly.models.registry import load_model
from contextual_anomaly.models.selection import fit_best
from contextual_anomaly.models.settings import Section
from contextual_anomaly.scenes import Scenes, count_instances

logger = logging.getLogger(__name__)


def find_label_issues(
    annotations: str | Path,
    model: str | Path | ContextModel | None = None,
    detections: str | Path | pd.DataFrame | None = None,
    *,
    image_folder: str | Path | None = None,
    bottleneck: int | None = None,
    error_rate: float = 0.02,
    min_score: float = 0.2,
    max_issues: int = 500,
    folds: int = 5,
    seed: int = 0,
    n_jobs: int = 1,
) -> pd.DataFrame:
    """Return the objects that are probably overlooked or wrongly labelled in a data set, the likeliest first.

    Without a model, each image is judged by a model that has not seen it (cross-fitting), of the family that predicts
    held-out images best among those that are fitted in seconds.

    >>> import json
    >>> from pathlib import Path
    >>> import contextual_anomaly as ca
    >>> classes = ["fork", "knife", "plate", "car", "bus", "bicycle"]
    >>> objects = [  # cutlery in every other image, and vehicles in the rest; one of three kinds is often not there
    ...     {"id": 3 * image + k, "image_id": image, "category_id": 3 * (image % 2) + k + 1, "bbox": [10 * k, 0, 9, 9]}
    ...     for image in range(400) for k in range(3) if image // 2 % 4 != k
    ... ]
    >>> objects[14]["category_id"] = 5  # in image 6, beside a fork and a knife, the plate is called bus
    >>> content = {
    ...     "images": [{"id": image, "file_name": f"{image}.jpg"} for image in range(400)],
    ...     "annotations": objects,
    ...     "categories": [{"id": number, "name": name} for number, name in enumerate(classes, 1)],
    ... }
    >>> size = Path("instances.json").write_text(json.dumps(content))
    >>> issues = ca.find_label_issues("instances.json")
    >>> issues.loc[0, ["file_name", "kind", "given_label", "predicted_label"]].tolist()
    ['6.jpg', 'swapped', 'bus', 'plate']

    Args:
        annotations: a file or folder in any format that is read: COCO, YOLO, Pascal VOC, CVAT, Label Studio, LVIS, Open
            Images, or labels of whole images.
        model: a context model that has not seen these images, its file, or the name of one that comes with the package;
            it judges the classes that it knows.
        detections: boxes of a detector that has run on all the images: a data frame with the columns of
            `tables.DETECTIONS`, a result file of COCO (JSON), or a table of such columns (Parquet, CSV). Ids are those of the
            annotations. Without them, an overlooked object is known by its image and class alone.
        image_folder: where sizes of images are looked up that the annotations do not give.
        bottleneck: of a model with several, the one that judges; None takes the first.
        error_rate: share of objects believed to be overlooked, and share believed to bear a wrong label, before looking
            at the data.
        min_score: findings with a smaller probability of being an error are left out.
        max_issues: return at most so many.
        folds: parts of the images, each judged by what was fitted on the others.
        seed: of the division into folds.
        n_jobs: processor cores to use; their number changes no result.

    Returns:
        The columns of `tables.FINDINGS`. ``attrs`` says who judged ("judged_by"), how much context knows here
        ("context"), whether models were cross-fitted ("cross_fitted"), and how well each family predicts held-out images
        ("selection", empty with a model).

    Raises:
        UserError: a file cannot be read, files do not belong together, or there are too few images.
    """
    data, scenes = read_own(annotations, detections, image_folder, n_jobs)
    return issues_of(
        data, scenes, str(annotations), model, bottleneck=bottleneck, error_rate=error_rate, min_score=min_score,
        max_issues=max_issues, folds=folds, seed=seed, n_jobs=n_jobs,
    )  # fmt: skip


def issues_of(
    data: AuditTables,
    scenes: Scenes,
    name: str,
    model: str | Path | ContextModel | None,
    *,
    bottleneck: int | None,
    error_rate: float,
    min_score: float,
    max_issues: int,
    folds: int,
    seed: int,
    n_jobs: int,
) -> pd.DataFrame:
    """Return the issues of a data set that is read; see `find_label_issues` for what is not said here.

    Args:
        data: what `read_own` returned.
        scenes: the same.
        name: of the annotations, for errors.
        model: a context model, its file, or the name of one of the package.
        bottleneck: of a model with several, the one that judges.
        error_rate: share of objects believed to be wrong.
        min_score: the least probability.
        max_issues: their largest number.
        folds: parts of the images.
        seed: of the division into folds.
        n_jobs: processor cores to use.

    Raises:
        UserError: the model cannot be read or knows other classes, or there are too few images.
    """
    settings: Section | None = None
    selection = pd.DataFrame()
    if model is None:
        if len(scenes.image_ids) < 2:
            raise UserError(f"{name}: {len(scenes.image_ids)} image with objects; an audit needs two or more.")
        chosen, settings, selection = fit_best(TrainingData(scenes), n_jobs)
    elif isinstance(model, str | Path):
        is_file = Path(model).is_file() or str(model).endswith(".safetensors")
        chosen = load_model(model if is_file else pretrained.find(str(model)))
    else:
        chosen = model
    require_classes(data.categories, chosen, name)
    audited = prepare(data, chosen, bottleneck, None, folds, seed, error_rate, settings)
    issues = explained(audited, listed(audit(audited, min_score), max_issues))
    issues.attrs = {
        "judged_by": audited.judged_by,
        "context": audited.context_gain,
        "cross_fitted": settings is not None,
        "selection": selection.to_dict("records"),
    }
    return issues


def read_own(
    annotations: str | Path,
    detections: str | Path | pd.DataFrame | None = None,
    image_folder: str | Path | None = None,
    n_jobs: int = 1,
) -> tuple[AuditTables, Scenes]:
    """Read a data set of one's own in any format that is read.

    Args:
        annotations: a file or folder.
        detections: boxes of a detector that has run on all the images, or none.
        image_folder: where sizes of images are looked up that the annotations do not give.
        n_jobs: processor cores to use.

    Returns:
        The tables of an audit, and the scenes.

    Raises:
        UserError: a file cannot be read, or files do not belong together.
    """
    path = Path(annotations)
    options = Options(image_folder=Path(image_folder) if image_folder else None, processes=n_jobs)
    reading = read_annotations(path, options).reading
    reading = unite_classes(reading, reading, reading)
    reading.report.log()
    scenes = count_instances(reading.annotations, reading.categories, path.name)
    objects, images, categories = (t.to_pandas() for t in (reading.annotations, reading.images, reading.categories))
    objects = objects.sort_values("image_id", kind="stable", ignore_index=True)
    image_ids, boxes = scenes.image_ids, None
    if detections is not None:
        image_ids = np.sort(images["image_id"].to_numpy())
        boxes = _detections(detections, images, categories)
        require_images(boxes, image_ids, _name(detections), f"those of {path}")
    checked = [] if reading.checked is None else [(images["image_id"].to_numpy(), reading.checked)]
    return AuditTables(objects, categories, images.assign(split=path.name), image_ids, boxes, checked), scenes


def _name(detections: str | Path | pd.DataFrame) -> str:
    return "detections" if isinstance(detections, pd.DataFrame) else str(detections)


def _detections(given: str | Path | pd.DataFrame, images: pd.DataFrame, categories: pd.DataFrame) -> pd.DataFrame:
    """Return detections with the columns of `tables.DETECTIONS`, sorted by image and falling score."""
    if not isinstance(given, pd.DataFrame):
        found, report = read_results(given, images, categories)
        report.log()
        return found.detections.to_pandas()
    lacking = [name for name in tables.DETECTIONS.names if name not in given]
    if lacking:
        raise UserError(f"{_name(given)}: lacks the column {', '.join(lacking)}.")
    frame = given[tables.DETECTIONS.names].assign(
        image_id=_numbers(given["image_id"], images, "image_id", _name(given)),
        category_id=_numbers(given["category_id"], categories, "category_id", _name(given)),
    )
    frame = frame.astype({field.name: field.type.to_pandas_dtype() for field in tables.DETECTIONS})
    return frame.sort_values(["image_id", "score"], ascending=[True, False], kind="stable", ignore_index=True)


def _numbers(ids: pd.Series, known: pd.DataFrame, column: str, where: str) -> pd.Series:
    """Return ids as the tables have them: of ids that are text in the owner's file, their numbers."""
    original = dict(zip(known["original_id"], known[column], strict=True))
    numbers = ids.map(lambda value: original.get(value, value))
    unknown = ids[~numbers.isin(known[column])]
    if len(unknown):
        raise UserError(f"{where}: {column} {unknown.iloc[0]} is not in the annotations.")
    return numbers.astype(np.int64)
