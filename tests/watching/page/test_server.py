"""The page's server: real connections, clients that do not behave, and the end."""

import http.client
import re
import socket
import subprocess
import threading
import time
from contextlib import suppress

import cv2
import pytest

from contextual_anomaly.errors import UserError
from contextual_anomaly.watching.page.application import MOST_STREAMS
from contextual_anomaly.watching.page.connections import Connection
from contextual_anomaly.watching.page.server import PageServer


@pytest.fixture
def page(watch):
    with PageServer(watch.live, 0) as server:
        yield server


def connect(page: PageServer, request: bytes = b"", buffer: int | None = None) -> socket.socket:
    """A connection that has sent something."""
    client = socket.socket()
    if buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.settimeout(10)
    client.connect(("127.0.0.1", port(page)))
    client.sendall(request)
    return client


def port(page: PageServer) -> int:
    return int(page.address.rstrip("/").rpartition(":")[2])


def get(page: PageServer, path: str) -> tuple[int, bytes]:
    client = http.client.HTTPConnection("127.0.0.1", port(page), timeout=10)
    try:
        client.request("GET", path)
        answer = client.getresponse()
        return answer.status, answer.read()
    finally:
        client.close()


def until(happened, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def viewers(page: PageServer, kind: str) -> int:
    text = get(page, "/metrics")[1].decode()
    line = next(line for line in text.splitlines() if f'viewers{{of="{kind}"}}' in line)
    return int(line.rpartition(" ")[2])


@pytest.mark.parametrize("token", [None, "a-token-that-is-long-enough"])
def test_a_player_opens_the_stream(watch, token):
    """OpenCV, through FFmpeg, as VLC and others do; the token is the password of the address."""
    watch.see(frames=3)
    stop = threading.Event()
    with PageServer(watch.live, 0, token=token) as page:
        thread = watch.go_on(stop, 0.02)
        try:
            user = "" if token is None else f"watch:{token}@"
            player = cv2.VideoCapture(f"http://{user}127.0.0.1:{port(page)}/stream.mjpg", cv2.CAP_FFMPEG)
            assert player.isOpened()
            for _ in range(3):
                read, pixels = player.read()
                assert read
                assert pixels.shape == (240, 560, 3)
            player.release()
        finally:
            stop.set()
            thread.join()


def test_a_client_that_stops_reading_is_dropped_and_others_see_on(page, watch, monkeypatch):
    monkeypatch.setattr(Connection, "patience", 0.3)
    stop = threading.Event()
    thread = watch.go_on(stop, 0.01)
    try:
        lazy = connect(page, b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n", buffer=4096)
        eager = connect(page, b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: viewers(page, "stream") == 2)
        dropped = Connection.dropped
        end = time.monotonic() + 10
        while viewers(page, "stream") > 1:
            assert eager.recv(1 << 20)
            assert time.monotonic() < end
        assert Connection.dropped == dropped + 1
        assert eager.recv(1 << 20)
        lazy.close()
        eager.close()
        until(lambda: viewers(page, "stream") == 0)
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    "request_begun",
    [b"", b"GET / HTT", b"POST /api/what-if HTTP/1.1\r\nHost: localhost\r\nX-Contextual-Anomaly: 1\r\n"
     b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"],
)  # fmt: skip
def test_a_client_that_does_not_finish_its_request_is_dropped(page, monkeypatch, request_begun):
    monkeypatch.setattr(Connection, "patience", 0.2)
    client = connect(page, request_begun)
    with suppress(ConnectionResetError):
        assert client.recv(1000) == b""
    client.close()


def test_two_look_on_and_one_goes(page, watch):
    watch.see()
    first = connect(page, b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    second = connect(page, b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    until(lambda: viewers(page, "events") == 2)
    first.close()
    until(lambda: viewers(page, "events") == 1)
    watch.see(frames=8)
    received = b""
    while b'"category":"surfboard"' not in received:
        received += second.recv(1 << 16)
    second.close()


def test_five_clients_have_a_stream_and_a_sixth_is_told_to_wait(page, watch):
    watch.see()
    request = b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n"
    clients = [connect(page, request) for _ in range(MOST_STREAMS)]
    until(lambda: viewers(page, "stream") == MOST_STREAMS)
    status, said = get(page, "/stream.mjpg")
    assert (status, b"look on already" in said) == (503, True)
    clients.pop().close()
    until(lambda: viewers(page, "stream") == MOST_STREAMS - 1)
    clients.append(connect(page, request))
    assert clients[-1].recv(1000).startswith(b"HTTP/1.1 200")
    for client in clients:
        client.close()


def test_it_stops_while_clients_look_and_leaves_nothing(watch):
    before = threading.active_count()
    page = PageServer(watch.live, 0)
    page.start()
    watch.see(frames=8)
    clients = [
        connect(page, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        for path in ("/stream.mjpg", "/events", f"/frame.jpg?after={watch.number - 1}")
    ]
    until(lambda: viewers(page, "events") == viewers(page, "stream") == 1)
    used, began = port(page), time.monotonic()
    page.stop()
    assert time.monotonic() - began < 4
    for client in clients:
        while client.recv(1 << 20):
            pass
        client.close()
    until(lambda: threading.active_count() == before)
    with socket.create_server(("127.0.0.1", used)):
        pass
    watch.see()  # the watch goes on


def test_a_taken_port_is_an_error_that_says_so(page, watch):
    with pytest.raises(UserError, match=rf"--page {port(page)}: .*in use"):
        PageServer(watch.live, port(page))
    with pytest.raises(UserError, match=r"cannot be served at 192\.0\.2\.1"):
        PageServer(watch.live, 0, "192.0.2.1", "a token that is long enough")
    with pytest.raises(UserError, match="cannot be served"):
        PageServer(watch.live, 70000)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--page", "{port}"], r"error: --page \d+: the page cannot be served at 127\.0\.0\.1, port \d+: .*in use"),
        (["--page", "0", "--page-address", "0.0.0.0"], "error: --page-address 0.0.0.0: .*a token is needed"),
        (["--page", "0", "--page-token", "secret"], "error: --page-token: at least 16 characters .* found 6"),
    ],
)
def test_a_watch_whose_page_cannot_be_served_ends_before_it_begins(page, options, message):
    done = subprocess.run(
        ["contextual-anomaly", "watch", "-", *(option.format(port=port(page)) for option in options)],
        input='{"seconds": 0, "objects": ["cup"]}\n', capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert re.match(message, done.stderr)
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_token_is_asked_for(watch):
    with PageServer(watch.live, 0, token="a token that is long enough") as page:
        assert get(page, "/")[0] == 401
        assert get(page, "/healthz")[0] == 200


def test_what_is_no_http_is_refused(page, capfd):
    client = connect(page, b"\x16\x03\x01\x02\x00\x01\x00\xff\r\n\r\n")
    assert client.recv(1000).startswith(b"HTTP/1.1 400")
    client.close()
    assert get(page, "/healthz") == (200, b'{"status":"ok"}')
    assert capfd.readouterr().err == ""
