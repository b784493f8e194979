"""Images as people have them: read as OpenCV and Pillow read them, turned as annotated, or refused in words."""

import io
import struct
import subprocess
import sys
import unicodedata
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from contextual_anomaly.detection import image_reading
from contextual_anomaly.detection.image_reading import UnreadableImage, find_files, read_image


@pytest.fixture
def pixels() -> np.ndarray:
    """[30, 50, 3] BGR, smooth."""
    return cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (30, 50, 3), np.uint8), (0, 0), 3)


@pytest.fixture
def jpeg(pixels) -> bytes:
    return _encoded(pixels, "JPEG", quality=95)


def _encoded(pixels, kind, mode="RGB", **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels[..., ::-1]).convert(mode).save(out, kind, **options)
    return out.getvalue()


def _with_orientation(pixels, orientation, kind="JPEG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return _encoded(pixels, kind, exif=exif)


def _read(tmp_path, content: bytes, *size):
    path = tmp_path / "image"
    path.write_bytes(content)
    return read_image(path, *size)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_annotations_size_decides_whether_exif_applies(tmp_path, pixels, orientation, kind):
    content = _with_orientation(pixels, orientation, kind)
    data = np.frombuffer(content, np.uint8)
    stored = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    shown = np.asarray(_transposed(content))[..., ::-1]
    swaps = orientation >= 5
    as_shown = _read(tmp_path, content, *((30, 50) if swaps else (50, 30)))
    np.testing.assert_allclose(as_shown.pixels, shown, atol=1)
    assert (as_shown.width, as_shown.height) == shown.shape[1::-1]
    as_stored = _read(tmp_path, content, 50, 30)
    np.testing.assert_array_equal(as_stored.pixels, stored if swaps else as_shown.pixels)
    assert ("does not tell" in as_stored.remark) == (orientation in (2, 3, 4))
    assert (_read(tmp_path, content, 99, 99).width == 30) == swaps  # not decided by size: as every viewer shows it


def _transposed(content: bytes) -> Image.Image:
    """What Pillow makes of the EXIF orientation."""
    from PIL import ImageOps

    return ImageOps.exif_transpose(Image.open(io.BytesIO(content)).convert("RGB"))


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "RGB"), ("PNG", "L"), ("PNG", "LA"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "1"), ("BMP", "RGB"), ("GIF", "P"),
     ("TIFF", "RGB"), ("TIFF", "CMYK"), ("JPEG", "L"), ("PCX", "RGB")],
)  # fmt: skip
def test_kinds_that_are_read_as_pillow_reads_them(tmp_path, pixels, kind, mode):
    content = _encoded(pixels, kind, mode)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))[..., ::-1]
    np.testing.assert_allclose(_read(tmp_path, content, 50, 30).pixels, expected, atol=2)


def test_a_jpeg_is_what_opencv_decodes(tmp_path, jpeg):
    np.testing.assert_array_equal(_read(tmp_path, jpeg).pixels, cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1))


def test_cmyk_and_sixteen_bits(tmp_path, pixels):
    cmyk = _encoded(pixels, "JPEG", "CMYK", quality=95)
    np.testing.assert_allclose(_read(tmp_path, cmyk).pixels, pixels, atol=25)
    for suffix in (".png", ".tif"):
        deep = cv2.imencode(suffix, pixels.astype(np.uint16) * 257)[1].tobytes()
        np.testing.assert_array_equal(_read(tmp_path, deep).pixels, pixels)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 400, "HEIC .*convert it to JPEG"),
        (b"<!DOCTYPE html><html>404</html>", "an HTML page"),
        (b"\xef\xbb\xbf\n<html>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:x\n", "a Git LFS pointer"),
        (b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="x"/>', "an SVG drawing"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML document"),
        (b'{"message": "not found"}', "JSON text"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\0\0\0\x18ftypisom" + b"\0" * 100, "a video"),
        (b"no image at all" * 20, "not an image"),
    ],
)
def test_what_is_no_image_is_called_by_its_name(tmp_path, content, message):
    with pytest.raises(UnreadableImage, match=message):
        _read(tmp_path, content)


def test_floating_point_numbers_are_refused_by_name(tmp_path, pixels):
    one = io.BytesIO()
    Image.fromarray(pixels[..., 0].astype(np.float32) / 255).save(one, "TIFF")
    three = cv2.imencode(".tif", pixels.astype(np.float32) / 255)[1].tobytes()
    for content in (one.getvalue(), three):
        with pytest.raises(UnreadableImage, match="floating-point numbers"):
            _read(tmp_path, content)


