"""A real broker on loopback, Debian's mosquitto, where it is there."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from contextual_anomaly.errors import UserError
from contextual_anomaly.watching.events import Event, EventKind, EventType
from contextual_anomaly.watching.frames import SourceState, SourceStatus

paho = pytest.importorskip("paho.mqtt.client")

from contextual_anomaly.watching.receivers.mqtt import Mqtt  # noqa: E402

pytestmark = pytest.mark.slow

MOSQUITTO = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
NEW = Event(
    EventType.NEW, "e1", EventKind.UNEXPECTED, "cup", 1.0, 2.0, 3, "2026-01-01T00:00:00+00:00", "rtsp://***@camera/live"
)  # fmt: skip


@pytest.fixture
def broker(tmp_path):
    """What starts the broker, with user and password, and its port."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not here: CONTRIBUTING.md names Debian's packages")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    passwords, config = tmp_path / "passwords", tmp_path / "mosquitto.conf"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "me", "s3cret"], check=True, capture_output=True)
    passwords.chmod(0o644)
    tmp_path.chmod(0o755)
    config.write_text(f"listener {port} 127.0.0.1\npassword_file {passwords}\nuser root\n")
    started = []

    def start() -> subprocess.Popen:
        process = subprocess.Popen([MOSQUITTO, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started.append(process)
        wait_for(lambda: reachable(port))
        return process

    start.port = port
    yield start
    for process in started:
        process.kill()
        process.wait()


def reachable(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


def reader(port: int) -> tuple[paho.Client, dict[str, list[str]]]:
    """Return a client that keeps everything that is published, by topic."""
    got: dict[str, list[str]] = {}
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, "reader")
    client.username_pw_set("me", "s3cret")
    client.on_connect = lambda client, *_: client.subscribe("#", 1)
    client.on_message = lambda client, data, message: got.setdefault(message.topic, []).append(message.payload.decode())
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client, got


def test_events_states_and_discovery_arrive_also_over_a_restart_of_the_broker(broker, tmp_path, caplog):
    process = broker()
    mqtt = Mqtt(f"mqtt://me:s3cret@127.0.0.1:{broker.port}/kitchen", NEW.source, tmp_path / "events.jsonl", 6000)
    mqtt.change_source(SourceStatus(SourceState.OPEN, 0.0, 0.0))
    mqtt.take(NEW)
    client, got = reader(broker.port)
    wait_for(lambda: mqtt.state() == (0, "") and got.get("kitchen/unexpected") == ["ON"])
    assert got["kitchen/status"] == ["online"]
    assert got["kitchen/source"] == ["open"]
    configs = {topic: json.loads(values[0]) for topic, values in got.items() if topic.startswith("homeassistant/")}
    assert {topic.split("/")[1] for topic in configs} == {"binary_sensor", "sensor"}
    assert {config["state_topic"] for config in configs.values()} == {
        "kitchen/unexpected", "kitchen/missing", "kitchen/source",
    }  # fmt: skip

    process.kill()
    process.wait()
    mqtt.take(replace(NEW, type=EventType.END, until=4.0))
    wait_for(lambda: bool(mqtt.state()[1]))
    broker()
    wait_for(lambda: any('"end"' in event for event in got.get("kitchen/events", [])))
    mqtt.close(10)
    wait_for(lambda: got["kitchen/status"][-1] == "offline")
    assert got["kitchen/unexpected"][-1] == "OFF"
    client.disconnect()
    client.loop_stop()
    assert not list(tmp_path.glob("*.spool"))
    assert "s3cret" not in caplog.text + mqtt.name


@pytest.mark.parametrize("address", ["localhost", "localhost/#", "http://host/topic", "mqtt:///topic"])
def test_what_is_no_broker_and_topic_is_an_error(address, tmp_path):
    with pytest.raises(UserError, match="HOST/TOPIC"):
        Mqtt(address, "clip.mp4", tmp_path / "events.jsonl", 60)
