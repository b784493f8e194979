"""Detectors by name: fetched once into the user's cache, and verified by size and checksum.

YOLOX (Ge, Liu, Wang, Li, Sun 2021, arXiv 2107.08430), Apache License 2.0, trained on train2017 of COCO.
"""

import logging
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from contextual_anomaly import __version__
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import atomic_write, digest, require_file
from contextual_anomaly.runtime.cache import cache_folder
from contextual_anomaly.runtime.choices import DetectorFamily
from contextual_anomaly.runtime.locks import only_one
from contextual_anomaly.runtime.progress import track_bytes

logger = logging.getLogger(__name__)

TRIES = 3
TIMEOUT = 30.0  # seconds without a byte
CHUNK = 1 << 18  # bytes

_RELEASE = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"


@dataclass(frozen=True)
class NamedDetector:
    """A detector that can be fetched.

    Attributes:
        name: what it is called here.
        family: the form of its output.
        address: where its authors publish the ONNX file.
        size: of the file, in bytes.
        sha256: of the file, 64 hexadecimal digits.
        other_exports: checksums of other files that hold the same network, from other exports to ONNX. They are
            recognised, and never fetched.
        licence: of the weights.
        trained_on: images that it has seen, on which it is better than on others.
    """

    name: str
    family: DetectorFamily
    address: str
    size: int
    sha256: str
    other_exports: tuple[str, ...] = ()
    licence: str = "Apache-2.0"
    trained_on: str = "COCO train2017"

    @property
    def file_name(self) -> str:
        """The last part of the address."""
        return self.address.rpartition("/")[2]


DETECTORS = {
    detector.name: detector
    for detector in (
        NamedDetector(
            "yolox-nano",
            DetectorFamily.yolox,
            f"{_RELEASE}/yolox_nano.onnx",
            3_659_407,
            "c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d",
            other_exports=("e8af074932d4ed7e232278e3055cefcdea3edf178874a3694ae292649fb464dd",),
        ),
        NamedDetector(
            "yolox-tiny",
            DetectorFamily.yolox,
            f"{_RELEASE}/yolox_tiny.onnx",
            20_219_662,
            "427cc366d34e27ff7a03e2899b5e3671425c262ea2291f88bb942bc1cc70b0f7",
        ),
        NamedDetector(
            "yolox-s",
            DetectorFamily.yolox,
            f"{_RELEASE}/yolox_s.onnx",
            35_858_002,
            "c5c2d13e59ae883e6af3b45daea64af4833a4951c92d116ec270d9ddbe998063",
        ),
    )
}
"""All detectors that have a name. Sizes and checksums agree in several independent public sources."""

DEFAULT = "yolox-nano"


def named(name: str) -> NamedDetector:
    """Return a detector by its name.

    Raises:
        UserError: there is no such detector.
    """
    if name not in DETECTORS:
        raise UserError(f"detector {name!r} is unknown, expected one of {', '.join(DETECTORS)}, or an ONNX file.")
    return DETECTORS[name]


def identify(weights: str | Path) -> str | None:
    """Return the name of the detector that a file holds, by its checksum.

    Args:
        weights: an ONNX file.

    Returns:
        None for a file that is none of `DETECTORS`.

    Raises:
        UserError: there is no such file.
    """
    checksum = digest(require_file(weights, "the weights of a detector (ONNX)"))
    return next((d.name for d in DETECTORS.values() if checksum in (d.sha256, *d.other_exports)), None)


def cache_path(name: str) -> Path:
    """Return where a detector lies once it is fetched.

    Args:
        name: one of `DETECTORS`.

    Raises:
        UserError: there is no such detector, or the user has no cache folder.
    """
    file_name = named(name).file_name
    folder = cache_folder()
    if folder is None:
        raise UserError(
            f"detector {name}: there is no place to keep it, because neither XDG_CACHE_HOME nor HOME is set. Set "
            "XDG_CACHE_HOME to a folder, or give the detector's file."
        )
    return folder / "detectors" / file_name


