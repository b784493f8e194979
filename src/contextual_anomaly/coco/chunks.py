"""A COCO annotation file in parts: several processes parse it, and none of them holds much of it.

Where a record of `annotations` begins cannot be told from the bytes around it, for what is nested in a record may look
the same. So the cuts are guessed, and the parser proves them: JSON is read from left to right, so if a part that begins
between two records parses as a list of records, it ends between two records, and the next part begins there. Where a
guess fails, the file is read in one piece, which is right for all that is valid JSON.
"""

import mmap
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import TypeVar

import msgspec

from contextual_anomaly.coco.records import Annotation, Instances, Objects
from contextual_anomaly.runtime.progress import track

T = TypeVar("T")
Part = tuple[Path, int, int]  # a file, its first byte and its last + 1

PART_BYTES = 4 << 20  # a part's records take some 5 MB in the process that parses it
GUESSES = 10_000  # at each cut: a record may hold many nested objects
FIRST_LOOK = 4096  # bytes; most records are shorter

ANNOTATIONS = b'"annotations"'
BEGIN = re.compile(ANNOTATIONS + rb"\s*:\s*\[\s*(?=\{)")
BETWEEN = re.compile(rb"\}\s*,\s*(?=\{)")

THREADS_THAT_FORK = {"jemalloc_bg_thd"}
"""Of Arrow's allocator, which is made for processes that copy themselves."""

MARK = Annotation(id=6045871129, image_id=0, category_id=0, bbox=(0.0, 0.0, 1.0, 1.0))


class NotCut(Exception):
    """The file is small, or laid out so that no cut was found: read it in one piece."""


class _Skipped(msgspec.Struct):
    """Any object: the parser goes over it and keeps nothing."""


def read_in_parts(
    path: Path,
    text: mmap.mmap,
    start: int,
    processes: int,
    meanwhile: Callable[[Instances], T],
    part_bytes: int = PART_BYTES,
) -> tuple[T, Objects]:
    """Parse the file ``path``, which is mapped as ``text`` and whose JSON begins at byte ``start``.

    Args:
        path: the file; other processes map it themselves.
        text: the file, as mapped here.
        start: the first byte after a byte order mark.
        processes: how many parse, this one among them.
        part_bytes: of the text that a process parses at a time.
        meanwhile: what to do with images and categories while others parse the annotations.

    Returns:
        what ``meanwhile`` gives, and the annotations. ``processes`` and ``part_bytes`` change neither.

    Raises:
        NotCut: it cannot be read so.
        msgspec.DecodeError, msgspec.ValidationError: the JSON is wrong, or a field is not of the expected type.
    """
    whole_parts = (len(text) - start) // part_bytes
    if whole_parts < 2:
        raise NotCut
    try:
        with _others(min(processes, whole_parts) - 1) as submit:
            first = _first_record(text, start)
            parts, begun = [], []
            for cut in _cut(text, first, part_bytes):
                parts.append((path, *cut))
                begun.append(submit(_parse, parts[-1]))
            done = meanwhile(_decode_marked(text, start, first, parts[-1][2]))
            return done, Objects.joined(_finish(parts, begun, f"reading {path}"))
    except (msgspec.ValidationError, NotCut):
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Either the JSON is wrong, and the parser says where, or a guess was.
        with memoryview(text) as whole, whole[start:] as body:
            msgspec.json.decode(body, type=_Skipped)
        raise NotCut from None
    finally:
        vars(_of_thread).clear()


def _decode_marked(text: mmap.mmap, start: int, begin: int, end: int) -> Instances:
    """Parse the file with `MARK` in place of the records from ``begin`` to ``end``, if those are the annotations."""
    with memoryview(text) as view, view[start:begin] as before, view[end:] as after:
        rest = b"".join([before, msgspec.json.encode(MARK), after])
    if hasattr(text, "madvise"):
        text.madvise(mmap.MADV_DONTNEED)  # what was looked at is not looked at again
    try:
        instances = msgspec.json.decode(rest, type=Instances)
    except msgspec.ValidationError:  # of the file, or because what was cut out is not its annotations
        raise NotCut from None
    if instances.annotations != [MARK]:
        raise NotCut
    return instances


