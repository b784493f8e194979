"""Videos that end, end early, claim frames and give none, or are no videos."""

import struct

import cv2
import numpy as np
import pytest

from contextual_anomaly.detection.video import Video, VideoFault

FRAMES = 50


@pytest.fixture(scope="module")
def mp4(tmp_path_factory) -> bytes:
    """Fifty frames of 64 × 48 pixels; a light spot in the top left corner, a time that shows as brightness."""
    path = tmp_path_factory.mktemp("video") / "whole.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (64, 48))
    rng = np.random.default_rng(0)
    for number in range(FRAMES):
        frame = np.full((48, 64, 3), 20 + 2 * number, np.uint8) + rng.integers(0, 20, (48, 64, 3), np.uint8)
        frame[:16, :16] = 255
        writer.write(frame)
    writer.release()
    return path.read_bytes()


def _video(tmp_path, content: bytes) -> Video:
    path = tmp_path / "video.mp4"
    path.write_bytes(content)
    return Video(path)


def test_a_whole_video_ends_without_a_fault(tmp_path, mp4):
    video = _video(tmp_path, mp4)
    assert (video.width, video.height, video.rate, video.frame_count) == (64, 48, 25, FRAMES)
    frames = list(video)
    video.close()
    assert [frame.number for frame in frames] == list(range(FRAMES))
    np.testing.assert_allclose([frame.seconds for frame in frames], np.arange(FRAMES) / 25, atol=1e-6)
    assert np.all(np.diff([frame.pixels[24:, 24:].mean() for frame in frames]) > 0.5)


def _with_rotation(mp4: bytes, matrix: tuple[int, ...]) -> bytes:
    """The file with another matrix in its track header (ISO 14496-12, box tkhd, version 0: 40 bytes behind its type)."""
    start = mp4.index(b"tkhd") + 4 + 40
    return mp4[:start] + struct.pack(">9i", *matrix) + mp4[start + 36 :]


def test_a_rotation_flag_is_obeyed(tmp_path, mp4):
    one = 1 << 16
    video = _video(tmp_path, _with_rotation(mp4, (0, one, 0, -one, 0, 0, 48 * one, 0, 1 << 30)))  # by 90 degrees
    assert (video.width, video.height) == (48, 64)
    frame = next(iter(video))
    assert frame.pixels.shape == (64, 48, 3)
    corners = {"right": frame.pixels[:12, -12:], "left": frame.pixels[:12, :12], "bottom": frame.pixels[-12:]}
    assert corners["right"].mean() > 200  # the spot has moved clockwise
    assert corners["left"].mean() < 100
    assert corners["bottom"].mean() < 100


def _moov_first(mp4: bytes) -> bytes:
    """The index before the frames, as for the web: so that a file that is cut off still opens."""
    boxes, place = {}, 0
    while place < len(mp4):
        size, kind = struct.unpack(">I4s", mp4[place : place + 8])
        boxes[kind] = mp4[place : place + size]
        place += size
    index = bytearray(boxes[b"moov"])
    for kind in (b"stco",):
        start = index.index(kind) + 4
        (count,) = struct.unpack(">I", index[start + 4 : start + 8])
        for entry in range(count):
            at = start + 8 + 4 * entry
            (offset,) = struct.unpack(">I", index[at : at + 4])
            index[at : at + 4] = struct.pack(">I", offset + len(index))
    others = b"".join(box for kind, box in boxes.items() if kind not in (b"ftyp", b"moov"))
    return boxes[b"ftyp"] + bytes(index) + others


def test_a_video_that_ends_early_is_a_fault_after_its_frames(tmp_path, mp4):
    whole = _moov_first(mp4)
    assert len(list(_video(tmp_path, whole))) == FRAMES
    frames = iter(_video(tmp_path, whole[: len(whole) * 2 // 3]))
    for number in range(10):
        assert next(frames).number == number
    with pytest.raises(VideoFault, match=r"ended after \d+ of the 50 frames that it claims: it is cut off or damaged"):
        list(frames)


def test_a_video_that_claims_frames_and_gives_none(tmp_path, mp4):
    """Its frames are said to be VP9, which they are not: no frame can be decoded, as of AV1 where that is lacking."""
    video = _video(tmp_path, mp4.replace(b"mp4v", b"vp09").replace(b"esds", b"free"))
    with pytest.raises(VideoFault, match=r"claims 50 frames and gives none: this OpenCV cannot decode.*ffmpeg -i"):
        list(video)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"no video" * 100, "not a video"),
    ],
)
def test_what_is_no_video(tmp_path, content, message):
    with pytest.raises(VideoFault, match=message):
        _video(tmp_path, content)


def test_no_file_and_no_stream(tmp_path):
    with pytest.raises(VideoFault, match="there is no such file"):
        Video(tmp_path / "nothing.mp4")
    with pytest.raises(VideoFault, match="the stream cannot be reached"):
        Video("http://127.0.0.1:9/stream")


def test_an_index_that_is_lost(tmp_path, mp4):
    with pytest.raises(VideoFault, match="lost its index"):
        _video(tmp_path, mp4[: mp4.index(b"moov") - 4])
