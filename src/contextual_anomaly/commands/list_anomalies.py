"""`contextual-anomaly list-anomalies`: what is unexpected in each image, and what is missing."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import Geometry, GeometryCategories, Objects

logger = logging.getLogger(__name__)


def list_anomalies(
    model: Annotated[Path, typer.Option(help="The model that predicts (.safetensors).")],
    calibration: Annotated[Path, typer.Option(help="Its calibration (Parquet).")],
    scenes: Annotated[Path, typer.Option(help="The scenes to look at (Parquet).")],
    images: Annotated[Path, typer.Option(help="Their images: names and links (Parquet).")],
    output: Annotated[Path, typer.Option(help="The listing (Parquet).")],
    csv: Annotated[Path, typer.Option(help="The same as CSV.")],
    text: Annotated[Path, typer.Option(help="The same as text, image by image.")],
    attributions: Annotated[
        Path, typer.Option(help="Attributions: what each class adds to the log-odds of each anomaly (Parquet).")
    ],
    object_geometry: Geometry = None,
    categories: GeometryCategories = None,
    objects: Objects = None,
    checked: Annotated[
        Path | None,
        typer.Option(help="Which classes were looked for in which image (Parquet); others are not missing."),
    ] = None,
    bottleneck: Annotated[int, typer.Option(min=1, help="Which variant of a sweep predicts.")] = 10,
    unexpected_rate: Annotated[
        float, typer.Option(min=0, max=1, help="False alarms: share of genuine objects that may be listed.")
    ] = 0.01,
    missing_rate: Annotated[
        float, typer.Option(min=0, max=1, help="False alarms: share of rightly absent classes that may be listed.")
    ] = 0.001,
    missing_above: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="In place of the rates: an absent class with a higher probability is missing."),
    ] = None,
    unexpected_below: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="With it: a present class with a lower probability is unexpected."),
    ] = None,
) -> None:
    """List the present classes that are unexpected and the absent classes that are missing, given the others.

    The most surprising come first, each with the classes that speak for it and against it, in log-odds. The limits are
    rates of false alarms, or the original's thresholds.

    Example: `contextual-anomaly list-anomalies --model mixture.safetensors --calibration mixture.calibration.parquet
    --scenes val.parquet --images images.parquet --unexpected-rate 0.005 --output a.parquet --csv a.csv --text a.txt
    --attributions attributions.parquet`
    """
    from threadpoolctl import threadpool_limits

    from contextual_anomaly import anomalies, tables
    from contextual_anomaly.errors import UserError
    from contextual_anomaly.models.base import require_same_classes, variant_index
    from contextual_anomaly.models.calibration import read_calibration
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.runtime.atomic import atomic_write, write_csv
    from contextual_anomaly.scene_objects import read_geometry
    from contextual_anomaly.scenes import checked_classes, read_scenes

    if (missing_above is None) != (unexpected_below is None):
        raise UserError("--missing-above and --unexpected-below go together: give both, or neither.")
    limits = anomalies.Rates(unexpected_rate, missing_rate)
    if missing_above is not None and unexpected_below is not None:
        limits = anomalies.Thresholds(unexpected_below, missing_above)
    context_model, val = load_model(model), read_scenes(scenes)
    require_same_classes(context_model, val.classes, str(scenes))
    geometry = read_geometry(val.image_ids, object_geometry, categories, objects, images)
    with threadpool_limits(1):  # BLAS rounds differently on several cores
        listing = anomalies.list_anomalies(
            context_model, val, read_calibration(calibration, context_model), limits,
            variant=variant_index(context_model, bottleneck),
            images=tables.read_table(images, tables.IMAGES),
            geometry=geometry,
            checked=checked_classes(checked, val) if checked else None,
        )  # fmt: skip
    kinds = listing.table["kind"].value_counts()
    found = f"{kinds.get('unexpected', 0)} unexpected and {kinds.get('missing', 0)} missing objects"
    in_images = f"{listing.table['image_id'].nunique()} of {len(val.image_ids):,} images"
    logger.info(f"{context_model.name}: {found} in {in_images}")
    tables.write_table(
        listing.to_arrow(), tables.ANOMALIES, output, {"model": context_model.name, "limits": str(limits)}
    )
    tables.write_table(listing.attributions(), tables.ATTRIBUTIONS, attributions)
    write_csv(listing.table, csv)
    heading = f"{val.dataset}, by the model {context_model.name!r}: {found}.\n{limits}"
    with atomic_write(text) as temporary:
        temporary.write_text(anomalies.as_text(listing.table, val, heading))
