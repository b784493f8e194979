"""Which hosts may be asked for an image: those that the data set names, at public addresses, and those that a person adds.

An annotation file comes from somebody else, and its `coco_url` may say http://192.168.0.1/reboot. So the address of a
host is looked up, each answer is checked, and the connection goes to an address that was checked; so does each redirect.
"""

import ipaddress
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NameResolutionError

TO_ALLOW = "if that is meant, allow it by --host (downloads.hosts in the configuration)"
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class NotAllowed(ValueError):
    """A host must not be asked; the message says why, and how to allow it."""


def host_of(address: str) -> str:
    """Return the host of an address in lower case, "" where it has none."""
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public network, also where it stands for an address of IPv4."""
    ip = ipaddress.ip_address(address.partition("%")[0])  # without the zone of a link-local address
    if isinstance(ip, ipaddress.IPv6Address):
        within = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else ip.ipv4_mapped or ip.sixtofour
        if within is not None:
            return is_public(str(within))
    return ip.is_global and not ip.is_multicast


def public_addresses(host: str, port: int) -> list[str]:
    """Look up a host.

    Raises:
        NotAllowed: One of its addresses is of a private network, of this machine, or otherwise not public.
        OSError: It has no address.
    """
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in found:
        if not is_public(address):
            raise NotAllowed(f"{host} is at {address}, which is not an address of the public network; {TO_ALLOW}")
    return list(dict.fromkeys(found))


class AllowedHosts(HTTPAdapter):
    """Asks some hosts alone."""

    def __init__(self, named: Iterable[str], allowed: Iterable[str] = (), **options: Any) -> None:
        """Prepare connections.

        Args:
            named: Hosts that the data set names; only at public addresses.
            allowed: Hosts that a person allows, wherever they are.
            options: Of `HTTPAdapter`.
        """
        self._allowed = frozenset(host.lower() for host in allowed)
        self._hosts = self._allowed | {host.lower() for host in named}
        super().__init__(**options)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Use connections that check their address."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _checking(HTTPConnectionPool, HTTPConnection, self._allowed),
            "https": _checking(HTTPSConnectionPool, HTTPSConnection, self._allowed),
        }

    def send(self, request: Any, *arguments: Any, **options: Any) -> Any:
        """Send a request, which may come of a redirect, if its host is one of those named or allowed.

        Raises:
            NotAllowed: It is another, or at an address that is not public.
        """
        host = host_of(request.url)
        if host not in self._hosts:
            raise NotAllowed(f"leads to {host!r}, a host that the annotations do not name; {TO_ALLOW}")
        if host not in self._allowed and select_proxy(request.url, options.get("proxies")):
            with suppress(OSError):
                public_addresses(host, 80)  # the proxy connects; what can be known here is checked here
        return super().send(request, *arguments, **options)


def _checking(pool: Any, connection: Any, allowed: frozenset[str]) -> type:
    """Return a class of connection pools whose connections go to addresses that were checked."""

    class Connection(connection):
        def _new_conn(self) -> socket.socket:
            name = self._dns_host
            if name.strip("[]").lower() in allowed:
                return super()._new_conn()
            try:
                addresses = public_addresses(name.strip("[]"), self.port)
            except socket.gaierror as error:
                raise NameResolutionError(self.host, self, error) from error
            for left, address in enumerate(addresses, 1 - len(addresses)):
                self._dns_host = address  # certificates are checked against the name all the same
                try:
                    return super()._new_conn()
                except Exception:
                    if not left:
                        raise
                finally:
                    self._dns_host = name
            raise AssertionError("a host has an address or none")

    return type(pool.__name__, (pool,), {"ConnectionCls": Connection})
