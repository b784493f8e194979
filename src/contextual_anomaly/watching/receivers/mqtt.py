"""Events published to an MQTT broker, where Home Assistant finds the watch by itself.

| topic | what is published |
| --- | --- |
| `TOPIC/events` | each event, as in the file of events |
| `TOPIC/unexpected`, `TOPIC/missing` | `ON` while an event of this kind is open, else `OFF`; kept by the broker |
| `TOPIC/source` | state of the source, as `open` or `reconnecting`; kept by the broker |
| `TOPIC/status` | `online`, and `offline` when the watch has ended or is lost; kept by the broker |
| `homeassistant/…/config` | what Home Assistant needs for its MQTT discovery; kept by the broker |
"""

import hashlib
import json
import ssl
from pathlib import Path
from threading import Event as Flag
from typing import Any
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from contextual_anomaly import __version__
from contextual_anomaly.errors import UserError
from contextual_anomaly.watching.events import Event, EventKind, EventType
from contextual_anomaly.watching.frames import SourceStatus
from contextual_anomaly.watching.receivers.delivery import Delivery, NotTaken, spool_of

TIMEOUT = 10.0  # seconds until the broker has to acknowledge a message
DISCOVERY = "homeassistant"
"""The prefix that Home Assistant listens to unless it is told otherwise."""
KINDS = (EventKind.UNEXPECTED, EventKind.MISSING)
EXPECTED = "HOST/TOPIC, or mqtt://user:password@host:port/topic, was expected"


class Mqtt(Delivery):
    """A delivery whose broker also keeps what is so at this moment."""

    def __init__(self, address: str, source: str, events: Path | None, per_minute: float) -> None:
        """Connect, and again whenever the connection is lost.

        Args:
            address: host/topic, or mqtt:// or mqtts:// with user, password, host, port and topic.
            source: what is watched.
            events: the file of events, beside which events wait.
            per_minute: events that are published in a minute at most.

        Raises:
            UserError: the address is none.
        """
        try:
            parts = urlsplit(address if "://" in address else f"mqtt://{address}")
            host, secure = parts.hostname, parts.scheme == "mqtts"
            port = parts.port or (8883 if secure else 1883)
        except ValueError:
            parts, host, secure, port = urlsplit(""), None, False, 0
        self.topic = unquote(parts.path).strip("/")
        if parts.scheme not in ("mqtt", "mqtts") or not host or not self.topic or any(c in self.topic for c in "#+\0"):
            raise UserError(f"--mqtt: {EXPECTED}.")
        self._source = source
        self._device = hashlib.sha256(f"{self.topic}\n{source}".encode()).hexdigest()[:12]
        self._connected = Flag()
        self._refused = ""
        self._open: dict[EventKind, set[str]] = {kind: set() for kind in KINDS}
        self._source_state = "opening"
        client = paho.Client(CallbackAPIVersion.VERSION2, f"contextual-anomaly-{self._device}")
        if parts.username is not None:
            client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        if secure:
            client.tls_set_context(ssl.create_default_context())
        client.will_set(f"{self.topic}/status", "offline", 1, True)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.reconnect_delay_set(1, 60)
        self._client = client
        spool = spool_of("mqtt", address, source, events)
        client.connect_async(host, port, keepalive=30)
        client.loop_start()
        super().__init__(f"mqtt {host}:{port}/{self.topic}", spool, self._publish, per_minute)

    def take(self, event: Event) -> None:
        """Put an event on the disk, and publish whether one of its kind is open."""
        if event.kind in self._open:
            of_kind = self._open[event.kind]
            (of_kind.discard if event.type is EventType.END else of_kind.add)(event.id)
            self._keep(str(event.kind), "ON" if of_kind else "OFF")
        super().take(event)

    def change_source(self, status: SourceStatus) -> None:
        """Publish the state of the source."""
        self._source_state = str(status.state)
        self._keep("source", self._source_state)

    def close(self, timeout: float) -> None:
        """Deliver what the time allows, and say good-bye."""
        super().close(timeout)
        if self._connected.is_set():
            self._client.publish(f"{self.topic}/status", "offline", 1, True).wait_for_publish(1.0)
            self._client.disconnect()
        self._client.loop_stop()

    def _publish(self, message: dict[str, Any]) -> None:
        """Publish an event and wait until the broker has it."""
        if not self._connected.is_set():
            raise NotTaken(self._refused or "the broker cannot be reached")
        sent = self._client.publish(f"{self.topic}/events", json.dumps(message, ensure_ascii=False), 1)
        try:
            sent.wait_for_publish(TIMEOUT)
        except (ValueError, RuntimeError) as error:
            raise NotTaken(f"not published: {error}") from None
        if not sent.is_published():
            raise NotTaken(f"not acknowledged for {TIMEOUT:g} s")

    def _keep(self, topic: str, value: str) -> None:
        """Publish what the broker keeps; without a connection it is published with the next one."""
        if self._connected.is_set():
            self._client.publish(f"{self.topic}/{topic}", value, 1, True)

    def _on_connect(self, client: paho.Client, data: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        if reason.is_failure:
            self._refused = f"the broker refuses: {reason}"
            return
        self._refused = ""
        for topic, config in self._discovery().items():
            client.publish(topic, json.dumps(config), 1, True)
        self._connected.set()
        self._keep("status", "online")
        self._keep("source", self._source_state)
        for kind, events in self._open.items():
            self._keep(str(kind), "ON" if events else "OFF")

    def _on_disconnect(self, client: paho.Client, data: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        self._connected.clear()

    def _discovery(self) -> dict[str, dict[str, Any]]:
        """Return what Home Assistant is told, by topic."""
        device = {
            "identifiers": [f"contextual-anomaly-{self._device}"],
            "name": f"Contextual Anomaly {self._source}",
            "manufacturer": "Contextual Anomaly",
            "sw_version": __version__,
        }
        about = {"availability_topic": f"{self.topic}/status", "device": device}
        found = {}
        for component, name, extra in (
            ("binary_sensor", "unexpected", {"device_class": "problem"}),
            ("binary_sensor", "missing", {"device_class": "problem"}),
            ("sensor", "source", {"entity_category": "diagnostic"}),
        ):
            unique = f"contextual-anomaly-{self._device}-{name}"
            config = {"name": name.capitalize(), "unique_id": unique, "state_topic": f"{self.topic}/{name}"}
            found[f"{DISCOVERY}/{component}/{unique}/config"] = {**config, **extra, **about}
        return found
