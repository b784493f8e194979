"""A server that answers with any bytes at all, valid HTTP or not."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

Answer = bytes | Callable[[], Iterable[bytes]]


class RawServer:
    """Sends ``answer`` to whoever connects, and closes the connection."""

    def __init__(self) -> None:
        self.answer: Answer = b""
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/x.jpg"

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with connection, suppress(OSError):
                connection.settimeout(5)
                connection.recv(65536)
                for part in [self.answer] if isinstance(self.answer, bytes) else self.answer():
                    connection.sendall(part)
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(0.2)
                connection.recv(1)  # until the client has read it and hangs up

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@contextmanager
def raw_server() -> Iterator[RawServer]:
    """The server, in a thread, while the block runs."""
    server = RawServer()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()
