"""The page's server, in a thread of its own beside the watch."""

import logging
import socket
from threading import Thread

import uvicorn

from contextual_anomaly.errors import UserError
from contextual_anomaly.watching.page.access import check_access
from contextual_anomaly.watching.page.application import new_application
from contextual_anomaly.watching.page.changes import Changes
from contextual_anomaly.watching.page.connections import Connection
from contextual_anomaly.watching.state import LiveState

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 100
SECONDS_TO_END = 2
"""In which answers may come to their end when the page does."""


class PageServer:
    """Serves the page of a watch between `start` and `stop`, or as a context.

    Attributes:
        address: where the page is, as `http://127.0.0.1:8765/`.
    """

    def __init__(self, live: LiveState, port: int, address: str = "127.0.0.1", token: str | None = None) -> None:
        """Take the port.

        Args:
            live: the watch.
            port: to listen on; 0 for any that is free.
            address: to listen on.
            token: what readers must know; needed where others can reach the address.

        Raises:
            UserError: the port is taken, the address is none of this machine's, or others can reach it without a token.
        """
        check_access(address, token)
        host = address.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UserError(f"--page {port}: the page cannot be served at {address}, port {port}: {reason}. Another port "
                            "was expected, or 0 for any that is free.") from error  # fmt: skip
        port = self._socket.getsockname()[1]
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        self._changes = Changes(live)
        config = uvicorn.Config(
            new_application(live, self._changes, token),
            loop="asyncio",
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=SECONDS_TO_END,
        )
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._run, name="page", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        logging.getLogger("uvicorn").setLevel(logging.ERROR)  # what strangers send wrongly is no news
        self._thread.start()

    def stop(self) -> None:
        """End all answers, also those without an end, and wait until nothing is left."""
        self._changes.close()
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(SECONDS_TO_END + 3)
        self._socket.close()

    def __enter__(self) -> "PageServer":
        """Start."""
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop."""
        self.stop()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        except Exception:  # the watch goes on without its page
            logger.exception("the page has ended")
