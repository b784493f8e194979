"""Input that somebody has made to do harm, see `tests.fuzz`."""

from collections import Counter
from collections.abc import Iterator

from tests.fuzz.run import run
from tests.fuzz.targets import TARGETS


def rows(tries: int) -> Iterator[tuple[str, Counter[str]]]:
    """Yield each kind of input, and how often it came to each outcome; harmless is what was read, in part perhaps."""
    for name in TARGETS:
        found = run(name, tries).counts
        counts = {"clear": found["own error"], "harmless": found["clean"], "traceback": found["failure"]}
        yield f"hostile: {name}", Counter(counts)
