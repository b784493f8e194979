"""What the page answers: its addresses, and what each gives.

| address | what it gives |
| --- | --- |
| `GET /` | the page, one HTML file |
| `GET /frame.jpg` | the newest frame; with `?after=N` the next one that is not number N, as soon as it is there; with `?boxes=1` its boxes drawn into it; header `X-Frame`: its number; 204 without a picture |
| `GET /stream.mjpg` | frames with their boxes, one after the other, for players; five clients at most |
| `GET /events` | events and states of the source as server-sent events; `Last-Event-ID` is heeded |
| `GET /snapshots/ID.jpg` | the picture of an event |
| `GET /api/scene` | the scene of the moment, or with `?frame=N` that of frame N if it was shown lately |
| `POST /api/what-if` | `{"without": [tracks], "added": [classes]}`: the answer for a scene that is changed so |
| `POST /api/belongs-here` | `{"event": id}`: takes what an event is about as ordinary here |
| `GET /healthz` | whether the watch lives |
| `GET /metrics` | counts, in the text format of Prometheus |

Answers to mistakes are JSON, `{"error": "..."}`, with a status of 400 to 499.
"""

import re
import time
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, TypeVar

import anyio
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from contextual_anomaly import __version__
from contextual_anomaly.errors import UserError
from contextual_anomaly.watching.frames import SourceState
from contextual_anomaly.watching.page.access import Access, refused
from contextual_anomaly.watching.page.changes import Changes
from contextual_anomaly.watching.page.connections import Connection
from contextual_anomaly.watching.page.metrics import MEDIA_TYPE, metrics
from contextual_anomaly.watching.page.pictures import Pictures
from contextual_anomaly.watching.page.streams import BOUNDARY, Endless, event_stream, frame_stream
from contextual_anomaly.watching.state import LiveState

T = TypeVar("T")

LONGEST_WAIT = 5.0
"""Seconds until a request for the next frame is answered that there is none."""
MOST_STREAMS, MOST_EVENT_STREAMS = 5, 20
LARGEST_BODY = 16_384
MOST_CHANGES = 100
"""Objects left out and classes added in one question."""
STANDSTILL = 60.0
"""Seconds without a frame of an open source after which the watch counts as dead."""


class WhatIf(msgspec.Struct, forbid_unknown_fields=True):
    """A question: what would be said of another scene."""

    without: list[int] = []
    added: list[str] = []


class BelongsHere(msgspec.Struct, forbid_unknown_fields=True):
    """A statement: what this event is about is ordinary."""

    event: str


def new_application(live: LiveState, changes: Changes, token: str | None = None) -> Starlette:
    """Return the page's application (ASGI).

    Args:
        live: the watch.
        changes: of it.
        token: what requests must know; None for no token.
    """
    page = _Page(live, changes)
    routes = [
        Route("/", page.html),
        Route("/frame.jpg", page.frame),
        Route("/stream.mjpg", page.stream),
        Route("/events", page.events),
        Route("/snapshots/{event}.jpg", page.snapshot),
        Route("/api/scene", page.scene),
        Route("/api/what-if", page.what_if, methods=["POST"]),
        Route("/api/belongs-here", page.belongs_here, methods=["POST"]),
        Route("/healthz", page.health),
        Route("/metrics", page.metrics),
    ]
    return Starlette(
        routes=routes, middleware=[Middleware(Access, token=token)], exception_handlers={HTTPException: _mistake}
    )


