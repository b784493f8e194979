"""Download one file from the first address that has it: retried, resumed, verified, and renamed only when it is right."""

import errno
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

from contextual_anomaly import __version__
from contextual_anomaly.download.hosts import NotAllowed
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import digest

logger = logging.getLogger(__name__)

CHUNK = 1 << 18  # bytes
RETRIED_STATUSES = (408, 425, 429, *range(500, 600))
MAX_REDIRECTS = 5
LONGEST_WAIT = 60.0  # seconds before a retry, whatever the server asks for


@dataclass(frozen=True)
class RemoteFile:
    """A file to download, and how it is recognised."""

    addresses: tuple[str, ...]  # tried in this order
    size: int | None = None  # bytes
    sha256: str | None = None
    max_size: int | None = None  # bytes, where the size is not known


@dataclass(frozen=True)
class RetryPolicy:
    """When to give up on an address."""

    max_retries: int = 5  # in a row, without a new byte
    backoff_factor: float = 1.0  # seconds before the second retry, doubled before each further one, as in urllib3
    timeout: float = 30.0  # seconds without a byte
    max_seconds: float | None = None  # for one answer, however steadily it comes


class Absent(UserError):
    """Every address answers that it has no such file."""


class _Refused(Exception):
    """This address does not give the right file, and asking again would not help."""

    def __init__(self, problem: str, absent: bool = False) -> None:
        super().__init__(problem)
        self.absent = absent


class _Interrupted(Exception):
    """The answer broke off or does not continue the part; the next request may."""


class _Retry(Retry):
    """urllib3's retries, which are logged, and wait `LONGEST_WAIT` at most."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Return the seconds that the server asks for, bounded."""
        try:
            seconds = super().get_retry_after(response)
        except (HTTPError, ValueError, OverflowError):  # neither seconds nor a date
            return None
        return None if seconds is None else min(seconds, LONGEST_WAIT)

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        """Wait before the next try, as long as the server asks for or the backoff says."""
        problem = f"answers {response.status}" if response else "the connection broke"
        for last in self.history[-1:]:
            logger.info(f"{last.url}: {problem}; trying again")
        super().sleep(response)


@dataclass
class _Part:
    """The file beside the target that grows from request to request."""

    path: Path
    inherited: bool = False  # begun by an earlier run or at another address, so its version is not known
    version: str | None = None  # the server's ETag or date of the version that it was begun with

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    def begin_again(self) -> None:
        """Delete what has arrived."""
        self.path.unlink(missing_ok=True)
        self.inherited, self.version = False, None

    def change_address(self, has_checksum: bool) -> None:
        """Keep what has arrived only if a checksum would reveal a mixture of two versions."""
        if self.size and has_checksum:
            self.inherited, self.version = True, None
        else:
            self.begin_again()


def new_session(retry: RetryPolicy, adapter: Callable[..., HTTPAdapter] = HTTPAdapter) -> requests.Session:
    """Return a session for `fetch`; each thread needs its own.

    Status codes, failed connections, waiting times and Retry-After are handled by urllib3. Proxies and certificates are
    taken from the environment, as usual.

    Args:
        retry: When to give up on an address.
        adapter: Makes what connects, see `hosts.AllowedHosts`.
    """
    session = requests.Session()
    session.max_redirects = MAX_REDIRECTS
    session.headers.update({"User-Agent": f"contextual-anomaly/{__version__}", "Accept-Encoding": "identity"})
    retries = _Retry(
        total=retry.max_retries,
        other=0,  # certificates, which do not become right
        status_forcelist=RETRIED_STATUSES,
        allowed_methods=("GET",),
        backoff_factor=retry.backoff_factor,
        backoff_max=LONGEST_WAIT,
        raise_on_status=False,
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter(max_retries=retries))
    return session


