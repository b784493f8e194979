"""Images come from hosts that the data set names, at public addresses, in a bounded size; and from those that are allowed."""

import socket
from functools import partial
from itertools import repeat

import pandas as pd
import pytest

from contextual_anomaly.download.hosts import AllowedHosts, NotAllowed, is_public, public_addresses
from contextual_anomaly.download.image_fetching import fetch_images
from contextual_anomaly.download.transfer import RemoteFile, RetryPolicy, fetch, new_session
from contextual_anomaly.errors import UserError
from tests.download.raw_server import raw_server
from tests.download.server import Misbehaviour
from tests.download.test_image_fetching import jpeg

IMPATIENT = RetryPolicy(max_retries=1, backoff_factor=0.01, timeout=0.5)

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:db8::1", "198.18.0.1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_that_are(address):
    assert is_public(address)


@pytest.fixture
def get(tmp_path):
    """Fetch one image of an address; gives its status and problem."""

    def run(url: str, hosts=(), **options) -> tuple[str, str]:
        image = {"image_id": 1, "file_name": "1.jpg", "width": 32, "height": 24, "coco_url": url}
        arguments = tmp_path / "store", tmp_path / "out", tmp_path / "report.csv", 1, IMPATIENT, hosts
        try:
            rows = fetch_images(pd.DataFrame([image]), *arguments, **options)
        except UserError:
            rows = pd.read_csv(tmp_path / "report.csv", keep_default_na=False)
        return rows["status"][0], rows["problem"][0]

    return run


# Each of them is this machine, to one resolver or another.
THIS_MACHINE = [
    "127.0.0.1",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f.1",
    "0",
    "[::ffff:127.0.0.1]",
    "[::1]",
    "LOCALHOST.",
]


@pytest.mark.parametrize("host", THIS_MACHINE)
def test_a_data_set_does_not_reach_this_machine(get, host):
    with raw_server() as server:
        status, problem = get(f"http://{host}:{server.port}/1.jpg")
        assert status == "failed"
        assert "not an address of the public network" in problem or "the connection broke" in problem
        assert server.connections == 0


def test_a_host_that_is_allowed_is_asked_wherever_it_is(get, site):
    site.files["/1.jpg"] = jpeg(1)
    assert get(f"{site.address}/1.jpg", ["127.0.0.1"]) == ("present", "")


def test_a_name_with_one_private_address_among_public_ones_is_not_asked(monkeypatch):
    """As of a name server that wants it so; the answer is the only thing that is made up here."""
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("8.8.8.8", "192.168.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: answers)
    with pytest.raises(NotAllowed, match=r"evil\.example is at 192\.168\.0\.1"):
        public_addresses("evil.example", 80)


def test_a_redirect_stays_on_the_hosts_that_are_named(get, site):
    site.files["/1.jpg"] = jpeg(1)
    port = site.address.rpartition(":")[2]
    leads_away = Misbehaviour(status=302, headers={"Location": f"http://localhost:{port}/1.jpg"})
    site.always["/0.jpg"] = leads_away
    status, problem = get(f"{site.address}/0.jpg", ["127.0.0.1"])
    assert status == "failed"
    assert (
        "leads to 'localhost', a host that the annotations do not name; if that is meant, allow it by --host" in problem
    )
    assert [path for path, _ in site.requests] == ["/0.jpg"]
    assert get(f"{site.address}/0.jpg", ["127.0.0.1", "localhost"]) == ("present", "")


def test_a_redirect_does_not_reach_a_private_address_of_a_named_host(site, tmp_path):
    site.always["/0.jpg"] = Misbehaviour(
        status=302, headers={"Location": f"{site.address}/1.jpg".replace("127.0.0.1", "localhost")}
    )
    session = new_session(IMPATIENT, partial(AllowedHosts, ["localhost"], ["127.0.0.1"]))
    with pytest.raises(UserError, match=r"localhost is at .*, which is not an address of the public network"):
        fetch(RemoteFile((f"{site.address}/0.jpg",)), tmp_path / "x", session, IMPATIENT)


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://[bad", "", "//", "http://", "gopher:"]
)
def test_a_redirect_to_no_address_is_said(get, site, target):
    site.always["/0.jpg"] = Misbehaviour(status=302, headers={"Location": target})
    status, problem = get(f"{site.address}/0.jpg", ["127.0.0.1"])
    assert status == "failed"
    assert problem


