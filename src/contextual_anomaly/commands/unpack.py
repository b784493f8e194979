"""`contextual-anomaly unpack`: what is wanted out of an archive."""

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
    """Take one file, or the files of one folder, out of a zip archive.

    An archive that holds a name pointing out of its folder, or a link, is refused, and nothing of it is written. Example:

    `contextual-anomaly unpack annotations_trainval2017.zip annotations/instances_val2017.json
    --output data/annotations/instances_val2017.json`
    """
    from contextual_anomaly.download.archive import unpack_file, unpack_folder

    if member.endswith("/"):
        logger.info(f"{output}: {unpack_folder(archive, member, output):,} files")
    else:
        unpack_file(archive, member, output)
