"""Real streams on loopback: HTTP MJPEG from Python, RTSP from GStreamer's server where Debian's packages have it."""

import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from contextual_anomaly.watching.frames import Frame, SourceState
from contextual_anomaly.watching.sources.live import LiveSource

from .mjpeg_server import SIZE, MjpegServer

pytestmark = pytest.mark.slow

HAS_GSTREAMER = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"


class Watching:
    """Iterates a source in a thread of its own, and keeps what came."""

    def __init__(self, address: str) -> None:
        self.source = LiveSource(address, open_timeout=5, read_timeout=3, first_wait=0.1, stalled_after=0.5)
        self.items: list = []
        self.thread = Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        for item in self.source:
            self.items.append(item)

    @property
    def frames(self) -> list[Frame]:
        return [item for item in self.items if isinstance(item, Frame)]

    @property
    def states(self) -> list[SourceState]:
        return [item.state for item in self.items if not isinstance(item, Frame)]

    def wait(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            time.sleep(0.02)
        assert condition(), (len(self.frames), [item for item in self.items if not isinstance(item, Frame)])

    def wait_for_frames(self, number: int = 3) -> None:
        before = len(self.frames)
        self.wait(lambda: len(self.frames) >= before + number)

    def close(self) -> None:
        self.source.close()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def server():
    server = MjpegServer()
    yield server
    server.kill()


def test_a_stream_of_http_is_killed_restarted_stalled_and_sends_garbage(server, capfd, caplog):
    watching = Watching(server.address)
    watching.wait_for_frames()
    assert watching.frames[0].size == SIZE
    assert watching.states == [SourceState.OPEN]

    server.mode = "stalled"
    watching.wait(lambda: watching.states[-1] is SourceState.STALLED)
    server.mode = "good"
    watching.wait_for_frames()
    assert watching.states[-1] is SourceState.OPEN

    server.kill()
    watching.wait(lambda: watching.states[-1] is SourceState.RECONNECTING)
    time.sleep(0.3)
    server.start()
    watching.wait_for_frames()
    assert watching.states[-1] is SourceState.OPEN

    server.mode = "garbage"
    time.sleep(1.0)
    server.mode = "good"
    watching.wait_for_frames()

    watching.close()
    numbers, seconds = ([getattr(frame, name) for frame in watching.frames] for name in ("number", "seconds"))
    assert numbers == sorted(set(numbers))
    assert seconds == sorted(seconds)
    written = capfd.readouterr()
    said = written.out + written.err + caplog.text + str(watching.items) + watching.source.name
    assert "s3cret" not in said
    assert watching.source.name == f"http://***@127.0.0.1:{server.port}/stream.mjpg"
    assert any(asked.startswith("Basic ") for asked in server.asked)


def test_the_newest_frame_is_given_first(server):
    source = LiveSource(server.address, open_timeout=2, read_timeout=2)
    taken = []
    for item in source:
        if isinstance(item, Frame):
            taken.append(item)
            if len(taken) == 4:
                break
            time.sleep(0.3)  # about six frames
    age = time.time() - taken[-1].timestamp
    assert source.passed_over >= 3
    assert age < 0.3
    assert taken[-1].number >= taken[0].number + 6


def test_where_nobody_answers_it_is_said_and_tried_again(capfd):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    watching = Watching(f"rtsp://viewer:s3cret@127.0.0.1:{port}/live")
    watching.wait(lambda: len(watching.states) >= 2)
    watching.close()
    assert set(watching.states) == {SourceState.RECONNECTING}
    messages = [item.message for item in watching.items]
    assert f"no connection to 127.0.0.1, port {port} (Connection refused); next try in 0.1 s" in messages[0]
    assert "next try in 0.2 s" in messages[1]
    written = capfd.readouterr()
    assert "s3cret" not in str(watching.items) + written.out + written.err


@pytest.fixture
def rtsp():
    """What starts GStreamer's server on a port, and ends it."""
    python = Path("/usr/bin/python3")
    if (
        not python.exists()
        or subprocess.run([python, "-c", HAS_GSTREAMER], capture_output=True, check=False).returncode
    ):
        pytest.skip("GStreamer's RTSP server is not here: CONTRIBUTING.md names Debian's packages")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = []

    def start() -> subprocess.Popen:
        script = Path(__file__).with_name("rtsp_server.py")
        process = subprocess.Popen([python, script, str(port)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    start.port = port
    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_camera_of_rtsp_is_killed_and_restarted(rtsp, capfd):
    server = rtsp()
    watching = Watching(f"rtsp://viewer:s3cret@127.0.0.1:{rtsp.port}/live")
    watching.wait_for_frames()
    assert watching.frames[0].size == SIZE
    server.kill()
    watching.wait(lambda: watching.states[-1] is SourceState.RECONNECTING)
    rtsp()
    watching.wait_for_frames()
    watching.close()
    assert watching.states.count(SourceState.OPEN) == 2
    written = capfd.readouterr()
    assert "s3cret" not in str(watching.items) + written.out + written.err


def test_a_wrong_password_is_said_without_it(rtsp, capfd):
    rtsp()
    watching = Watching(f"rtsp://viewer:wr0ng@127.0.0.1:{rtsp.port}/live")
    watching.wait(lambda: len(watching.states) >= 1)
    watching.close()
    assert "wrong path, user or password?" in watching.items[0].message
    written = capfd.readouterr()
    assert "wr0ng" not in str(watching.items) + written.out + written.err
