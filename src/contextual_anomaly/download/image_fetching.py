"""Download images one by one over several connections; record which are missing."""

import logging
import os
import shutil
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from contextual_anomaly.detection.image_reading import UnreadableImage, read_image
from contextual_anomaly.download.hosts import AllowedHosts, host_of
from contextual_anomaly.download.transfer import Absent, RemoteFile, RetryPolicy, fetch, new_session
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import atomic_folder, write_csv
from contextual_anomaly.runtime.paths import escapes_directory
from contextual_anomaly.runtime.progress import track

logger = logging.getLogger(__name__)

COCO_HOST = "images.cocodataset.org"
COCO_OVER_TLS = "https://s3.amazonaws.com/images.cocodataset.org"
"""The same bucket by another host: no certificate covers a bucket name with dots, but one covers s3.amazonaws.com."""
MAX_SIZE = 200_000_000
"""Bytes of the largest image that is downloaded; images of COCO have up to 1 MB."""
PRESENT, MISSING, FAILED = "present", "missing", "failed"
"""Status of an image: it is here and whole, no server has it, or it could not be downloaded this time."""


def fetch_images(
    images: pd.DataFrame,
    store: Path,
    folder: Path,
    report: Path,
    connections: int,
    retry: RetryPolicy,
    hosts: Iterable[str] = (),
    max_size: int = MAX_SIZE,
) -> pd.DataFrame:
    """Download the images of a table, and link them into a folder that holds these and no others.

    Args:
        images: Rows of `tables.IMAGES`.
        store: Folder in which images stay between runs; whole images there are not downloaded again.
        folder: Replaced as a whole, once no image has failed.
        report: CSV to write, one image a row: image_id, file_name, status (see `PRESENT`), problem.
        connections: Number of images downloaded at the same time.
        retry: When to give up on an address.
        hosts: Hosts that may be asked beside those of the addresses in the table, wherever they are; those of the table
            only at public addresses.
        max_size: Bytes of the largest image that is accepted.

    Returns:
        The report.

    Raises:
        UserError: An image could not be downloaded though its server may have it; the others stay in the store.
    """
    wanted: list[Any] = list(images.itertuples())
    for row in wanted:
        if escapes_directory(row.file_name):
            raise UserError(f"image {row.image_id}: file_name {row.file_name!r} points outside its folder.")
    addresses = (address for row in wanted for address in addresses_of(row.coco_url))
    adapter = partial(AllowedHosts, {host_of(address) for address in addresses}, tuple(hosts))
    sessions = threading.local()
    silent: set[str] = set()

    def get(row) -> tuple[str, str]:
        if not hasattr(sessions, "own"):
            sessions.own = new_session(retry, adapter)
        return _one(row, store / row.file_name, max_size, sessions.own, retry, silent)

    status: dict[int, tuple[str, str]] = dict.fromkeys(images["image_id"], (FAILED, "not tried"))
    with ThreadPoolExecutor(connections) as pool:
        waiting = {pool.submit(get, row): row for row in wanted}
        try:
            for done in track(as_completed(waiting), "fetching", total=len(waiting), unit="images"):
                row = waiting[done]
                status[row.image_id] = done.result()
                if status[row.image_id][0] in (MISSING, FAILED):
                    logger.info(f"{row.file_name}: {': '.join(status[row.image_id])}")
        finally:
            pool.shutdown(cancel_futures=True)
    rows = images[["image_id", "file_name"]].copy()
    rows[["status", "problem"]] = [status[image] for image in images["image_id"]]
    write_csv(rows, report)
    failed = rows[rows["status"] == FAILED]
    if len(failed):
        raise UserError(
            f"{len(failed):,} of {len(rows):,} images could not be fetched, the first {failed['file_name'].iloc[0]}: "
            f"{failed['problem'].iloc[0]} The others stay in {store}: run again to go on. {report} lists them all."
        )
    _link(rows[rows["status"] != MISSING]["file_name"], store, folder)
    return rows


def addresses_of(url: str) -> tuple[str, ...]:
    """Return where an image of this `coco_url` can be downloaded; for COCO's own host, over TLS first."""
    if host_of(url) == COCO_HOST and url.startswith(("http://", "https://")):
        return (COCO_OVER_TLS + urlsplit(url).path, url)
    return (url,)


def _one(row, path: Path, max_size: int, session, retry: RetryPolicy, silent: set[str]) -> tuple[str, str]:
    """Download one image; return its status and problem. ``silent`` servers, which failed before, are asked last."""
    if path.is_file():
        if not _mismatch(path, row):
            return PRESENT, ""
        path.unlink()
    if not row.coco_url:
        return MISSING, "the annotations give no coco_url"
    problems = []
    for address in sorted(addresses_of(row.coco_url), key=lambda address: host_of(address) in silent):
        try:
            fetch(RemoteFile((address,), max_size=max_size), path, session, retry)
        except Absent as error:  # believed, whatever keeps the other servers from answering
            return MISSING, _last_line(error)
        except UserError as error:
            problems.append(_last_line(error))
            silent.add(host_of(address))
            continue
        problem = _mismatch(path, row)
        if not problem:
            return PRESENT, ""
        problems.append(f"{address}: {problem}")
        path.unlink()
    return FAILED, "; ".join(problems)


def _mismatch(path: Path, row) -> str:
    """Return why a file is not the image that the annotations describe by its size in pixels, or ""."""
    try:
        image = read_image(path, row.width, row.height)
    except UnreadableImage as problem:
        return str(problem)
    known = row.width > 0 and row.height > 0  # the annotations may not give the size
    if known and (image.width, image.height) != (row.width, row.height):
        return f"is {image.width} × {image.height} pixels, the annotations say {row.width} × {row.height}"
    return "is cut off at its very end" if image.lacks_end_marker else ""


def _last_line(error: UserError) -> str:
    """Return the last line of a message, which names the address and its problem."""
    return str(error).splitlines()[-1].strip()


def _link(names: pd.Series, store: Path, folder: Path) -> None:
    """Fill ``folder`` with hard links where the disk has them, else with copies."""
    with atomic_folder(folder) as temporary:
        for name in names:
            target = temporary / name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(store / name, target)
            except OSError:
                shutil.copy2(store / name, target)
