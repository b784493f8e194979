import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from contextual_anomaly.errors import UserError
from contextual_anomaly.watching.events import Event, EventKind, EventType
from contextual_anomaly.watching.receivers.json_lines import JsonLines
from contextual_anomaly.watching.receivers.spool import Spool
from contextual_anomaly.watching.receivers.webhook import webhook


def event(number: int) -> Event:
    return Event(
        EventType.NEW, f"e{number}", EventKind.UNEXPECTED, "cup", 1.0, 2.0, 3, "2026-01-01T00:00:00Z", "clip.mp4"
    )


class Server:
    """A receiver that can be stopped and started again on its port, and answers what it is told."""

    def __init__(self):
        self.got, self.answers, self.port = [], [], 0
        self.start()

    def start(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = outer.answers.pop(0) if outer.answers else 204
                if status < 300:
                    outer.got.append((json.loads(body)["id"], self.headers.get("Authorization")))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_port
        self.thread = Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def ids(self):
        return [number for number, _ in self.got]


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_events_are_posted_in_order_and_nothing_is_left(server, tmp_path):
    address = f"http://me:se%40cret@127.0.0.1:{server.port}/hook/secret"
    receiver = webhook(address, "clip.mp4", tmp_path / "events.jsonl", 6000)
    assert "secret" not in receiver.name
    for number in range(5):
        receiver.take(event(number))
    receiver.close(20)
    assert server.ids == [f"e{number}" for number in range(5)]
    assert server.got[0][1] == "Basic bWU6c2VAY3JldA=="  # me:se@cret
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_lost_over_restarts_of_receiver_and_watch(server, tmp_path, caplog):
    address, events = f"http://127.0.0.1:{server.port}/", tmp_path / "events.jsonl"
    server.stop()
    receiver = webhook(address, "clip.mp4", events, 6000)
    receiver.take(event(0))
    receiver.take(event(1))
    wait_for(lambda: receiver.state()[1])
    began = time.monotonic()
    receiver.close(5)
    assert time.monotonic() - began < 4  # what hangs is not waited for
    assert "2 events wait" in caplog.text
    again = webhook(address, "clip.mp4", events, 6000)
    again.take(event(2))
    server.start()
    wait_for(lambda: server.ids == ["e0", "e1", "e2"])
    again.close(5)
    assert list(tmp_path.iterdir()) == []


def test_what_a_receiver_cannot_take_now_is_sent_again_and_what_it_never_takes_is_left_out(server, tmp_path, caplog):
    server.answers = [503, 302, 204, 422]
    receiver = webhook(f"http://127.0.0.1:{server.port}/", "clip.mp4", tmp_path / "events.jsonl", 6000)
    for number in range(3):
        receiver.take(event(number))
    wait_for(lambda: server.ids == ["e0", "e2"])
    receiver.close(5)
    assert "the event e1 is refused" in caplog.text


def test_no_more_is_posted_in_a_minute_than_asked(server, tmp_path):
    receiver = webhook(f"http://127.0.0.1:{server.port}/", "clip.mp4", tmp_path / "events.jsonl", 60)
    for number in range(4):
        receiver.take(event(number))
    wait_for(lambda: server.ids)
    receiver.close(0.2)
    assert len(server.got) < 4
    assert len(Spool(next(tmp_path.glob("*.spool")))) == 4 - len(server.got)


def test_two_watches_do_not_share_a_spool(tmp_path):
    spool = Spool(tmp_path / "a.spool")
    with pytest.raises(UserError, match="another watch"):
        Spool(tmp_path / "a.spool")
    spool.close()


def test_a_spool_outlives_a_watch_that_was_killed_while_it_wrote(tmp_path):
    path = tmp_path / "a.spool"
    path.write_bytes(b'{"id": "e0"}\n{"id": "e1"}\n{"id": "e')
    spool = Spool(path)
    assert len(spool) == 2
    spool.add({"id": "e2"})
    seen = []
    while (item := spool.first()) is not None:
        seen.append(item[0]["id"])
        spool.delivered(item[1])
    assert seen == ["e0", "e1", "e2"]
    spool.close()
    assert not path.exists()


def test_an_address_that_is_none_is_refused_without_its_secret(tmp_path):
    with pytest.raises(UserError) as error:
        webhook("ftp://me:secret@host", "clip.mp4", tmp_path / "events.jsonl", 60)
    assert "secret" not in str(error.value)


def test_lines_are_flushed_one_by_one_and_added_to_a_file(tmp_path):
    path = tmp_path / "events.jsonl"
    for number in range(2):
        lines = JsonLines(path)
        lines.take(event(number))
        wait_for(lambda count=number + 1: len(path.read_text().splitlines()) == count)
        lines.close(5)
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["e0", "e1"]


def test_a_reader_that_hangs_does_not_stop_the_watch():
    read, write = os.pipe()
    out = os.fdopen(write, "w")
    lines = JsonLines(out)
    for number in range(1000):  # more than a pipe takes
        lines.take(event(number))
    with pytest.raises(UserError, match="takes no more"):
        lines.close(0.2)
    os.close(read)  # which ends the thread


def test_a_full_disk_is_an_error():
    lines = JsonLines(open("/dev/full", "w"))  # noqa: SIM115
    lines.take(event(0))
    lines._thread.join(20)
    with pytest.raises(UserError, match="no space left"):
        lines.state()  # as after each frame
    with pytest.raises(UserError, match="no space left"):
        lines.close(5)