async def _mistake(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refused(error.status_code, error.detail, dict(error.headers or {}))


class _Page:
    """The answers."""

    def __init__(self, live: LiveState, changes: Changes) -> None:
        self.live, self.changes, self.pictures = live, changes, Pictures(live)
        self.viewers: Counter[str] = Counter({"stream": 0, "events": 0})
        self.about = {
            "run": f"{int(live.started * 1000):x}",
            "source": live.source,
            "model": live.model,
            "detector": live.detector,
            "version": __version__,
            "started": live.started,
            "live": live.live,
        }

    async def html(self, request: Request) -> Response:
        content, policy = _html()
        return Response(content, headers={"Content-Security-Policy": policy}, media_type="text/html")

    async def frame(self, request: Request) -> Response:
        after, boxes = _number(request, "after"), bool(_number(request, "boxes"))
        if after is not None and not await self.changes.wait(
            lambda: self.pictures.number not in (None, after), LONGEST_WAIT
        ):
            return Response(status_code=204)
        shown = self.pictures.newest(boxes)
        if shown is None:
            return Response(status_code=204)
        number, jpeg = shown
        headers = {"X-Frame": str(number)}
        if not jpeg:
            return Response(status_code=204, headers=headers)
        return Response(jpeg, headers=headers, media_type="image/jpeg")

    async def stream(self, request: Request) -> Response:
        parts = frame_stream(self.pictures, self.changes)
        return self._endless("stream", MOST_STREAMS, parts, f"multipart/x-mixed-replace; boundary={BOUNDARY}")

    async def events(self, request: Request) -> Response:
        last = request.headers.get("last-event-id", "")
        about = {**self.about, "classes": self.live.classes}
        parts = event_stream(self.live, self.changes, about, last)
        return self._endless("events", MOST_EVENT_STREAMS, parts, "text/event-stream; charset=utf-8")

    def _endless(self, kind: str, most: int, parts: AsyncIterator[bytes], media_type: str) -> Response:
        """Return an answer without an end, whose clients are counted; refuse one too many."""
        if self.viewers[kind] >= most:
            raise HTTPException(503, f"{most} clients look on already.", {"Retry-After": "10"})
        self.viewers[kind] += 1

        def end() -> None:
            self.viewers[kind] -= 1

        return Endless(parts, media_type, end)

    async def snapshot(self, request: Request) -> Response:
        picture = self.live.snapshot(request.path_params["event"])
        if picture is None:
            raise HTTPException(404, "there is no picture of this event, or no longer.")
        return Response(picture, media_type="image/jpeg")

    async def scene(self, request: Request) -> Response:
        moment = self.pictures.moment(_number(request, "frame"))
        frame, size = moment.frame, None
        if frame is not None:
            size = frame.size if frame.pixels is None else (frame.pixels.shape[1], frame.pixels.shape[0])
        content = {
            **self.about,
            "status": moment.status,
            "timestamp": None if frame is None else frame.timestamp,
            "size": size,
            "scene": moment.scene,
            "counters": moment.counters,
        }
        return _json(content)

    async def what_if(self, request: Request) -> Response:
        question = await _body(request, WhatIf)
        if len(question.without) + len(question.added) > MOST_CHANGES:
            raise HTTPException(400, f"at most {MOST_CHANGES} changes were expected.")
        answer = await _asked(lambda: self.live.what_if(question.without, question.added))
        return _json(answer.to_dict())

    async def belongs_here(self, request: Request) -> Response:
        statement = await _body(request, BelongsHere)
        if not await _asked(lambda: self.live.belongs_here(statement.event)):
            raise HTTPException(404, "there is no such open event.")
        return _json({"event": statement.event})

    async def health(self, request: Request) -> Response:
        moment = self.live.moment
        seen = self.live.started if moment.frame is None else moment.frame.timestamp
        stands = (
            moment.status.state == SourceState.OPEN and time.time() - max(seen, moment.status.timestamp) > STANDSTILL
        )
        if stands:
            return _json({"status": "the watch stands still"}, 503)
        return _json({"status": "ok"})

    async def metrics(self, request: Request) -> Response:
        return Response(metrics(self.live, self.about, self.viewers, Connection.dropped), media_type=MEDIA_TYPE)


@cache
def _html() -> tuple[bytes, str]:
    """Return the page, and the policy under which browsers run its own script and style and nothing else."""
    content = (files("contextual_anomaly.watching.page") / "page.html").read_bytes()
    hashes = {}
    for tag in (b"style", b"script"):
        inside = re.findall(b"<%s>(.*?)</%s>" % (tag, tag), content, re.DOTALL)
        hashes[tag] = " ".join(f"'sha256-{b64encode(sha256(text).digest()).decode()}'" for text in inside)
    policy = (
        f"default-src 'none'; script-src {hashes[b'script']}; style-src {hashes[b'style']}; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return content, policy


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")  # NaN and inf become null


def _number(request: Request, name: str) -> int | None:
    """Return a number of the query; None where it has none."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,15}", text):
        raise HTTPException(400, f"{name}: a number was expected.")
    return int(text)


async def _body(request: Request, kind: type[T]) -> T:
    """Return the body of a request, which is JSON of one kind."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "application/json was expected.")
    content = bytearray()
    try:
        async for part in request.stream():
            content += part
            if len(content) > LARGEST_BODY:
                raise HTTPException(413, f"at most {LARGEST_BODY} bytes were expected.")
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise HTTPException(400, f"the body cannot be read: {error}.") from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the body has no end.") from error


async def _asked(question: Callable[[], Any]) -> Any:
    """Return what the watch answers; it may have to end its work on a frame before."""
    try:
        return await anyio.to_thread.run_sync(question)
    except UserError as error:
        raise HTTPException(400, str(error)) from error
