"""Render the report: what each chapter returns, put into the template."""

import platform
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from contextual_anomaly import __version__
from contextual_anomaly.report.chapters import (
    anomalies,
    audit,
    data,
    experiment_1,
    models,
    objects,
    out_of_context,
    rescoring,
    training,
    usage,
    watch,
)
from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.frames import rows_of
from contextual_anomaly.report.gallery import GalleryImage
from contextual_anomaly.report.html_tables import set_apart
from contextual_anomaly.report.reproduction.chapter import chapter as reproduction
from contextual_anomaly.report.reproduction.claims import PUBLISHED
from contextual_anomaly.report.reproduction.published_figures import EXPERIMENT_1, SOURCE
from contextual_anomaly.runtime.choices import ORACLES

LIBRARIES = (
    "numpy", "pandas", "pyarrow", "scikit-learn", "jax", "flax", "optax", "onnx", "opencv-python-headless",
    "pycocotools", "matplotlib", "snakemake",
)  # fmt: skip


def template_environment() -> Environment:
    """Return Jinja's environment of the report's templates: text is escaped, and an unknown name is an error."""
    environment = Environment(
        loader=PackageLoader("contextual_anomaly.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["set_apart"] = set_apart
    return environment


def render(
    run: FinishedRun,
    dataset_name: str,
    dataset_kind: str,
    galleries: dict[str, list[GalleryImage]],
    images: Path | None,
    audit_gallery: int,
    configuration: str,
) -> str:
    """Return the page as HTML.

    Args:
        run: The finished run.
        dataset_name: Name of the data set.
        dataset_kind: "synthetic", "coco" or "own"; published figures stand only beside those of COCO.
        galleries: Strongest anomalies by model.
        images: Folder of the images; None leaves the galleries out.
        audit_gallery: Images of each kind of annotation error.
        configuration: All settings as YAML.
    """
    coco = dataset_kind == "coco"
    published, corrected = run.summary("published"), run.summary("corrected")
    context = {
        "dataset": dataset_name,
        "kind": dataset_kind,
        # Escaped, its quotes and > would be no CSS.
        "style": Markup((files("contextual_anomaly.report") / "templates/style.css").read_text(encoding="utf-8")),
        "headline": _headline(run, corrected),
        "data": data.chapter(run),
        "training": [training.chapter(run, name) for name in run.sweeps],
        "anomalies": [anomalies.chapter(run, name, galleries.get(name, [])) for name in run.listings],
        "models": models.chapter(run, corrected),
        "published": [
            experiment_1.published(run, published, name, EXPERIMENT_1 if coco and name == PUBLISHED else None)
            for name in run.in_published
        ],
        "corrected": experiment_1.corrected(run, corrected),
        "out_of_context": out_of_context.chapter(run) if run.out_of_context else None,
        "objects": objects.chapter(run, images),
        "reproduction": reproduction(run, published, corrected) if coco else None,
        "detectors": [rescoring.chapter(run, name) for name in run.detectors],
        "watch": watch.chapter(run) if run.watch else None,
        "audits": [audit.chapter(run, name, images, audit_gallery) for name in run.auditors],
        "source": SOURCE,
        "usage": usage.chapter(run),
        "versions": [
            ("contextual-anomaly", __version__),
            ("Python", platform.python_version()),
            *installed_versions(LIBRARIES),
        ],
        "machine": f"{platform.system()} {platform.machine()}",
        "configuration": configuration,
        "digest": sha256(configuration.encode()).hexdigest(),
    }
    return template_environment().get_template("report.html").render(context)


def installed_versions(libraries: Iterable[str]) -> list[tuple[str, str]]:
    """Return name and version of those libraries that are installed: each step may have an environment of its own."""
    found = []
    for name in libraries:
        with suppress(PackageNotFoundError):
            found.append((name, version(name)))
    return found


def _headline(run: FinishedRun, corrected: pd.DataFrame) -> list[tuple[str, str]]:
    """Return pairs of a figure and what it counts, for the head of the page."""
    train, val = run.scenes["train"], run.scenes["val"]
    facts = [
        (f"{len(train.image_ids):,}", "training scenes"),
        (f"{len(val.image_ids):,}", "validation scenes"),
        (f"{len(val.classes)}", "classes"),
    ]
    recall = corrected[(corrected["metric"] == "recall_at_1") & ~corrected["model"].isin(ORACLES)]
    for experiment, text in (("inject_uniform", "added"), ("remove", "removed")):
        rows = recall[recall["experiment"] == experiment].sort_values("value", ascending=False)
        if len(rows):
            best = next(rows_of(rows))
            facts.append(
                (
                    f"{100 * best.value:.0f} %",
                    f"of {text} classes ranked first by the best model, {experiment_1.variant_label(best)}",
                )
            )
    return facts
