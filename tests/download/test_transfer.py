"""Transfers from a real server that misbehaves: each ends in the right file or in a clear error."""

import errno
import os
import threading
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from contextual_anomaly.download import transfer
from contextual_anomaly.download.transfer import Absent, RemoteFile, RetryPolicy, fetch, new_session
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.locks import only_one
from tests.download.server import Misbehaviour

CONTENT = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(300_000)
SIZE, DIGEST = len(CONTENT), sha256(CONTENT).hexdigest()
IMPATIENT = RetryPolicy(max_retries=2, backoff_factor=0.01, timeout=0.5)
PATH = "/file.zip"


@pytest.fixture
def get(site, tmp_path):
    """Fetch the file; size and checksum known unless told otherwise."""
    site.files[PATH] = CONTENT

    def run(*paths: str, size=SIZE, digest=DIGEST) -> Path:
        target = tmp_path / "in" / "file.zip"
        addresses = tuple(site.address + path for path in paths or (PATH,))
        fetch(RemoteFile(addresses, size, digest), target, new_session(IMPATIENT), IMPATIENT)
        return target

    return run


def part_of(tmp_path) -> Path:
    return tmp_path / "in" / ".file.zip.part"


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [Misbehaviour(break_after=100_000)],
        [Misbehaviour(break_after=100_000), Misbehaviour(break_after=0), Misbehaviour(break_after=100_000)],
        [Misbehaviour(break_after=100_000), Misbehaviour(ignore_range=True)],
        [Misbehaviour(break_after=100_000), Misbehaviour(wrong_range=True)],
        [Misbehaviour(stall_after=150_000)],
        [Misbehaviour(status=429, headers={"Retry-After": "0"})],
        [Misbehaviour(status=500), Misbehaviour(status=503)],
        [Misbehaviour(break_after=100_000), Misbehaviour(status=502)],
        [Misbehaviour(break_after=100_000, content=OTHER)],
    ],
    ids=[
        "behaves", "breaks off", "breaks off often", "then ignores ranges", "then another range", "stalls", "429",
        "500 and 503", "breaks off and 502", "changes midway",
    ],
)  # fmt: skip
@pytest.mark.parametrize("known", [True, False], ids=["checksum known", "nothing known"])
def test_ends_in_the_right_file(site, get, tmp_path, wrong, known):
    site.misbehaviours[PATH] = list(wrong)
    target = get() if known else get(size=None, digest=None)
    assert target.read_bytes() == CONTENT
    assert os.listdir(tmp_path / "in") == ["file.zip"]
    assert not site.misbehaviours[PATH], "a misbehaviour was not met"


def test_what_came_is_not_asked_for_again(site, get):
    site.misbehaviours[PATH] = [Misbehaviour(break_after=100_000)]
    get()
    assert site.requests == [(PATH, None), (PATH, "bytes=100000-")]


def test_a_later_run_goes_on(site, get, tmp_path):
    site.always[PATH] = Misbehaviour(status=503)
    site.misbehaviours[PATH] = [Misbehaviour(break_after=100_000)]
    with pytest.raises(UserError, match=r"503 .*gave up after 3 tries"):
        get()
    assert part_of(tmp_path).read_bytes() == CONTENT[:100_000]
    assert not (tmp_path / "in/file.zip").exists()
    site.always.clear()
    assert get().read_bytes() == CONTENT
    assert site.requests[-1] == (PATH, "bytes=100000-")


def test_a_later_run_does_not_go_on_where_nothing_would_tell_a_mixture(site, get, tmp_path):
    part_of(tmp_path).parent.mkdir()
    part_of(tmp_path).write_bytes(OTHER[:100_000])
    assert get(size=None, digest=None).read_bytes() == CONTENT
    assert site.requests == [(PATH, None)]


def test_a_part_of_another_version_is_deleted_and_fetched_from_the_start(site, get, tmp_path, capsys):
    part_of(tmp_path).parent.mkdir()
    part_of(tmp_path).write_bytes(OTHER[:100_000])
    assert get().read_bytes() == CONTENT
    assert site.requests == [(PATH, "bytes=100000-"), (PATH, None)]
    assert "deleted and fetched from the start" in capsys.readouterr().err


