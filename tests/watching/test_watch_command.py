"""The command itself, as a process: what it writes, how it ends, and that all can be read then."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

import contextual_anomaly as ca
from contextual_anomaly.errors import UserError
from contextual_anomaly.watching.frames import Frame
from contextual_anomaly.watching.pictures import PANEL, ScenePicture
from contextual_anomaly.watching.scene import Promise, Scene, SceneAbsence, SceneObject
from contextual_anomaly.watching.video_out import VideoOut

WATCH = [sys.executable, "-c", "from contextual_anomaly.cli import main; main()", "watch"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(ca.__file__).parents[1])}
DESK = ["laptop", "keyboard", "mouse", "tv"]


def lines(seconds: float, odd_from: float, per_second: int = 5) -> list[str]:
    """Return detections of a desk, beside which a surfboard stands from some second on."""
    found = []
    for number in range(round(seconds * per_second)):
        time = number / per_second
        names = [*DESK, "surfboard"] if time >= odd_from else DESK
        objects = [
            {"category": name, "score": 0.95, "box": [60 * place, 100, 50, 80]} for place, name in enumerate(names)
        ]
        found.append(json.dumps({"seconds": time, "width": 640, "height": 480, "objects": objects}))
    return found


def test_a_stream_becomes_events_and_an_event_its_lines(tmp_path):
    source = tmp_path / "detections.jsonl"
    source.write_text("\n".join(lines(30, 10)))
    watch = ca.watch(source, model="coco-small", false_alarms_per_hour=10)
    events = list(watch)
    assert {event.category for event in events if event.kind == "unexpected"} == {"surfboard"}
    first = events[0]
    assert first.type == "new"
    assert 10 <= first.since <= 12
    assert first.source == str(source)
    assert any(event.type == "end" and event.id == first.id for event in events)
    assert watch.state.moment.counters.frames == 150
    assert watch.state.moment.status.state == "ended"
    # Where the surfboard stands, at x = 265 and y = 180 of 640 × 480, is no zone.
    again = ca.watch(source, model="coco-small", false_alarms_per_hour=10, zones=["right=0.5,0,1,0,1,1,0.5,1"])
    assert [event for event in again if event.kind == "unexpected"] == []
    inside = ca.watch(source, model="coco-small", false_alarms_per_hour=10, zones=["left=0,0,300,0,300,300,0,300"])
    assert {event.zone for event in inside if event.kind == "unexpected"} == {"left"}


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_watch_with_everything_written(tmp_path, number, status):
    events = tmp_path / "events.jsonl"
    command = [*WATCH, "-", "--model", "coco-small", "--false-alarms-per-hour", "10", "--events", str(events)]
    command += ["--calibrate", "1h", "--calibration", str(tmp_path / "camera.parquet")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write("{broken\n" + "\n".join(lines(30, 10)) + "\n")
        process.stdin.flush()  # and stays open, as that of a detector that finds nothing more
        end = time.monotonic() + 120
        while not (events.exists() and events.read_text().count("\n")) and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(number)
        said = process.stderr.read()
        assert process.wait(60) == status, said
    written = [json.loads(line) for line in events.read_text().splitlines()]
    assert written[0]["type"] == "new"
    assert written[-1]["type"] == "end"
    assert (tmp_path / "camera.parquet").is_file()
    assert f"stopped by {signal.Signals(number).name}" in said
    assert "line 1: no valid JSON" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_a_video_shows_boxes_and_reasons_and_can_be_read(tmp_path, ending):
    path = tmp_path / f"watched{ending}"
    found = SceneObject(1, "cup", (10.0, 10.0, 20.0, 20.0), 0.9, 0.01, 0.001, True, ())
    scene = Scene(0, 0.0, None, True, (found,), (SceneAbsence("fork", 0.9, 0.001, True),), Promise(1, 0, 0, 0, 1))
    grey = np.full((121, 160, 3), 90, np.uint8)
    video = VideoOut(path, 10, live=False)
    for number in range(20):
        video.write(number / 10, ScenePicture(Frame(number, number / 10, 0.0, grey), scene))
    video.write(60.0, ScenePicture(Frame(20, 60.0, 0.0, grey), scene))  # of an interruption, two seconds are shown
    video.close()
    read = cv2.VideoCapture(str(path))
    frames = []
    while True:
        there, pixels = read.read()
        if not there:
            break
        frames.append(pixels)
    assert len(frames) == 40
    assert frames[0].shape == (120, 160 + PANEL, 3)
    blue, green, red = frames[5][10, 10:30].mean(axis=0)  # the upper edge of the box
    assert red > green > blue
    assert frames[5][:, 160:].min() < 150  # what the panel says


def test_a_video_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(UserError, match="a name that ends in"):
        VideoOut(tmp_path / "watched.gif", 10, live=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        VideoOut(tmp_path / "file" / "watched.mp4", 10, live=False)
