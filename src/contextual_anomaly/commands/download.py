"""`contextual-anomaly download`: download and verify one file."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def download(
    output: Annotated[Path, typer.Argument(help="The file to write.")],
    address: Annotated[list[str], typer.Option(help="http:// or https://; repeat, they are tried in this order.")],
    size: Annotated[int | None, typer.Option(min=1, help="Bytes that the file must have.")] = None,
    sha256: Annotated[
        str | None, typer.Option(help="Checksum that the file must have, 64 hexadecimal digits.", metavar="HEX")
    ] = None,
) -> None:
    """Download a file, verify it, and rename it into its place only then.

    A download that breaks off is continued, in this run or in the next: what has arrived is kept beside the output as a
    hidden `.part` file. A file that is there already and right is not downloaded again; one with a wrong checksum is
    deleted.
    Proxies are taken from the environment (`HTTPS_PROXY`). Example:

    `contextual-anomaly download yolov3.cfg --size 8342
    --sha256 22489ea38575dfa36c67a90048e8759576416a79d32dc11e15d2217777b9a953
    --address https://raw.githubusercontent.com/pjreddie/darknet/master/cfg/yolov3.cfg`
    """
    import re

    from contextual_anomaly.download.transfer import RemoteFile, RetryPolicy, fetch, new_session
    from contextual_anomaly.errors import UserError
    from contextual_anomaly.runtime.atomic import digest_file, write_digest
    from contextual_anomaly.runtime.locks import only_one
    from contextual_anomaly.runtime.progress import track_bytes

    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise UserError(f"--sha256 {sha256!r}: 64 hexadecimal digits were expected.")
    wanted = RemoteFile(tuple(address), size, sha256.lower() if sha256 else None)
    retry = RetryPolicy()
    with only_one(output), track_bytes(output.name) as progress:
        source = fetch(wanted, output, new_session(retry), retry, progress)
        if source and wanted.sha256:
            write_digest(output, wanted.sha256)
        elif source:
            digest_file(output).unlink(missing_ok=True)
    checked = "checksum verified" if sha256 else "no checksum was given"
    logger.info(
        f"{output}: {output.stat().st_size:,} bytes, {checked}, " + (f"from {source}" if source else "was there")
    )
