"""`contextual-anomaly unpack`: unpack a file or a folder of an archive."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def unpack(
    archive: Annotated[Path, typer.Argument(help="A zip archive.")],
    member: Annotated[str, typer.Argument(help="A file in it, or a folder, with a slash at its end.")],
    output: Annotated[Path, typer.Option(help="The file, or the folder, to write; replaced as a whole.")],
) -> None:
    """Unpack one file, or the files of one folder, of a zip archive.

    An archive with a name that points out of its folder, or with a link, is refused, and nothing is written. Example:

    `contextual-anomaly unpack annotations_trainval2017.zip annotations/instances_val2017.json
    --output data/annotations/instances_val2017.json`
    """
    from contextual_anomaly.download.archive import unpack_file, unpack_folder

    if member.endswith("/"):
        logger.info(f"{output}: {unpack_folder(archive, member, output):,} files")
    else:
        unpack_file(archive, member, output)
