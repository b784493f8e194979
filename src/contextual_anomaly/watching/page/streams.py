"""Answers without an end: events as they come (SSE), and frames one after the other (MJPEG)."""

from collections.abc import AsyncIterator, Callable, Mapping

import anyio
import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from contextual_anomaly.watching.page.changes import Changes
from contextual_anomaly.watching.page.pictures import Pictures
from contextual_anomaly.watching.state import LiveState

SILENCE = 10.0
"""Seconds after which something is sent although there is nothing new: who has gone is noticed, and nobody gives up."""
BOUNDARY = "frame"


class Endless(Response):
    """Sends parts until there are no more or the client has gone."""

    def __init__(self, parts: AsyncIterator[bytes], media_type: str, end: Callable[[], None]) -> None:
        """Send these parts.

        Args:
            parts: of the body.
            media_type: of the body.
            end: is called when all is sent or the client has gone.
        """
        self.parts, self.end = parts, end
        super().__init__(media_type=media_type)
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all parts; of what is asked with HEAD, none."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_until_gone, receive, tasks.cancel_scope)
                    async for part in self.parts:
                        await send({"type": "http.response.body", "body": part, "more_body": True})
                    tasks.cancel_scope.cancel()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self.end()


async def _until_gone(receive: Receive, sending: anyio.CancelScope) -> None:
    """End the sending when the client goes."""
    while (await receive())["type"] != "http.disconnect":
        pass
    sending.cancel()


async def event_stream(
    live: LiveState, changes: Changes, about: Mapping[str, object], last: str
) -> AsyncIterator[bytes]:
    """Yield what the watch says: `watch` at first, `source` at each change of its state, `event` with each message.

    Args:
        live: the watch.
        changes: of it.
        about: the watch, told first.
        last: `Last-Event-ID` of a client that comes back, "" of others: only what came after is sent.
    """
    run, _, number = last.partition(".")
    after = int(number) if run == about["run"] and number.isascii() and number.isdigit() and len(number) < 12 else 0
    told = None
    yield _message("watch", {**about, "after": after})
    while not changes.closed:
        status = live.moment.status
        if status != told:
            yield _message("source", status)
            told = status
        for after, event in live.events(after):  # noqa: B020  # the last one is where the next look begins
            yield _message("event", event.to_dict(), f"{about['run']}.{after}")
        news = await changes.wait(
            lambda told=told, after=after: live.moment.status != told or live.moment.counters.events > after, SILENCE
        )
        if not news:
            yield b": nothing new\n\n"


def _message(kind: str, content: object, number: str = "") -> bytes:
    start = f"id: {number}\n" if number else ""
    return f"{start}event: {kind}\ndata: ".encode() + msgspec.json.encode(content) + b"\n\n"


async def frame_stream(pictures: Pictures, changes: Changes) -> AsyncIterator[bytes]:
    """Yield the newest frame with its boxes as one part of a multipart message, each time the client has taken one."""
    sent = None
    while not changes.closed:
        shown = pictures.newest(boxes=True)
        sent, jpeg = shown or (None, b"")
        if jpeg:
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            yield head.encode() + jpeg + b"\r\n"
        await changes.wait(lambda sent=sent: pictures.number not in (None, sent), SILENCE)
