"""`contextual-anomaly anomalies`: what is unexpected, and what is missing."""

from pathlib import Path
from typing import Annotated

import typer


def anomalies(
    model: Annotated[Path, typer.Option(help="The model that judges (.safetensors).")],
    scenes: Annotated[Path, typer.Option(help="Scenes to be judged (Parquet).")],
    images: Annotated[Path, typer.Option(help="Their images: names and links (Parquet).")],
    output: Annotated[Path, typer.Option(help="The listing (Parquet).")],
    csv: Annotated[Path, typer.Option(help="The same as CSV.")],
    text: Annotated[Path, typer.Option(help="The same as text, image by image.")],
    bottleneck: Annotated[int, typer.Option(min=1, help="Which member of a sweep judges.")] = 10,
    missing_above: Annotated[
        float, typer.Option(min=0, max=1, help="An absent class expected more than this is missing.")
    ] = 0.85,
    unexpected_below: Annotated[
        float, typer.Option(min=0, max=1, help="A present class expected less than this is unexpected.")
    ] = 0.01,
) -> None:
    """List the classes that are there against expectation, and those that are expected and not there.

    The most surprising comes first. Example: `contextual-anomaly anomalies --model default.safetensors --bottleneck 64
    --scenes val.parquet --images images.parquet --output a.parquet --csv a.csv --text a.txt`
    """
    from threadpoolctl import threadpool_limits

    from contextual_anomaly import tables
    from contextual_anomaly.anomalies import as_table, as_text, list_anomalies
    from contextual_anomaly.files import write_aside
    from contextual_anomaly.models.base import member_index, require_same_classes
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.progress import say
    from contextual_anomaly.scenes import read_scenes

    judge, judged = load_model(model), read_scenes(scenes)
    require_same_classes(judge, judged.classes, str(scenes))
    pictures = tables.read_table(images, tables.IMAGES)
    member = member_index(judge, bottleneck)
    with threadpool_limits(1):  # BLAS rounds differently on several cores
        listing = list_anomalies(judge, member, judged, pictures, missing_above, unexpected_below)
    kinds = listing["kind"].value_counts()
    found = f"{kinds.get('unexpected', 0)} unexpected and {kinds.get('missing', 0)} missing objects"
    say(f"{judge.name}: {found} in {listing['image_id'].nunique()} of {len(judged.image_ids):,} images")
    metadata = {"model": judge.name, "missing_above": str(missing_above), "unexpected_below": str(unexpected_below)}
    tables.write_table(as_table(listing), tables.ANOMALIES, output, metadata)
    with write_aside(csv) as aside:
        listing.to_csv(aside, index=False, float_format="%.6g")
    heading = (
        f"{judged.dataset}, judged by the model {judge.name!r}: {found}.\n"
        f"Missing: absent and expected above {missing_above}. Unexpected: present and expected below {unexpected_below}."
    )
    with write_aside(text) as aside:
        aside.write_text(as_text(listing, judged, heading))
