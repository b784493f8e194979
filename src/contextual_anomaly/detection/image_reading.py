"""Read image files: bounded in memory, turned as their annotations are, and refused in words."""

import io
import re
import struct
import threading
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import simplejpeg
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 2  # items per thread: enough that none waits, few enough that memory stays small
MAX_PIXELS = 200_000_000
"""Pixels of the largest image that is decoded, 600 MB; of a JPEG, after it was reduced while decoding."""
MAX_JPEG_PIXELS = 1 << 30
"""Pixels of the largest JPEG; a progressive one, whose coefficients are kept in memory, must not exceed `MAX_PIXELS`."""
MAX_BYTES = 1 << 30
LARGE = 25_000_000  # pixels; only one such image is decoded at a time
ORIENTATION = 0x0112  # the EXIF tag
END_OF_IMAGE = b"\xff\xd9"
NO_END_MARKER = "the end marker is missing; everything before it was read"

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "AVIF", "JPEG2000", "PPM", "PCX", "TGA", "SUN")
"""Formats that are read, as Pillow names them."""

_one_large_image = threading.Lock()

# What files that are no image begin with, and what they are.
NOT_IMAGES = (
    (rb"version https://git-lfs", "a Git LFS pointer: run `git lfs pull` to fetch the image itself"),
    (rb"<!DOCTYPE\s+html|<html", "an HTML page, probably an error page that was downloaded in place of the image"),
    (rb"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*|<!DOCTYPE svg[^>]*>\s*)*<svg", "an SVG drawing; convert it to PNG or JPEG"),
    (rb"<\?xml", "an XML document, probably an error message that was downloaded in place of the image"),
    (rb"%PDF", "a PDF document; convert it to PNG or JPEG"),
    (rb"PK\x03\x04", "a zip archive"),
    (rb"[\[{]\s*[\"{\[]", "JSON text, probably an error message that was downloaded in place of the image"),
    (rb"....ftyp(?:hei[cxms]|hev[cx]|mif1|msf1)", "HEIC (as iPhones write): OpenCV does not read it; convert it to JPEG"),
    (rb"....ftyp(?:isom|mp4|M4V|qt|avc1)", "a video"),
    (rb"\x1aE\xdf\xa3", "a video"),
)  # fmt: skip


class ReadImage(NamedTuple):
    """An image as it goes into a network."""

    pixels: np.ndarray  # [h, w, 3] BGR uint8; reduced by a whole factor if the image is very large
    width: int  # of the whole image, in pixels, as turned
    height: int
    remark: str = ""  # for the image report; "" if there is nothing to say

    @property
    def lacks_end_marker(self) -> bool:
        """Whether the file ends before the marker that ends a JPEG."""
        return NO_END_MARKER in self.remark


class UnreadableImage(Exception):
    """The message says in words why a file cannot be used as an image."""


