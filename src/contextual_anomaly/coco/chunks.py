"""A COCO annotation file in parts: several processes parse it, and none of them holds much of it.

Where a record of `annotations` begins cannot be told from the bytes around it, for what is nested in a record may look
the same. So the cuts are guessed, and the parser proves them: JSON is read from left to right, so if a part that begins
between two records parses as a list of records, it ends between two records, and the next part begins there. Where a
guess fails, the file is read in one piece, which is right for all that is valid JSON.
"""

import mmap
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import msgspec

from contextual_anomaly.coco.records import Annotation, Instances, Objects
from contextual_anomaly.runtime.progress import track

T = TypeVar("T")
Part = tuple[Path, int, int]  # a file, its first byte and its last + 1

PART_BYTES = 8 << 20  # a part's records take some 10 MB in the process that parses it
GUESSES = 10_000  # at each cut: a record may hold many nested objects
FIRST_LOOK = 4096  # bytes; most records are shorter

BEGIN = re.compile(rb'"annotations"\s*:\s*\[\s*(?=\{)')
BETWEEN = re.compile(rb"\}\s*,\s*(?=\{)")

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
            first, cuts = _cut(text, start, part_bytes)
            parts = [(path, *cut) for cut in cuts]
            begun = [submit(_parse, part) for part in parts]
            done = meanwhile(_decode_marked(text, start, first, cuts[-1][1]))
            return done, Objects.joined(_finish(parts, begun, f"reading {path}"))
    except (msgspec.ValidationError, NotCut):
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Either the JSON is wrong, and the parser says where, or a guess was.
        with memoryview(text) as whole, whole[start:] as body:
            msgspec.json.decode(body, type=_Skipped)
        raise NotCut from None


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


def _cut(text: mmap.mmap, start: int, part_bytes: int) -> tuple[int, list[tuple[int, int]]]:
    """The first byte of the first record, and the first byte and the last + 1 of each part."""
    first = next((m.end() for m in islice(BEGIN.finditer(text, start), GUESSES) if _is_record(text, m.end())), None)
    if first is None:
        raise NotCut
    edges = []  # last byte + 1 of a part, first byte of the next
    place = first + part_bytes
    while place < len(text):
        guesses = islice(BETWEEN.finditer(text, place), GUESSES)
        found = next((m for m in guesses if _is_record(text, m.end())), None)
        if found:
            edges.append((found.start() + 1, found.end()))
            place = found.end()
        place += part_bytes
    begins = [first, *(begin for _, begin in edges)]
    ends = [*(end for end, _ in edges), _end_of_list(text, begins[-1])]
    return first, list(zip(begins, ends, strict=True))


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
    pool = ProcessPoolExecutor(processes, get_context("spawn"))
    for _ in range(processes):
        pool.submit(int)  # a process is started when it is given something to do
    try:
        yield pool.submit
    finally:
        pool.shutdown(cancel_futures=True)


def _finish(parts: list[Part], begun: list[Future], title: str) -> Iterator[Objects]:
    """Helps to parse, from the end while the others come from the front; gives the results in their order."""
    results = []
    for part, future in track(list(zip(parts, begun, strict=True))[::-1], title, len(parts), "parts"):
        results.append(_parse(part) if future.cancel() else future)  # what one of them has taken cannot be cancelled
    begun.clear()
    while results:
        result = results.pop()
        yield result.result() if isinstance(result, Future) else result


def _parse(part: Part) -> Objects:
    """The records of a part."""
    path, begin, end = part
    before = begin - 1 - (begin - 1) % mmap.ALLOCATIONGRANULARITY
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), end + 1 - before, access=mmap.ACCESS_COPY, offset=before) as text,
    ):
        # What is before and behind the records, a comma mostly, becomes their brackets, in this process only.
        text[begin - 1 - before], text[end - before] = b"[]"
        with memoryview(text) as whole, whole[begin - 1 - before :] as records:
            return Objects.of(msgspec.json.decode(records, type=list[Annotation]))
