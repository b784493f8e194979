"""HTTP connections that do not last longer than somebody is at the other end, and takes what it asked for."""

import asyncio
import socket

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

SEND_BUFFER = 1 << 18
"""Bytes that the system keeps for a client: some frames, so that a slow one sees what is new and not what was."""
PATIENCE = 10.0
"""Seconds after which a client that takes nothing, or does not finish its request, is dropped."""


class Connection(H11Protocol):
    """Uvicorn's own, which would keep such clients for ever."""

    dropped = 0
    """Clients that were dropped, of all connections."""
    patience = PATIENCE
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Begin to wait for a request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # whoever sends waits until all is with the system
        connected = transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request, of which the rest must come soon."""
        super().data_received(data)
        if self.flow.write_paused:  # it is waited for already
            return
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._content()
        elif self._deadline is None:
            self._expect()

    def pause_writing(self) -> None:
        """The client has not taken all."""
        super().pause_writing()
        self._expect()

    def resume_writing(self) -> None:
        """The client has taken all."""
        super().resume_writing()
        self._content()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self._content()
        super().connection_lost(exc)

    def _expect(self) -> None:
        self._content()
        self._deadline = self.loop.call_later(self.patience, self._drop)

    def _content(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _drop(self) -> None:
        type(self).dropped += 1
        self.transport.abort()
