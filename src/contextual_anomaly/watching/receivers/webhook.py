"""Events posted to an address, one JSON object each."""

import http.client
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from contextual_anomaly import __version__
from contextual_anomaly.errors import UserError
from contextual_anomaly.watching.receivers.delivery import Delivery, NotTaken, spool_of

TIMEOUT = 10.0  # seconds
NEVER = (400, 413, 415, 422)
"""Status codes by which a receiver says that it will not take this message, however often it comes."""
LONGEST_WAIT_ASKED = 3600.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST becomes a GET, by which the event would be lost."""

    def redirect_request(self, *arguments: Any) -> None:
        return None


def webhook(url: str, source: str, events: Path | None, per_minute: float) -> Delivery:
    """Return what posts events to an address.

    Args:
        url: http:// or https://; of it, only the host is ever shown, as paths of webhooks are often secret.
        source: what is watched.
        events: the file of events, beside which events wait.
        per_minute: events that are posted in a minute at most.

    Raises:
        UserError: the address is none.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host:
        raise UserError("--webhook: an address such as https://example.org/events was expected.")
    opener = urllib.request.build_opener(_NoRedirect)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": f"contextual-anomaly/{__version__}",
    }
    address = url
    if parts.username is not None:
        from base64 import b64encode
        from urllib.parse import unquote

        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers["Authorization"] = f"Basic {b64encode(secret).decode()}"
        address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    def send(message: dict[str, Any]) -> None:
        data = json.dumps(message, ensure_ascii=False).encode()
        request = urllib.request.Request(address, data, headers, method="POST")
        try:
            with opener.open(request, timeout=TIMEOUT) as answer:
                answer.read(1)
        except urllib.error.HTTPError as error:
            error.close()
            raise NotTaken(
                f"answers with {error.code}", _retry_after(error.headers.get("Retry-After")), error.code in NEVER
            ) from None
        except urllib.error.URLError as error:
            raise NotTaken(f"cannot be reached ({getattr(error.reason, 'strerror', None) or error.reason})") from None
        except TimeoutError:
            raise NotTaken(f"no answer for {TIMEOUT:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise NotTaken(f"the connection was lost ({type(error).__name__})") from None

    return Delivery(f"webhook {parts.scheme}://{host}", spool_of("webhook", url, source, events), send, per_minute)


def _retry_after(value: str | None) -> float | None:
    """Return the seconds of the header Retry-After; None for a date or nothing."""
    try:
        return None if value is None else min(max(float(value), 0.0), LONGEST_WAIT_ASKED)
    except ValueError:
        return None
