"""`contextual-anomaly list-anomalies`: what is unexpected, and what is missing."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def list_anomalies(
    model: Annotated[Path, typer.Option(help="The model that judges (.safetensors).")],
    calibration: Annotated[Path, typer.Option(help="What held-out scenes look like to it (Parquet).")],
    scenes: Annotated[Path, typer.Option(help="Scenes to be judged (Parquet).")],
    images: Annotated[Path, typer.Option(help="Their images: names and links (Parquet).")],
    output: Annotated[Path, typer.Option(help="The listing (Parquet).")],
    csv: Annotated[Path, typer.Option(help="The same as CSV.")],
    text: Annotated[Path, typer.Option(help="The same as text, image by image.")],
    attributions: Annotated[
        Path, typer.Option(help="What each flag is made of: weights that add up to its log-odds (Parquet).")
    ],
    object_geometry: Annotated[
        Path | None, typer.Option(help="Object geometry of the scenes (Parquet), for models that look at them.")
    ] = None,
    categories: Annotated[
        Path | None, typer.Option(help="The data set's classes (Parquet), with --object-geometry.")
    ] = None,
    checked: Annotated[
        Path | None,
        typer.Option(help="Which classes were looked for in which image (Parquet); others are not missing."),
    ] = None,
    bottleneck: Annotated[int, typer.Option(min=1, help="Which variant of a sweep judges.")] = 10,
    unexpected_rate: Annotated[
        float, typer.Option(min=0, max=1, help="False alarms: share of genuine objects that may be flagged.")
    ] = 0.01,
    missing_rate: Annotated[
        float, typer.Option(min=0, max=1, help="False alarms: share of rightly absent classes that may be flagged.")
    ] = 0.001,
    missing_above: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="In place of the rates: an absent class expected more is missing."),
    ] = None,
    unexpected_below: Annotated[
        float | None, typer.Option(min=0, max=1, help="With it: a present class expected less is unexpected.")
    ] = None,
) -> None:
    """List the classes that are there against expectation, and those that are expected and not there.

    The most surprising comes first, each with the classes that speak for it and against it, in log-odds. Limits are rates
    of false alarms, or the original's thresholds. Example: `contextual-anomaly list-anomalies --model mixture.safetensors
    --calibration mixture.calibration.parquet --scenes val.parquet --images images.parquet --unexpected-rate 0.005
    --output a.parquet --csv a.csv --text a.txt --attributions reasons.parquet`
    """
    from threadpoolctl import threadpool_limits

    from contextual_anomaly import tables
    from contextual_anomaly.anomalies import Rates, Thresholds, as_table, as_text, attributions_table, list_anomalies
    from contextual_anomaly.errors import UserError
    from contextual_anomaly.models.base import require_same_classes, variant_index
    from contextual_anomaly.models.calibration import read_calibration
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.object_geometry import read_object_geometry
    from contextual_anomaly.runtime.atomic import atomic_write
    from contextual_anomaly.scenes import checked_classes, read_scenes

    if (missing_above is None) != (unexpected_below is None):
        raise UserError("--missing-above and --unexpected-below go together: give both, or neither.")
    limits = Rates(unexpected_rate, missing_rate)
    if missing_above is not None and unexpected_below is not None:
        limits = Thresholds(unexpected_below, missing_above)
    judge, judged = load_model(model), read_scenes(scenes)
    require_same_classes(judge, judged.classes, str(scenes))
    pictures = tables.read_table(images, tables.IMAGES)
    geometry = (
        read_object_geometry(object_geometry, categories).dense(judged.image_ids)
        if object_geometry and categories
        else None
    )
    variant = variant_index(judge, bottleneck)
    with threadpool_limits(1):  # BLAS rounds differently on several cores
        listing, why = list_anomalies(
            *(judge, variant, read_calibration(calibration), judged, pictures, limits, geometry),
            checked=checked_classes(checked, judged) if checked else None,
        )
    kinds = listing["kind"].value_counts()
    found = f"{kinds.get('unexpected', 0)} unexpected and {kinds.get('missing', 0)} missing objects"
    logger.info(f"{judge.name}: {found} in {listing['image_id'].nunique()} of {len(judged.image_ids):,} images")
    tables.write_table(as_table(listing), tables.ANOMALIES, output, {"model": judge.name, "limits": str(limits)})
    tables.write_table(attributions_table(listing, why, judged.classes), tables.ATTRIBUTIONS, attributions)
    with atomic_write(csv) as temporary:
        listing.to_csv(temporary, index=False, float_format="%.6g")
    heading = f"{judged.dataset}, judged by the model {judge.name!r}: {found}.\n{limits}"
    with atomic_write(text) as temporary:
        temporary.write_text(as_text(listing, judged, heading))