def find(name: str, folder: str | Path | None = None) -> Path | None:
    """Return a verified file of a detector that is on this machine already.

    Args:
        name: one of `DETECTORS`.
        folder: looked at before the cache, such as the local copy of a data set.

    Returns:
        None where there is none. It may be another export of the same network.

    Raises:
        UserError: there is no such detector.
    """
    file_name = named(name).file_name
    places = [] if folder is None else [Path(folder) / file_name]
    places += [] if cache_folder() is None else [cache_path(name)]
    for path in places:
        if _holds(path, name):
            return path
        if path.is_file():
            logger.warning(f"{path}: this is not {name}, its SHA-256 checksum differs; it is not used.")
    return None


def _holds(path: Path, name: str) -> bool:
    return path.is_file() and identify(path) == name


def fetch(name: str, folder: str | Path | None = None, output: str | Path | None = None) -> Path:
    """Return a verified file of a detector; what is on this machine already is not downloaded again.

    Args:
        name: one of `DETECTORS`.
        folder: looked at before the cache, such as the local copy of a data set.
        output: where to copy the file; None leaves it where it is.

    Raises:
        UserError: there is no such detector, no place to keep it, or it cannot be downloaded; the message says what to
            fetch from where, and where to put it.
    """
    path = find(name, folder) or _fetch(name)
    if output is None:
        return path
    with atomic_write(output) as temporary:
        shutil.copyfile(path, temporary)
    return Path(output)


def _fetch(name: str) -> Path:
    """Download a detector into the cache."""
    detector, path = named(name), cache_path(name)
    logger.info(f"{name}: fetching {detector.size / 1e6:.1f} MB from {detector.address} ({detector.licence})")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with only_one(path):
            if not _holds(path, name):  # another process may have fetched it meanwhile
                _download(detector, path)
    except UserError as error:
        raise UserError(f"{error}\n{how_to_fetch(name)}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}).\n{how_to_fetch(name)}") from error
    return path


def _download(detector: NamedDetector, path: Path) -> None:
    """Download a file through the standard library: `download.transfer` needs packages that `check` goes without.

    Raises:
        UserError: it cannot be had, or is another file than expected.
    """
    # Only here: a detector that is there already needs no network, and these take long to import.
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    request = Request(detector.address, headers={"User-Agent": f"contextual-anomaly/{__version__}"})
    for tries_left in reversed(range(TRIES)):
        try:
            with urlopen(request, timeout=TIMEOUT) as answer:
                _store(answer, detector, path)
            return
        except HTTPError as error:
            problem, again = f"answers {error.code} {error.reason}", error.code >= 500
        except (URLError, HTTPException, ConnectionError, TimeoutError) as error:
            problem, again = f"the connection failed ({getattr(error, 'reason', None) or error})", True
        if not again or not tries_left:
            raise UserError(f"{detector.address}: {problem}.")
        logger.info(f"{detector.address}: {problem}; trying again")
        time.sleep(1)


def _store(answer: BinaryIO, detector: NamedDetector, path: Path) -> None:
    """Write what a server sends to ``path`` if it is the right file.

    Raises:
        UserError: it is another one, or broke off.
    """
    with atomic_write(path) as temporary:
        done = 0
        with temporary.open("wb") as out, track_bytes(detector.file_name) as progress:
            while done <= detector.size and (chunk := answer.read(CHUNK)):
                done += len(chunk)
                out.write(chunk)
                progress(done, detector.size)
        if done != detector.size:
            sent = "more" if done > detector.size else f"{done:,}"
            raise UserError(f"{detector.address}: {detector.size:,} bytes were expected, it sent {sent}.")
        if (found := digest(temporary)) != detector.sha256:
            raise UserError(
                f"{detector.address}: the file has the SHA-256 checksum {found}, which is not the right one."
            )


def how_to_fetch(name: str) -> str:
    """Return what to do where there is no network: what to fetch from where, and where to put it.

    Args:
        name: one of `DETECTORS`.

    Raises:
        UserError: there is no such detector, or the user has no cache folder.
    """
    detector = named(name)
    return (
        f"Without network: fetch {detector.address} ({detector.size:,} bytes, SHA-256 {detector.sha256}) on another "
        f"machine and put it at {cache_path(name)}, or give the file in place of the detector's name."
    )
