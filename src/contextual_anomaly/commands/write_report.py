"""`contextual-anomaly write-report`: everything in one HTML file, and every headline figure in one JSON file."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.runtime.choices import DatasetKind

logger = logging.getLogger(__name__)


def write_report(
    results: Annotated[Path, typer.Option(help="The results folder of a finished run.")],
    output: Annotated[Path, typer.Option(help="The report (HTML).")],
    dataset_name: Annotated[str, typer.Option(help="The data set's name.")],
    dataset_kind: Annotated[DatasetKind, typer.Option(help="Where the data come from.")],
    configuration: Annotated[Path, typer.Option(help="The settings of the run (YAML), shown at the end.")],
    model: Annotated[list[str], typer.Option(help="A model and its family, published=autoencoder; repeat.")],
    figure: Annotated[Path, typer.Option(help="The strongest anomalies as one image (PNG).")],
    summary: Annotated[Path, typer.Option(help="Every headline figure with its interval (JSON).")],
    listing: Annotated[list[str] | None, typer.Option(help="A model that lists anomalies; repeat.")] = None,
    detector: Annotated[list[str] | None, typer.Option(help="A detector that was run; repeat.")] = None,
    auditor: Annotated[list[str] | None, typer.Option(help="An audit of the annotations; repeat.")] = None,
    object_judge: Annotated[
        list[str] | None, typer.Option(help="A model that was asked about single objects; repeat.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the images; without it there is no gallery.")] = None,
    fetched: Annotated[
        Path | None, typer.Option(help="The report of fetch-images, where images were fetched one by one (CSV).")
    ] = None,
    out_of_context: Annotated[
        bool, typer.Option("--out-of-context", help="Show the images that are out of context by nature.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show whether a watch keeps its promise.")] = False,
    gallery: Annotated[int, typer.Option(min=0, help="Images in the gallery.")] = 12,
) -> None:
    """Write the report: one file that needs no other, for a screen, a phone or paper.

    Example: `contextual-anomaly write-report --results results --dataset-name "synthetic world"
    --dataset-kind synthetic --model published=autoencoder --model frequency=frequency --listing published
    --detector world --images results/world/val2017 --configuration results/configuration.yaml
    --figure anomalies.png --summary summary.json --output report.html`
    """
    from contextual_anomaly.errors import UserError
    from contextual_anomaly.report.finished_run import FinishedRun
    from contextual_anomaly.report.gallery import strongest, write_figure
    from contextual_anomaly.report.page import render
    from contextual_anomaly.report.summary import summarize, write_summary
    from contextual_anomaly.runtime.atomic import atomic_write, read_text

    unclear = [entry for entry in model if "=" not in entry]
    if unclear:
        raise UserError(f"--model {unclear[0]!r}: NAME=FAMILY was expected, as published=autoencoder.")
    families = dict(entry.split("=", 1) for entry in model)
    run = FinishedRun(
        results,
        families,
        listing or [],
        detector or [],
        fetched,
        auditor or [],
        out_of_context,
        object_judge or [],
        watch,
    )
    settings = read_text(configuration, "the settings of the run")
    galleries = {
        name: strongest(run.anomalies(name), run.annotations, run.image_sizes, images, gallery)
        for name in run.listings[:1]
        if images is not None
    }
    html = render(run, dataset_name, dataset_kind, galleries, images, gallery // 2, settings)
    write_summary(summarize(run, dataset_name), summary)
    write_figure(next(iter(galleries.values()), []), figure)
    with atomic_write(output) as temporary:
        temporary.write_text(html, encoding="utf-8")
    logger.info(f"{output}: {len(html.encode()) / 1e6:.1f} MB")