def fetch(
    file: RemoteFile,
    target: Path,
    session: requests.Session,
    retry: RetryPolicy,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> str:
    """Download ``file`` as ``target``, unless it is there already.

    What has arrived is kept beside the target as `.part`, and the next request, or the next run, continues there.
    Without a checksum another run begins again, because nothing would reveal a file put together from two versions.

    Args:
        file: What to download.
        target: Where it goes.
        session: From `new_session` with the same policy.
        retry: When to give up on an address.
        progress: Called with the number of bytes that have arrived, and the total where it is known.

    Returns:
        The address that gave it, or "" if it was there.

    Raises:
        Absent: Every address says that there is no such file.
        UserError: No address gave the right file; the message gives the reason of each.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        problem = _mismatch(target, file)
        if not problem:
            return ""
        target.unlink()
        logger.info(f"{target}: {problem}; it was deleted")
    part = _Part(target.with_name(f".{target.name}.part"))
    _check_free_space(target, file, part.size)
    problems: list[_Refused] = []
    for address in file.addresses:
        part.change_address(has_checksum=file.sha256 is not None)
        try:
            _fetch_from(address, file, part, session, retry, progress)
        except _Refused as problem:
            problems.append(problem)
            continue
        part.path.replace(target)
        return address
    tried = "".join(f"\n  {a}: {p}" for a, p in zip(file.addresses, problems, strict=True))
    error = Absent if all(p.absent for p in problems) else UserError
    kept = f"; {part.size:,} bytes are kept, run again to continue from there" if part.size else ""
    raise error(f"{target}: could not be downloaded from any of its addresses{kept}.{tried}")


def _fetch_from(address: str, file: RemoteFile, part: _Part, session, retry: RetryPolicy, progress) -> None:
    """Ask one address until ``part`` is the right file, or until nothing more comes."""
    retries, furthest = 0, part.size
    while True:
        try:
            _fetch_rest(address, file, part, session, retry, progress)
        except _Interrupted as problem:
            # Counted from the furthest byte: a server that ignores ranges would otherwise begin again for ever.
            retries = 0 if part.size > furthest else retries + 1
            furthest = max(part.size, furthest)
            if retries > retry.max_retries:
                raise _Refused(f"{problem}; gave up after {retries} tries") from None
            wait = min(retry.backoff_factor * 2 ** max(retries - 1, 0), LONGEST_WAIT)
            logger.info(f"{address}: {problem}; {part.size:,} bytes are here, continuing in {wait:.3g} s")
            time.sleep(wait)
            continue
        problem = _mismatch(part.path, file)
        if not problem:
            return
        was_inherited = part.inherited
        part.begin_again()
        if not was_inherited:
            raise _Refused(f"the file {problem}; it was deleted")
        logger.info(f"{part.path}: {problem}; it was begun earlier, so it is deleted and fetched from the start")
        furthest = 0


def _fetch_rest(address: str, file: RemoteFile, part: _Part, session, retry: RetryPolicy, progress) -> None:
    """Request the bytes that are missing, and append them to the part."""
    if file.size is not None and part.size >= file.size:
        return  # whole, or too long: the checksum decides
    with _request(address, part, session, retry) as answer:
        start = _start_of(answer, file, part)
        length = _whole_number(answer.headers.get("Content-Length", ""))
        total = file.size or (None if length is None else start + length)
        if file.size is None and file.max_size is not None and (total or 0) > file.max_size:
            raise _Refused(f"has a file of {total:,} bytes, more than the {file.max_size:,} that are accepted")
        try:
            _append(answer, start, total, file.size or file.max_size, part, retry, progress)
        except HTTPError as error:
            raise _Interrupted(_in_words(error, retry)) from None


def _request(address: str, part: _Part, session: requests.Session, retry: RetryPolicy) -> requests.Response:
    """Ask for what follows the part, or for all; urllib3 has retried what can be retried."""
    headers = {}
    if part.size:
        headers["Range"] = f"bytes={part.size}-"
        if part.version:
            headers["If-Range"] = part.version
    try:
        return session.get(address, headers=headers, stream=True, timeout=retry.timeout)
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
        raise _Refused("not an http:// or https:// address") from None
    except NotAllowed as error:
        raise _Refused(str(error)) from None
    except requests.exceptions.TooManyRedirects:
        raise _Refused(f"redirects more than {MAX_REDIRECTS} times") from None
    except requests.exceptions.SSLError as error:
        raise _Refused(f"its certificate cannot be verified ({_innermost(error)})") from None
    except (requests.exceptions.RequestException, HTTPError) as error:
        raise _Refused(f"{_in_words(error, retry)}; gave up after {retry.max_retries + 1} tries") from None
    except ValueError as error:  # of libraries, at addresses and headers that are none
        raise _Refused(f"its answer cannot be understood ({error})") from None


def _start_of(answer: requests.Response, file: RemoteFile, part: _Part) -> int:
    """Return the position of the answer's first byte in the file; raise if the answer is not the file."""
    status, here = answer.status_code, part.size
    if status in RETRIED_STATUSES:
        tries = len(getattr(answer.raw.retries, "history", ())) + 1
        raise _Refused(f"answers {status} {answer.reason}; gave up after {tries} tries")
    if status == 416:
        part.begin_again()
        raise _Interrupted("has nothing after what is here, so that is deleted")
    if status not in (200, 206):
        raise _Refused(f"answers {status} {answer.reason}", absent=status in (404, 410))
    if status == 206:
        start, _, total = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        if start.partition("-")[0] != str(here):
            part.begin_again()
            raise _Interrupted(f"answers with another range than asked for ({answer.headers.get('Content-Range')})")
    else:
        here, part.inherited = 0, False
        total = answer.headers.get("Content-Length", "")
    length = _whole_number(total)
    if file.size is not None and length is not None and length != file.size:
        raise _Refused(f"has a file of {length:,} bytes, {file.size:,} were expected")
    etag = answer.headers.get("ETag", "")
    part.version = etag if etag.startswith('"') else answer.headers.get("Last-Modified")  # weak tags do not count
    return here


def _whole_number(text: str) -> int | None:
    """Return the number of bytes that a header gives; None where it is none, or more than any disk has."""
    found = re.fullmatch(r"\s*(\d{1,18})\s*", text, re.ASCII)
    return int(found[1]) if found else None


def _append(
    answer: requests.Response,
    start: int,
    total: int | None,
    limit: int | None,
    part: _Part,
    retry: RetryPolicy,
    progress,
) -> None:
    """Write the answer's body into the part, from ``start`` on.

    Args:
        answer: The server's.
        start: Position of its first byte in the file.
        total: Size of the file, None where it is not known.
        limit: No more bytes are taken; None for any number.
        part: Where they go.
        retry: How long it may take.
        progress: See `fetch`.
    """
    here, began = start, time.monotonic()
    try:
        with part.path.open("r+b" if here else "wb") as out:
            out.seek(here)
            out.truncate()
            # read1 returns what has arrived; reading whole chunks would lose the last one when the connection breaks.
            while chunk := answer.raw.read1(CHUNK):
                here += len(chunk)
                most = total if total is not None else limit
                if most is not None and here > most:
                    part.begin_again()
                    what = "expected" if total is not None else "that are accepted"
                    raise _Refused(f"sends more than the {most:,} bytes {what}")
                if retry.max_seconds is not None and time.monotonic() - began > retry.max_seconds:
                    raise _Refused(f"took more than {retry.max_seconds:g} s")
                out.write(chunk)
                progress(here, total)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise UserError(
                f"{part.path}: no space left ({error.strerror}). Free some and run again: what came is kept."
            ) from error
        raise
    if total is not None and here < total:
        raise _Interrupted(f"broke off at {here:,} of {total:,} bytes")


def _mismatch(path: Path, file: RemoteFile) -> str:
    """Return what is wrong with a whole file, or ""."""
    size = path.stat().st_size if path.exists() else 0
    if file.size is not None and size != file.size:
        return f"has {size:,} bytes, {file.size:,} were expected"
    if file.sha256:
        found = digest(path)
        if found != file.sha256:
            return f"has the SHA-256 checksum {found}, {file.sha256} was expected"
    return ""


def _check_free_space(target: Path, file: RemoteFile, here: int) -> None:
    """Raise if the disk has no room for the rest of the file."""
    free = disk_usage(target.parent).free
    if file.size is not None and free < file.size - here:
        raise UserError(
            f"{target}: {(file.size - here) / 1e6:,.0f} MB are needed there, {free / 1e6:,.0f} MB are free."
        )


def _in_words(error: Exception, retry: RetryPolicy) -> str:
    """Describe a failed connection in a few words."""
    innermost = _innermost(error)
    if isinstance(error, (requests.exceptions.Timeout, ReadTimeoutError)) or "timed out" in innermost:
        return f"nothing came for {retry.timeout:g} s"
    return f"the connection broke ({innermost})"


def _innermost(error: Exception) -> str:
    """Return the innermost reason of a chain of exceptions, without addresses of objects."""
    while True:
        parts = (getattr(error, "reason", None), *error.args[-1:])
        inner = next((part for part in parts if isinstance(part, Exception)), None)
        if inner is None:
            break
        error = inner
    text = str(error)
    return text.rpartition(": ")[2] if "object at 0x" in text else text