def _first_record(text: mmap.mmap, start: int) -> int:
    """The first byte of the first annotation."""
    place = start
    for _ in range(GUESSES):
        place = text.find(ANNOTATIONS, place)  # goes over images in half the time of a pattern
        if place < 0:
            break
        found = BEGIN.match(text, place)
        if found and _is_record(text, found.end()):
            return found.end()
        place += 1
    raise NotCut


def _cut(text: mmap.mmap, first: int, part_bytes: int) -> Iterator[tuple[int, int]]:
    """The first byte and the last + 1 of each part; each is given when it is found, so that others can begin with it."""
    begin, place = first, first + part_bytes
    while place < len(text):
        guesses = islice(BETWEEN.finditer(text, place), GUESSES)
        found = next((m for m in guesses if _is_record(text, m.end())), None)
        if found:
            yield begin, found.start() + 1
            begin = place = found.end()
        place += part_bytes
    yield begin, _end_of_list(text, begin)


def _is_record(text: mmap.mmap, at: int) -> bool:
    """Whether what begins at byte ``at`` reads as an annotation."""
    length = FIRST_LOOK
    while True:
        try:
            msgspec.json.decode(text[at : at + length], type=Annotation)
            return True
        except (msgspec.ValidationError, UnicodeDecodeError):
            return False
        except msgspec.DecodeError as error:
            if "truncated" not in str(error) or at + length >= len(text):
                return "trailing" in str(error)  # after a whole record
            length *= 8


def _end_of_list(text: mmap.mmap, begin: int) -> int:
    """Where the list ends of which a record begins at byte ``begin``: the byte of its bracket."""
    rest = b"[" + text[begin:]
    try:
        msgspec.json.decode(rest, type=list[_Skipped])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        found = re.search(r"trailing characters \(byte (\d+)\)", str(error))
        if found:
            return begin - 1 + rest.rindex(b"]", 0, int(found[1]))
    raise NotCut


@contextmanager
def _others(processes: int) -> Iterator[Callable[..., Future]]:
    """Starts so many other processes; gives a function that hands them a task."""
    if not processes:
        yield lambda *_: Future()  # of which nobody takes care: whoever waits for it cancels it and does it
        return
    pool = ProcessPoolExecutor(processes, _context())
    for _ in range(processes):
        pool.submit(int)  # a process is started when it is given something to do
    try:
        yield pool.submit
    finally:
        pool.shutdown(cancel_futures=True)


def _context() -> BaseContext:
    """How processes start: as copies of this one where no other thread runs, which saves them all imports."""
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        return get_context("spawn")
    main = threading.main_thread().native_id
    others = {(task / "comm").read_text().strip() for task in tasks.iterdir() if int(task.name) != main}
    return get_context("fork" if others <= THREADS_THAT_FORK else "spawn")


def _finish(parts: list[Part], begun: list[Future], title: str) -> Iterator[Objects]:
    """Helps to parse, from the end while the others come from the front; gives the results in their order."""
    results = []
    for part, future in track(list(zip(parts, begun, strict=True))[::-1], title, len(parts), "parts"):
        results.append(_parse(part) if future.cancel() else future)  # what one of them has taken cannot be cancelled
    begun.clear()
    while results:
        result = results.pop()
        yield result.result() if isinstance(result, Future) else result


_of_thread = threading.local()  # holds the text of a part: to read into the same memory takes half the time


def _parse(part: Part) -> Objects:
    """The records of a part."""
    path, begin, end = part
    length = end - begin + 2
    if length > len(getattr(_of_thread, "text", b"")):
        _of_thread.text = bytearray(length)
    with path.open("rb") as file, memoryview(_of_thread.text) as whole, whole[:length] as records:
        file.seek(begin - 1)
        if file.readinto(records) < length:
            raise NotCut  # it has become shorter
        # What is before and behind the records, a comma mostly, becomes their brackets.
        records[0], records[-1] = b"[]"
        return Objects.of(msgspec.json.decode(records, type=list[Annotation]))
