"""One file from the first address that gives it: resumed, retried, verified, and renamed only when it is right."""

import errno
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from hashlib import file_digest
from pathlib import Path
from shutil import disk_usage

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from contextual_anomaly import __version__
from contextual_anomaly.errors import UserError

logger = logging.getLogger(__name__)

CHUNK = 1 << 18
GONE = (401, 403, 404, 410, 451)  # asking again gives the same answer
LONGEST_WAIT = 60.0  # seconds between two tries, whatever the server asks for


@dataclass(frozen=True)
class RemoteFile:
    """What is wanted, and how it is recognised."""

    addresses: tuple[str, ...]  # tried in this order
    size: int | None = None  # bytes
    sha256: str | None = None


@dataclass(frozen=True)
class RetryPolicy:
    """When to give up on an address."""

    tries: int = 6  # in a row that bring nothing new
    back_off: float = 1.0  # seconds before the second try, doubled before each further one
    stall: float = 30.0  # seconds without a byte


class Absent(UserError):
    """Every address answers that it has no such file."""


class _Refused(Exception):
    """This address will not give the right file, however often it is asked."""

    def __init__(self, problem: str, absent: bool = False) -> None:
        super().__init__(problem)
        self.absent = absent


class _Broken(Exception):
    """This try failed, the next one may not; `wait` is what the server asks for, in seconds."""

    def __init__(self, problem: str, wait: float | None = None) -> None:
        super().__init__(problem)
        self.wait = wait


@dataclass
class _Part:
    """The file beside the target that grows from try to try."""

    path: Path
    inherited: bool = False  # begun by an earlier run or at another address: of which version is not known
    version: str | None = None  # the server's ETag or date of what it was begun with
    furthest: int = 0  # bytes, in the tries at this address

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def begin_again(self) -> None:
        self.path.unlink(missing_ok=True)
        self.inherited, self.version = False, None

    def go_on_elsewhere(self, checksum_will_tell: bool) -> None:
        """A new address: what is here is worth going on from only where a mixture would be noticed."""
        if self.size and checksum_will_tell:
            self.inherited, self.version = True, None
        else:
            self.begin_again()
        self.furthest = self.size


def new_session() -> requests.Session:
    """A session for `fetch`; one for each thread. Proxies and certificates are taken from the environment, as usual."""
    session = requests.Session()
    session.headers.update({"User-Agent": f"contextual-anomaly/{__version__}", "Accept-Encoding": "identity"})
    return session