def read_image(path: Path, width: int | None = None, height: int | None = None) -> ReadImage:
    """Read an image file.

    Args:
        path: The file.
        width: Width that the annotations give, in pixels. With ``height`` it decides whether the EXIF orientation
            applies: boxes may have been drawn on the image as it is stored or as it is shown.
        height: Height that the annotations give, in pixels.

    Raises:
        UnreadableImage: The file is missing, empty, damaged, no image, of a kind that cannot be read, or too large.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableImage(f"a file of {path.stat().st_size / 1e9:.1f} GB, more than an image has")
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableImage(f"cannot be opened: {error.strerror}") from None
    header = read_header(data)
    turned, remark = _orientation(header, width, height)
    large = header.width * header.height > LARGE
    with _one_large_image if large else nullcontext():
        if header.format == "JPEG":
            pixels, damage = _decode_jpeg(data, header)
        else:
            pixels, damage = _decode(data, header), ""
        pixels = _turn(pixels, header.orientation) if turned else pixels
    size = (header.width, header.height)
    if turned and header.orientation >= 5:
        size = size[::-1]
    return ReadImage(np.ascontiguousarray(pixels), size[0], size[1], "; ".join(filter(None, (damage, remark))))


def what_it_is(beginning: bytes) -> str:
    """Return what a file is that is no image, by its first bytes, and what to do; "" if they tell nothing."""
    for pattern, what in NOT_IMAGES:
        if re.match(rb"(?:\xef\xbb\xbf)?\s*(?:" + pattern + rb")", beginning, re.IGNORECASE | re.DOTALL):
            return what
    return ""


class ImageHeader(NamedTuple):
    """What an image file says of itself before its pixels."""

    format: str  # as Pillow names it
    width: int  # as stored, in pixels
    height: int
    mode: str  # as Pillow names it
    orientation: int  # of EXIF: 1 is upright, from 5 on sides are exchanged


def read_header(data: bytes) -> ImageHeader:
    """Read the header of an image file, and refuse what is no image or would not fit into memory.

    Raises:
        UnreadableImage: The file is empty, no image, of a kind that cannot be read, or too large.
    """
    if not data:
        raise UnreadableImage("the file is empty")
    known = data.startswith((b"\xff\xd8\xff", b"\x89PNG"))
    if not known and (what := what_it_is(data[:1024])):
        raise UnreadableImage(f"is {what}")
    try:
        with _open(data) as image:
            # Pillow would decode a whole PNG to find its EXIF data behind the pixels.
            exif = image.getexif() if image.format != "PNG" or "exif" in image.info else {}
            orientation = exif.get(ORIENTATION, 1)
            kind = "JPEG" if image.format == "MPO" else image.format or ""  # cameras put previews behind a JPEG
            width, height = image.size
            header = ImageHeader(kind, width, height, image.mode, orientation if orientation in range(1, 9) else 1)
            progressive = bool(image.info.get("progressive"))
    except UnidentifiedImageError:
        if data.startswith((b"II*\0", b"MM\0*")):
            raise UnreadableImage(
                "TIFF of a rare kind, of floating-point numbers perhaps; convert it to 8 bit"
            ) from None
        raise UnreadableImage("not an image, or one that is cut off in its first bytes") from None
    except (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError) as error:
        raise UnreadableImage(f"not an image, or one that is cut off or damaged in its header ({error})") from None
    _check_size(header, progressive)
    return header


def _open(data: bytes) -> ImageFile:
    """Open an image of one of `FORMATS` in Pillow, which reads its header only.

    `Image.open` has one bound for all formats and warns; the bounds are those of this module here, by format.

    Raises:
        UnidentifiedImageError: It is of none of the formats.
    """
    Image.init()
    for name in FORMATS:
        factory, accept = Image.OPEN.get(name, (None, None))
        if factory is None or (accept is not None and accept(data[:16]) is not True):
            continue
        try:
            return factory(io.BytesIO(data), "")
        except (SyntaxError, IndexError, TypeError, struct.error):  # as Image.open: not of this format after all
            continue
    raise UnidentifiedImageError


def _check_size(header: ImageHeader, progressive: bool) -> None:
    """Refuse an image that would not fit into memory."""
    pixels = header.width * header.height
    limit = MAX_JPEG_PIXELS if header.format == "JPEG" and not progressive else MAX_PIXELS
    if pixels > limit:
        kind = "progressive JPEG" if progressive and header.format == "JPEG" else header.format
        raise UnreadableImage(
            f"{header.width:,} × {header.height:,} pixels, more than the {limit:,} that are read of a {kind}; "
            "scale it down"
        )


def _orientation(header: ImageHeader, width: int | None, height: int | None) -> tuple[bool, str]:
    """Return whether to turn the image as its EXIF orientation says, and a remark where that cannot be decided."""
    if header.orientation == 1:
        return False, ""
    stored, expected = (header.width, header.height), (width, height)
    shown = stored[::-1] if header.orientation >= 5 else stored
    if shown != stored and expected in (shown, stored):
        return expected == shown, ""
    if None in expected or expected not in (shown, stored):
        return True, ""
    return True, (
        f"turned as its EXIF orientation ({header.orientation}) says; the size does not tell whether its annotations "
        "were made so"
    )


def _decode_jpeg(data: bytes, header: ImageHeader) -> tuple[np.ndarray, str]:
    """Decode a JPEG; return its pixels, and a remark if its end marker is missing."""
    if header.mode == "CMYK":
        return _decode(data, header), ""
    # Reduced while decoding, so that the whole never lies in memory.
    options: dict = {"colorspace": "BGR", "fastdct": False, "fastupsample": False}
    for factor in (2, 4, 8):
        if header.width * header.height > LARGE * (factor // 2) ** 2:
            options |= {"min_factor": factor, "min_width": 1, "min_height": 1}
    try:
        return simplejpeg.decode_jpeg(data, **options), ""
    except ValueError as error:
        problem = str(error).strip()
    if problem.startswith("Premature end of JPEG file"):
        try:
            pixels = simplejpeg.decode_jpeg(data + END_OF_IMAGE, **options)
        except ValueError as error:
            raise UnreadableImage(f"cut off ({str(error).strip()})") from None
        return pixels, NO_END_MARKER
    if "extraneous bytes" in problem:  # between segments, where nothing is lost
        try:
            return simplejpeg.decode_jpeg(data, strict=False, **options), f"read in spite of: {problem}"
        except ValueError as error:
            raise UnreadableImage(f"damaged ({str(error).strip()})") from None
    if problem.startswith("Corrupt JPEG data"):
        raise UnreadableImage(f"damaged in the middle ({problem})")
    return _decode(data, header), ""


def _decode(data: bytes, header: ImageHeader) -> np.ndarray:
    """Decode any other image through OpenCV, or through Pillow what OpenCV would read wrongly."""
    if header.mode == "F":
        raise UnreadableImage(
            f"{header.format} of floating-point numbers, whose range is not known; convert it to 8 bit"
        )
    if header.mode == "I" and header.format == "TIFF":
        raise UnreadableImage("TIFF of 32-bit numbers, whose range is not known; convert it to 8 bit")
    pixels = None
    if header.mode != "CMYK" or header.format == "JPEG":
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        except cv2.error:
            pixels = None
    if pixels is None and header.mode in ("CMYK", "P", "L", "RGB", "RGBA", "LA", "1"):
        try:
            with _open(data) as image:
                pixels = np.asarray(image.convert("RGB"))[..., ::-1]
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise UnreadableImage(f"damaged or cut off ({error})") from None
    if pixels is None:
        raise UnreadableImage(f"{header.format} that OpenCV cannot decode: damaged, cut off, or of a rare kind")
    return pixels


def _turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn pixels [h, w, 3] upright from EXIF orientation 2 to 8."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def find_files(folder: Path, names: Iterable[str]) -> list[Path | None]:
    """Find each named file in a folder; accents may be composed in one place and decomposed in the other (NFC, NFD)."""
    found: list[Path | None] = []
    composed: dict[Path, dict[str, Path]] = {}
    for name in names:
        path = folder / name
        if not path.is_file():
            listing = composed.get(path.parent)
            if listing is None and not name.isascii():
                files = path.parent.iterdir() if path.parent.is_dir() else ()
                listing = composed[path.parent] = {unicodedata.normalize("NFC", file.name): file for file in files}
            path = (listing or {}).get(unicodedata.normalize("NFC", path.name))
        found.append(path)
    return found


def map_ahead(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Yield ``work`` of each item in order, computed by ``threads`` threads a few items ahead."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
