import io
import json

import cv2
import numpy as np
import pytest

from contextual_anomaly.errors import UserError
from contextual_anomaly.watching.frames import Frame, SourceState
from contextual_anomaly.watching.sources.addresses import without_passwords
from contextual_anomaly.watching.sources.files import ImageSequence, VideoFile
from contextual_anomaly.watching.sources.lines import DetectionLines
from contextual_anomaly.watching.sources.live import LiveSource
from contextual_anomaly.watching.sources.opening import open_source
from contextual_anomaly.watching.zones import Zone, zone_of


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://admin:1234@camera/live", "rtsp://***@camera/live"),
        ("rtsp://admin:12@34@camera/live", "rtsp://***@camera/live"),
        ("rtsp://admin:12/34@camera/live", "rtsp://***@camera/live"),
        ("http://key@camera", "http://***@camera"),
        ("http://camera/cam?user=me&pwd=1234&size=2", "http://camera/cam?user=me&pwd=***&size=2"),
        ("http://camera/cam?access_token=1234", "http://camera/cam?access_token=***"),
        ("cannot open rtsp://a:1234@b and http://c:1234@d/e", "cannot open rtsp://***@b and http://***@d/e"),
        ("http://camera:8080/live", "http://camera:8080/live"),
    ],
)
def test_passwords_are_not_shown(address, shown):
    assert without_passwords(address) == shown
    assert "1234" not in without_passwords(address)


def frames_of(lines, **options):
    source = DetectionLines("lines", io.BytesIO("\n".join(lines).encode()), **options)
    return source, [item for item in source if isinstance(item, Frame)]


def test_lines_have_times_objects_and_sizes():
    objects = [{"category": "cup", "score": 0.9, "box": [1, 2, 3, 4]}]
    source, frames = frames_of(
        [
            json.dumps({"seconds": 1.5, "frame": 7, "width": 640, "height": 480, "objects": objects}),
            json.dumps({"seconds": 2.0, "objects": []}),
        ]
    )
    assert [frame.seconds for frame in frames] == [1.5, 2.0]
    assert frames[0].number == 7
    assert frames[0].size == (640, 480)
    assert frames[0].objects.names == ("cup",)
    assert frames[1].objects.names == ()
    assert source.bad_lines == 0


def test_timestamps_count_from_the_first():
    _, frames = frames_of(
        ['{"timestamp": "2026-01-01T00:00:00Z", "objects": []}', '{"timestamp": 1767225602.5, "objects": []}']
    )
    assert [frame.seconds for frame in frames] == [0.0, 2.5]
    assert frames[1].timestamp == 1767225602.5


def test_lines_without_times_follow_a_rate():
    _, frames = frames_of(["[]", "cup, fork=0.5", "[]"], frames_per_second=2)
    assert [frame.seconds for frame in frames] == [0.0, 0.5, 1.0]
    assert frames[1].objects.scores == (None, 0.5)


def test_time_that_goes_back_is_counted_on(caplog):
    lines = [f'{{"seconds": {seconds}, "objects": []}}' for seconds in (10, 11, 0, 1)]
    _, frames = frames_of(lines)
    assert [frame.seconds for frame in frames] == [10, 11, 11, 12]
    assert "goes back" in caplog.text


def test_bad_lines_are_said_and_passed_over(caplog):
    source, frames = frames_of(['{"seconds": 1, "objects": []}', "{", '{"seconds": "x", "objects": []}', "\xff{", "[]"])
    assert len(frames) == 3  # "\xff{" is a name, as a person may write it
    assert source.bad_lines == 2
    assert "lines, line 2: no valid JSON" in caplog.text
    assert "lines, line 3: seconds: seconds were expected" in caplog.text


def test_a_video_gives_every_frame_or_one_in_so_many_seconds(tmp_path):
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (32, 24))
    for number in range(20):
        writer.write(np.full((24, 32, 3), 10 * number, np.uint8))
    writer.release()
    every = [item for item in open_source(path) if isinstance(item, Frame)]
    assert [frame.number for frame in every] == list(range(20))
    assert every[0].size == (32, 24)
    source = VideoFile(path, every=0.5)
    assert source.frames_per_second == pytest.approx(2)
    assert [item.number for item in source if isinstance(item, Frame)] == [0, 5, 10, 15]


def test_images_follow_one_another_and_a_broken_one_is_said(tmp_path):
    for name in ("a.png", "c.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "b.png").write_bytes(b"nothing")
    source = open_source(tmp_path, frames_per_second=4)
    assert isinstance(source, ImageSequence)
    items = list(source)
    assert [item.seconds for item in items if isinstance(item, Frame)] == [0.0, 0.5]
    assert any("b.png" in item.message for item in items if not isinstance(item, Frame))
    assert items[-1].state is SourceState.ENDED


def test_what_cannot_be_watched_is_said(tmp_path):
    (tmp_path / "labels.json").write_text('{"images": [], "annotations": [], "categories": []}')
    for name in ("nowhere.mp4", "labels.json"):
        with pytest.raises(UserError, match=name):
            open_source(tmp_path / name)


def test_a_camera_that_is_not_there_is_an_error():
    with pytest.raises(UserError, match="camera 97: this camera cannot be opened"):
        list(LiveSource(97))


def test_zones_hold_what_stands_in_them():
    table = Zone.parse("table=0.5,0.5,1,0.5,1,1,0.5,1")
    pixels = Zone.parse("door = 0,0,100,0,0,200")
    size = (640, 480)
    assert zone_of([table, pixels], (400, 200, 100, 200), size) == "table"  # stands at 450, 400
    assert zone_of([table, pixels], (400, 0, 100, 200), size) is None
    assert zone_of([table, pixels], (0, 0, 20, 20), size) == "door"
    assert zone_of([table, pixels], (80, 0, 20, 180), size) is None  # beyond the sloping side
    assert zone_of([table], None, size) is None
    with pytest.raises(UserError, match="in shares of the picture"):
        zone_of([table], (0, 0, 1, 1), None)


@pytest.mark.parametrize(
    "text", ["door", "door=1,2,3,4", "door=1,2,3,4,5", "=0,0,1,0,1,1", "door=0,0,1,0,1,x", "d=0,0,1,0,1,-1"]
)
def test_what_is_no_zone_is_an_error(text):
    with pytest.raises(UserError, match="expected NAME=X,Y,X,Y,X,Y"):
        Zone.parse(text)