def fetch(
    file: RemoteFile,
    target: Path,
    session: requests.Session,
    retry: RetryPolicy,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> str:
    """Get ``file`` as ``target``, unless it is there already.

    What has arrived waits beside the target as `.part`, and the next try, or the next run, goes on from there. Without a
    checksum another run begins again, as nothing would tell a file put together from two versions.

    Args:
        progress: told the bytes that are there, and the total where it is known.

    Returns:
        the address that gave it, or "" where it was there.

    Raises:
        Absent: every address says that there is no such file.
        UserError: no address gave the right file; the message has the reason of each.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        problem = _wrong(target, file)
        if not problem:
            return ""
        target.unlink()
        logger.info(f"{target}: {problem}; it was deleted")
    part = _Part(target.with_name(f".{target.name}.part"))
    _room(target, file, part.size)
    problems: list[_Refused] = []
    for address in file.addresses:
        part.go_on_elsewhere(checksum_will_tell=file.sha256 is not None)
        try:
            _from_address(address, file, part, session, retry, progress)
        except _Refused as problem:
            problems.append(problem)
            continue
        part.path.replace(target)
        return address
    tried = "".join(f"\n  {a}: {p}" for a, p in zip(file.addresses, problems, strict=True))
    error = Absent if all(p.absent for p in problems) else UserError
    kept = f"; {part.size:,} bytes are kept, run again to go on from there" if part.size else ""
    raise error(f"{target}: could not be downloaded from any of its addresses{kept}.{tried}")


def _from_address(address, file, part: _Part, session, retry: RetryPolicy, progress) -> None:
    """Try one address until ``part`` is the right file, or until it gives nothing more."""
    barren = 0
    while True:
        try:
            _go_on(address, file, part, session, retry, progress)
            problem = _wrong(part.path, file)
            if not problem:
                return
            put_together = part.inherited
            part.begin_again()
            if not put_together:
                raise _Refused(f"the file {problem}; it was deleted")
            logger.info(f"{part.path}: {problem}; it was begun earlier, so it is deleted and fetched from the start")
            part.furthest = 0
        except _Broken as problem:
            # A server that forgets what it sent before would otherwise begin for ever.
            barren = 0 if part.size > part.furthest else barren + 1
            part.furthest = max(part.furthest, part.size)
            if barren >= retry.tries:
                raise _Refused(f"{problem}; gave up after {retry.tries} tries") from None
            wait = retry.back_off * 2 ** max(barren - 1, 0) if problem.wait is None else problem.wait
            wait = min(wait, LONGEST_WAIT)
            logger.info(f"{address}: {problem}; {part.size:,} bytes are here, going on in {wait:.3g} s")
            time.sleep(wait)


def _go_on(address, file, part: _Part, session, retry: RetryPolicy, progress) -> None:
    """One request for what is not here yet."""
    if file.size is not None and part.size >= file.size:
        return  # whole, or too long: the checksum tells
    here = part.size
    headers = {"Range": f"bytes={here}-"} if here else {}
    if here and part.version:
        headers["If-Range"] = part.version
    try:
        with session.get(address, headers=headers, stream=True, timeout=retry.stall) as answer:
            here = _checked(answer, here, file, part)
            coming = int(answer.headers["Content-Length"]) if answer.headers.get("Content-Length") else None
            total = file.size or (None if coming is None else here + coming)
            with part.path.open("r+b" if here else "wb") as out:
                out.seek(here)
                out.truncate()
                # read1 gives what has arrived; whole chunks would lose the last one where the connection breaks.
                while chunk := answer.raw.read1(CHUNK):
                    here += len(chunk)
                    if total is not None and here > total:
                        part.begin_again()
                        raise _Refused(f"sends more than the {total:,} bytes expected")
                    out.write(chunk)
                    progress(here, total)
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
        raise _Refused("not an http:// or https:// address") from None
    except requests.exceptions.SSLError as error:
        raise _Refused(f"its certificate cannot be verified ({_short(error)})") from None
    except (requests.exceptions.RequestException, HTTPError) as error:
        causes = (error, *error.args)
        if any(isinstance(cause, (requests.exceptions.Timeout, ReadTimeoutError)) for cause in causes):
            raise _Broken(f"nothing came for {retry.stall:g} s") from None
        raise _Broken(f"the connection broke ({_short(error)})") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise UserError(
                f"{part.path}: no space left ({error.strerror}). Free some and run again: what came is kept."
            ) from error
        raise
    if total is not None and here < total:
        raise _Broken(f"broke off at {here:,} of {total:,} bytes")


def _checked(answer: requests.Response, here: int, file: RemoteFile, part: _Part) -> int:
    """Where the answer's bytes belong, 0 if the server begins again; an answer that is no file is an exception."""
    status = answer.status_code
    if status in GONE:
        raise _Refused(f"answers {status} {answer.reason}", absent=status in (404, 410))
    if status == 416:  # nothing after what is here: it is not this file's beginning
        part.begin_again()
        raise _Broken("has nothing after what is here, so that is deleted")
    if status not in (200, 206):
        raise _Broken(f"answers {status} {answer.reason}", _retry_after(answer.headers.get("Retry-After")))
    if status == 206:
        start, _, total = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        if start.partition("-")[0] != str(here):
            part.begin_again()
            raise _Broken(f"answers with another range than asked for ({answer.headers.get('Content-Range')})")
    else:
        here, part.inherited = 0, False
        total = answer.headers.get("Content-Length", "")
    if file.size is not None and total.isdigit() and int(total) != file.size:
        raise _Refused(f"has a file of {int(total):,} bytes, {file.size:,} were expected")
    etag = answer.headers.get("ETag", "")
    part.version = etag if etag.startswith('"') else answer.headers.get("Last-Modified")  # weak tags do not count
    return here


def _retry_after(text: str | None) -> float | None:
    """Seconds, of a header that gives them or a date."""
    if not text:
        return None
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _wrong(path: Path, file: RemoteFile) -> str:
    """What is wrong with a whole file, or nothing."""
    size = path.stat().st_size if path.exists() else 0
    if file.size is not None and size != file.size:
        return f"has {size:,} bytes, {file.size:,} were expected"
    if file.sha256:
        with path.open("rb") as content:
            found = file_digest(content, "sha256").hexdigest()
        if found != file.sha256:
            return f"has the SHA-256 checksum {found}, {file.sha256} was expected"
    return ""


def _room(target: Path, file: RemoteFile, here: int) -> None:
    free = disk_usage(target.parent).free
    if file.size is not None and free < file.size - here:
        raise UserError(
            f"{target}: {(file.size - here) / 1e6:,.0f} MB are needed there, {free / 1e6:,.0f} MB are free."
        )


def _short(error: Exception) -> str:
    """The innermost reason of a chain of exceptions, without addresses of objects."""
    while True:
        parts = (getattr(error, "reason", None), *error.args[-1:])
        inner = next((part for part in parts if isinstance(part, Exception)), None)
        if inner is None:
            break
        error = inner
    text = str(error)
    return text.rpartition(": ")[2] if "object at 0x" in text else text
