"""`contextual-anomaly fetch-images`: the first images of a split, one by one."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)

SECONDS_AN_IMAGE = 600.0


def fetch_images(
    image_table: Annotated[Path, typer.Option(help="Images of the split, with their coco_url (Parquet).")],
    store: Annotated[Path, typer.Option(help="Folder in which images stay from run to run.")],
    output: Annotated[Path, typer.Option(help="Folder of these images and no others; replaced as a whole.")],
    report: Annotated[Path, typer.Option(help="What became of each image, as CSV.")],
    count: Annotated[int, typer.Option(min=1, help="How many images, those of the lowest ids.")] = 400,
    connections: Annotated[int, typer.Option(min=1, max=64, help="Images fetched at the same time.")] = 8,
    host: Annotated[
        list[str] | None,
        typer.Option(
            help="A host that may be asked beside those of the annotations, also in a private network; repeat."
        ),
    ] = None,
    max_megabytes: Annotated[int, typer.Option(min=1, help="Size of the largest image that is accepted.")] = 200,
) -> None:
    """Download images from the addresses that the annotations give, as the original does.

    Images stay in the store, so that an interrupted run continues, and a larger count downloads only the rest. An image
    counts as whole if it can be decoded and has the size that the annotations say. Images that no server has are named
    in the report and left out; if one could not be downloaded for another reason, the command fails in the end.

    Only hosts that the annotations name are asked, and only at addresses of the public network: an annotation file of
    somebody else must not reach a machine of your network. `--host` allows others, as the host of a redirect.

    Example: `contextual-anomaly fetch-images --image-table results/images/val.parquet --store data/images --count 400
    --output data/val2017_first400 --report data/val2017_first400.csv`
    """
    from contextual_anomaly import tables
    from contextual_anomaly.download.image_fetching import MISSING, fetch_images
    from contextual_anomaly.download.transfer import RetryPolicy
    from contextual_anomaly.runtime.locks import only_one

    wanted = tables.read_table(image_table, tables.IMAGES).to_pandas().head(count)
    retry = RetryPolicy(max_retries=3, max_seconds=SECONDS_AN_IMAGE)
    with only_one(store):
        rows = fetch_images(wanted, store, output, report, connections, retry, host or (), max_megabytes * 1_000_000)
    missing = int((rows["status"] == MISSING).sum())
    logger.info(
        f"{output}: {len(rows) - missing:,} images" + (f"; {missing:,} are missing, see {report}" if missing else "")
    )
