"""Who may see the page, and who may change something: checked before anything else, and of every request."""

import secrets
from base64 import b64decode
from binascii import Error as NotBase64
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contextual_anomaly.errors import UserError

MARK = "X-Contextual-Anomaly"
"""Header that changes need: other sites cannot make a browser send it unasked."""
SHORTEST_TOKEN = 16
FREE = "/healthz"
"""What needs no token, and says nothing but that the watch lives."""
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def is_local(address: str) -> bool:
    """Whether an address or name is that of this machine to itself alone."""
    if address.strip("[]") == "localhost":
        return True
    try:
        return ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def check_access(address: str, token: str | None) -> None:
    """Refuse to show a camera to a network without a token.

    Args:
        address: to listen on.
        token: what readers must know; None for no token.

    Raises:
        UserError: the address is seen by others and there is no token, or the token is too easily guessed.
    """
    if token is None and not is_local(address):
        raise UserError(f"--page-address {address}: others can reach it, so a token is needed: --page-token, or the "
                        "environment variable CONTEXTUAL_ANOMALY_TOKEN.")  # fmt: skip
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise UserError(f"--page-token: at least {SHORTEST_TOKEN} characters were expected, as `openssl rand -hex 16` "
                        f"makes them, found {len(token)}.")  # fmt: skip


class Access:
    """Passes on the requests that are allowed.

    Without a token, only this machine is answered, under its own name: a page elsewhere whose name suddenly leads here
    (DNS rebinding) is not. With one, every request needs it, as password of HTTP's basic authentication, for which a
    browser asks, or as bearer. Other sites may link to the page, and neither embed parts of it nor send anything.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        """Put it in front of an application."""
        self.app = app
        self._token = None if token is None else token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse a request."""
        if scope["type"] != "http":
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._refusal(scope) or self.app
        await answer(scope, receive, send_safely)

    def _refusal(self, scope: Scope) -> Response | None:
        """Return why a request is refused; None if it is not."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not _host_name(hosts[0]):
            return refused(400, "one Host header was expected.")
        if self._token is None and not is_local(_host_name(hosts[0])):
            return refused(421, "this page is called localhost; under another name it needs a token.")
        if not self._knows_token(headers) and scope["path"] != FREE:
            return refused(401, "the token of this page was expected.", {"WWW-Authenticate": 'Basic realm="watch"'})
        if not _from_here(headers, hosts[0]) and not (scope["path"] == "/" and _is_navigation(scope, headers)):
            return refused(403, "another site has asked for this.")
        if scope["method"] not in ("GET", "HEAD") and MARK not in headers:
            return refused(403, f"the header {MARK} was expected, with any value.")
        return None

    def _knows_token(self, headers: Headers) -> bool:
        if self._token is None:
            return True
        scheme, _, value = headers.get("authorization", "").partition(" ")
        given = value.strip().encode("latin-1")
        if scheme.lower() == "basic":
            try:
                given = b64decode(given, validate=True).partition(b":")[2]
            except NotBase64:
                return False
        elif scheme.lower() != "bearer":
            return False
        return secrets.compare_digest(given, self._token)


def refused(status: int, why: str, headers: dict[str, str] | None = None) -> Response:
    """Return an answer that says what is wrong."""
    return JSONResponse({"error": why}, status, headers)


def _host_name(host: str) -> str:
    """Return a Host header without its port; "" if it is none."""
    try:
        parts = urlsplit(f"//{host}")
        return "" if parts.port == 0 or parts.netloc != host or "@" in host else parts.hostname or ""
    except ValueError:
        return ""


def _from_here(headers: Headers, host: str) -> bool:
    """Whether a request comes from the page itself, or from no page at all."""
    site = headers.get("sec-fetch-site")
    if site is not None:  # browsers say it themselves, also behind a proxy that changes the host
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        return False


def _is_navigation(scope: Scope, headers: Headers) -> bool:
    return scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