def test_damage_in_the_middle_is_named(tmp_path):
    noise = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 255, (300, 400, 3), np.uint8), (0, 0), 5)
    content = bytearray(_encoded(noise, "JPEG"))
    middle = len(content) // 2
    content[middle : middle + 1000] = np.random.default_rng(1).bytes(1000)
    with pytest.raises(UnreadableImage, match="damaged in the middle"):
        _read(tmp_path, bytes(content))
    png = bytearray(_encoded(noise, "PNG"))
    png[len(png) // 2] ^= 255
    with pytest.raises(UnreadableImage, match="damaged or cut off"):
        _read(tmp_path, bytes(png))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_files_that_are_cut_off(tmp_path, pixels, kind):
    content = _encoded(pixels, kind, "P" if kind == "GIF" else "RGB")
    for share in (0.1, 0.5, 0.9):
        with pytest.raises(UnreadableImage):
            _read(tmp_path, content[: int(len(content) * share)])


def test_a_missing_end_marker_is_said_and_the_image_read(tmp_path, jpeg):
    whole = _read(tmp_path, jpeg)
    short = _read(tmp_path, jpeg[:-2])
    assert short.lacks_end_marker
    assert not whole.lacks_end_marker
    np.testing.assert_array_equal(short.pixels, whole.pixels)


def test_what_cameras_append_changes_nothing(tmp_path, jpeg):
    assert _read(tmp_path, jpeg + b"\0" * 20_000 + b"trailer").remark == ""
    several = io.BytesIO()
    image = Image.open(io.BytesIO(jpeg))
    image.save(several, "MPO", save_all=True, append_images=[image])
    assert (_read(tmp_path, several.getvalue()).width, _read(tmp_path, several.getvalue()).remark) == (50, "")


def _blank_png(side: int) -> bytes:
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def test_a_pixel_bomb_is_refused_by_its_header(tmp_path):
    with pytest.raises(
        UnreadableImage, match=r"33,000 × 33,000 pixels, more than the 200,000,000 that are read of a PNG"
    ):
        _read(tmp_path, _blank_png(33_000))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "most"), [("PNG", 1400), ("JPEG", 500)])
def test_memory_stays_within_the_rule(tmp_path, kind, most):
    """144 million pixels, 432 MB; the rule of detect has 3,000 MB. A JPEG is reduced while it is decoded."""
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell the peak of memory of a process alone")
    make = "import sys; from PIL import Image; Image.new('RGB', (12_000, 12_000)).save(*sys.argv[1:])"
    subprocess.run([sys.executable, "-c", make, tmp_path / "large", kind], check=True)
    code = (
        "import pathlib, re, sys\n"
        "from contextual_anomaly.detection.image_reading import read_image\n"
        "image = read_image(pathlib.Path(sys.argv[1]), 12_000, 12_000)\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(image.width, re.search(r'VmHWM:\\s+(\\d+) kB', status)[1])"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "large"], capture_output=True, text=True, check=True)
    width, peak = map(int, done.stdout.split())
    assert width == 12_000
    assert peak / 1024 < most


def test_a_large_jpeg_is_reduced_while_it_is_decoded(tmp_path, pixels, monkeypatch):
    content = _encoded(cv2.resize(pixels, (400, 240)), "JPEG")
    monkeypatch.setattr(image_reading, "LARGE", 10_000)
    found = _read(tmp_path, content, 400, 240)
    assert found.pixels.shape[0] * found.pixels.shape[1] <= 10_000
    assert (found.width, found.height, found.remark) == (400, 240, "")
    monkeypatch.setattr(image_reading, "MAX_PIXELS", 50_000)
    with pytest.raises(UnreadableImage, match="progressive JPEG"):
        _read(tmp_path, _encoded(cv2.resize(pixels, (400, 240)), "JPEG", progressive=True))


def test_accents_are_found_however_they_are_composed(tmp_path):
    (tmp_path / unicodedata.normalize("NFD", "café.jpg")).write_text("x")
    (tmp_path / "plain.jpg").write_text("x")
    found = find_files(tmp_path, ["plain.jpg", unicodedata.normalize("NFC", "café.jpg"), "nothing.jpg", "nöthing.jpg"])
    assert [path is not None for path in found] == [True, True, False, False]
    assert found[1].read_text() == "x"