def test_a_redirect_without_end_is_said(get, site):
    site.always["/0.jpg"] = Misbehaviour(status=302, headers={"Location": "/0.jpg"})
    assert "redirects more than 5 times" in get(f"{site.address}/0.jpg", ["127.0.0.1"])[1]


def test_an_image_has_a_largest_size_whether_the_server_says_its_size_or_not(get, site, tmp_path):
    site.files["/1.jpg"] = jpeg(1) + bytes(200_000)
    status, problem = get(f"{site.address}/1.jpg", ["127.0.0.1"], max_size=100_000)
    assert status == "failed"
    assert "more than the 100,000 that are accepted" in problem
    with raw_server() as server:
        server.answer = lambda: (b"HTTP/1.1 200 OK\r\n\r\n", *repeat(bytes(65536), 1000))
        status, problem = get(server.address, ["127.0.0.1"], max_size=100_000)
        assert status == "failed"
        assert "sends more than the 100,000 bytes that are accepted" in problem
    assert not [path for path in (tmp_path / "store").rglob("*") if path.stat().st_size > 100_000]


def test_an_image_that_trickles_for_ever_is_given_up(tmp_path):
    def trickle():
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            yield b"x"

    retry = RetryPolicy(max_retries=1, backoff_factor=0.01, timeout=5, max_seconds=0.3)
    with raw_server() as server:
        server.answer = trickle
        with pytest.raises(UserError, match=r"took more than 0\.3 s"):
            fetch(RemoteFile((server.address,)), tmp_path / "x", new_session(retry), retry)


HEADERS = [
    b"Content-Length: abc", "Content-Length: 1000²".encode("latin-1"), b"Content-Length: -5",
    b"Content-Length: 1000\r\nContent-Length: 999", b"Content-Length: " + b"9" * 30, b"Content-Length: " + b"9" * 5000,
    b"Transfer-Encoding: chunked", b"X: " + b"a" * 100_000, b"\r\n".join(b"X%d: a" % i for i in range(500)), b"no header",
    b"Content-Encoding: gzip", b"ETag: \"a\xff\"", b"\xff\xfe: \x00", b" folded",
]  # fmt: skip


@pytest.mark.parametrize("status", [b"200 OK", b"206 Partial", b"503 Later", b"302 There", b"999", b"-1 x", b"abc"])
@pytest.mark.parametrize("header", HEADERS)
def test_malformed_headers_are_an_error_in_words_or_are_understood(tmp_path, status, header):
    more = {
        b"5": b"Retry-After: \xb2\r\n",
        b"3": b"Location: http://[bad\r\n",
        b"2": b"Content-Range: bytes 0-\xb2/\xb2\r\n",
    }
    retry = RetryPolicy(max_retries=0, backoff_factor=0.01, timeout=2)
    with raw_server() as server:
        server.answer = b"HTTP/1.1 " + status + b"\r\n" + more.get(status[:1], b"") + header + b"\r\n\r\n" + bytes(1000)
        try:
            fetch(RemoteFile((server.address,)), tmp_path / "x", new_session(retry), retry)
        except UserError as error:
            said = str(error)
        else:
            said = ""
            assert (tmp_path / "x").is_file()
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "seconds", ["\xb2", "soon", "nan", "Fri, 31 Dec 99999 23:59:59 GMT", "Fri, 31 Feb 2026 23:59:59 GMT"]
)
def test_a_waiting_time_that_is_none_is_left_out(site, tmp_path, seconds):
    site.files["/x"] = b"content"
    site.misbehaviours["/x"] = [Misbehaviour(status=503, headers={"Retry-After": seconds})]
    fetch(RemoteFile((f"{site.address}/x",)), tmp_path / "x", new_session(IMPATIENT), IMPATIENT)
    assert (tmp_path / "x").read_bytes() == b"content"
