"""Requests to an application (ASGI) without a server."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What came back; of answers without an end, the first parts."""

    status: int
    headers: dict[str, str]
    parts: tuple[bytes, ...]

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    application: Any,
    path: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes | list[bytes] = b"",
    most: int = 1000,
    meanwhile: Any = None,
    host: str | None = "localhost:8765",
) -> Answer:
    """Return the answer to a request, whose client goes after so many parts of it.

    Args:
        application: that is asked.
        path: with its query.
        method: of HTTP.
        headers: beside that of the host.
        body: whole or in parts.
        most: parts of the answer that the client takes.
        meanwhile: called, in another thread, once the application waits.
        host: header; None for none.
    """
    return asyncio.run(_ask(application, path, method, headers or {}, body, most, meanwhile, host))


async def _ask(application, path, method, headers, body, most, meanwhile, host) -> Answer:
    path, _, query = path.partition("?")
    sent = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": sent + ([(b"host", host.encode("latin-1"))] if host is not None else []),
        "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8765),
    }  # fmt: skip
    waiting = body if isinstance(body, list) else [body]
    gone, parts, start = asyncio.Event(), [], {}

    async def receive():
        if waiting:
            part = waiting.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(waiting)}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        if message["type"] == "http.response.start":
            start.update(message)
        elif not gone.is_set():
            parts.append(message.get("body", b""))
            if len(parts) >= most or not message.get("more_body"):
                gone.set()

    asked = asyncio.ensure_future(application(scope, receive, send))
    if meanwhile is not None:
        await asyncio.sleep(0.05)
        await asyncio.to_thread(meanwhile)
    await asyncio.wait_for(asked, 10)
    given = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], given, tuple(parts))