def test_a_whole_part_needs_no_request(site, get, tmp_path):
    part_of(tmp_path).parent.mkdir()
    part_of(tmp_path).write_bytes(CONTENT)
    assert get().read_bytes() == CONTENT
    assert site.requests == []


def test_a_part_longer_than_the_file_is_fetched_anew(site, get, tmp_path):
    part_of(tmp_path).parent.mkdir()
    part_of(tmp_path).write_bytes(CONTENT + b"more")
    assert get().read_bytes() == CONTENT


def test_what_is_there_is_not_fetched(site, get):
    get()
    site.requests.clear()
    assert get().read_bytes() == CONTENT
    assert site.requests == []


def test_what_is_there_and_wrong_is_deleted_whatever_comes_after(site, get, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/file.zip").write_bytes(OTHER)
    site.always[PATH] = Misbehaviour(status=404)
    with pytest.raises(UserError, match="404"):
        get()
    assert f"{DIGEST} was expected; it was deleted" in capsys.readouterr().err
    assert os.listdir(tmp_path / "in") == []


def test_the_second_address_goes_on_where_the_first_gave_up(site, get, tmp_path):
    site.files["/fallback.zip"] = CONTENT
    site.always[PATH] = Misbehaviour(status=500)
    site.misbehaviours[PATH] = [Misbehaviour(break_after=50_000)]
    assert get(PATH, "/fallback.zip").read_bytes() == CONTENT
    assert site.requests[-1] == ("/fallback.zip", "bytes=50000-")


@pytest.mark.parametrize("status", [403, 404, 410])
def test_no_such_file_is_not_asked_for_twice(site, get, status):
    site.files["/fallback.zip"] = CONTENT
    site.always[PATH] = Misbehaviour(status=status)
    assert get(PATH, "/fallback.zip").read_bytes() == CONTENT
    assert [path for path, _ in site.requests] == [PATH, "/fallback.zip"]


def test_absent_everywhere_is_told_apart(site, get):
    with pytest.raises(Absent, match=r"(?s)/a: answers 404 Not Found.*/b: answers 404 Not Found"):
        get("/a", "/b")
    site.always["/b"] = Misbehaviour(status=403)
    with pytest.raises(UserError) as error:
        get("/a", "/b")
    assert not isinstance(error.value, Absent)


def test_a_wrong_checksum_deletes_the_file_and_says_so(site, get, tmp_path):
    site.files[PATH] = OTHER
    found = sha256(OTHER).hexdigest()
    with pytest.raises(UserError, match=rf"{found}, {DIGEST} was expected; it was deleted"):
        get()
    assert os.listdir(tmp_path / "in") == []
    assert len(site.requests) == 1


def test_a_wrong_checksum_at_the_first_address_is_made_good_by_the_second(site, get):
    site.files["/fallback.zip"] = CONTENT
    site.files[PATH] = OTHER
    assert get(PATH, "/fallback.zip").read_bytes() == CONTENT


def test_another_length_than_expected_is_refused_before_it_is_fetched(site, get, tmp_path):
    site.files[PATH] = CONTENT[:-10]
    with pytest.raises(UserError, match="has a file of 299,990 bytes, 300,000 were expected"):
        get()
    assert os.listdir(tmp_path / "in") == []


@pytest.mark.parametrize("known", [True, False])
def test_a_length_that_is_never_reached_is_an_error(site, get, tmp_path, known):
    site.always[PATH] = Misbehaviour(claim_length=len(CONTENT) + 7, ignore_range=True)
    with pytest.raises(UserError, match="bytes"):
        get() if known else get(size=None, digest=None)
    assert not (tmp_path / "in/file.zip").exists()


def test_a_stall_for_ever_is_an_error(site, get, tmp_path):
    site.always[PATH] = Misbehaviour(stall_after=0)
    with pytest.raises(UserError, match=r"nothing came for 0\.5 s; gave up after 3 tries"):
        get()
    assert not (tmp_path / "in/file.zip").exists()


def test_a_server_that_forgets_and_breaks_off_does_not_go_on_for_ever(site, get):
    site.always[PATH] = Misbehaviour(break_after=1000, ignore_range=True)
    with pytest.raises(UserError, match="gave up after 3 tries"):
        get()
    assert len(site.requests) == 4  # one that brought something, three that did not


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/x", "file:///etc/passwd", "no address", "http://"])
def test_an_address_of_another_kind_is_refused(tmp_path, address):
    with pytest.raises(UserError, match="not an http:// or https:// address"):
        fetch(RemoteFile((address,)), tmp_path / "file", new_session(IMPATIENT), IMPATIENT)
    assert list(tmp_path.iterdir()) == []


def test_nobody_listening_is_said(tmp_path):
    with pytest.raises(UserError, match=r"(?i)refused.*gave up after 3 tries"):
        fetch(RemoteFile(("http://127.0.0.1:9/x",)), tmp_path / "file", new_session(IMPATIENT), IMPATIENT)


def test_a_proxy_that_refuses_is_said_in_few_words(site, tmp_path, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", site.address)  # it knows no CONNECT
    with pytest.raises(UserError, match=r"broke \(Tunnel connection failed: 501 [^()]*\('CONNECT'\)\); gave up"):
        fetch(RemoteFile(("https://example.org/x",)), tmp_path / "file", new_session(IMPATIENT), IMPATIENT)


def test_a_certificate_that_cannot_be_verified_leads_to_the_next_address(site, get):
    # The server speaks no TLS at all: as little to be trusted as a wrong certificate.
    target = Path(str(get())).parent / "other.zip"
    tls = site.address.replace("http://", "https://") + PATH
    fetch(
        RemoteFile((tls, site.address + PATH), SIZE, DIGEST),
        target,
        new_session(IMPATIENT),
        IMPATIENT,
    )
    assert target.read_bytes() == CONTENT


def test_retry_after_is_obeyed_within_reason(site, get, monkeypatch):
    waits = []
    monkeypatch.setattr(transfer.time, "sleep", waits.append)
    site.misbehaviours[PATH] = [
        Misbehaviour(status=429, headers={"Retry-After": "7"}),
        Misbehaviour(status=503, headers={"Retry-After": "86400"}),
        Misbehaviour(break_after=10),
        Misbehaviour(status=500),
        Misbehaviour(status=500),
    ]
    get()
    assert waits == [7, 60, 0.01, 0.02]


def test_no_room_is_said_before_anything_is_fetched(site, get):
    with pytest.raises(UserError, match="MB are needed there"):
        get(size=10**18)
    assert site.requests == []


def test_a_disk_that_fills_up_keeps_what_came(site, get, tmp_path, monkeypatch):
    real = Path.open

    def full(path, *arguments, **options):
        if path.name.endswith(".part") and path.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, *arguments, **options)

    site.misbehaviours[PATH] = [Misbehaviour(break_after=1000)]
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(UserError, match="no space left"):
        get()
    monkeypatch.undo()
    assert part_of(tmp_path).read_bytes() == CONTENT[:1000]


def test_two_processes_take_turns(tmp_path, capsys):
    order, inside = [], threading.Event()

    def first():
        with only_one(tmp_path / "file"):
            inside.set()
            order.append("first in")
            release.wait(5)
            order.append("first out")

    release = threading.Event()
    thread = threading.Thread(target=first)
    thread.start()
    inside.wait(5)
    threading.Timer(0.2, release.set).start()
    with only_one(tmp_path / "file"):
        order.append("second in")
    thread.join()
    assert order == ["first in", "first out", "second in"]
    assert "another process is making it" in capsys.readouterr().err


def test_progress_ends_at_the_whole(site, tmp_path):
    site.files[PATH] = CONTENT
    seen = []
    fetch(
        RemoteFile((site.address + PATH,)),
        tmp_path / "file",
        new_session(IMPATIENT),
        IMPATIENT,
        lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (300_000, 300_000)
    assert seen == sorted(seen)
