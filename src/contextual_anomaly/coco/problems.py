"""What a reader noticed in an annotation file: each kind once, with its number and its first record."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import write_rows
from contextual_anomaly.runtime.safe_text import short_repr

logger = logging.getLogger(__name__)

COLUMNS = ("split", "kind", "count", "first_record", "found", "action")
LONGEST = 120  # characters of what was found

NO_GEOMETRY = "the object counts for its class and has no geometry"
LEFT_OUT = "left out"


@dataclass
class Problem:
    """One kind of deviation."""

    kind: str  # a short name that does not change
    count: int
    first_record: str  # for example: annotations record 3 (id 7)
    found: str
    action: str  # what was done, or for a refusal what would be accepted
    plain: bool  # the meaning is certain, nothing is lost: strict reading takes it as well


@dataclass
class ReadingReport:
    """All kinds of a file, in the order in which they were noticed."""

    name: str  # of the file, as its owner knows it
    problems: dict[str, Problem] = field(default_factory=dict)
    refusals: dict[str, Problem] = field(default_factory=dict)

    def note(self, kind: str, record: str, found: object, action: str, count: int = 1) -> None:
        """Count a value that is written in another way than COCO's and whose meaning is plain."""
        self._count(self.problems, kind, record, found, action, count, plain=True)

    def add(self, kind: str, record: str, found: object, action: str, count: int = 1) -> None:
        """Count a record that is wrong, and that is read in part or left out."""
        self._count(self.problems, kind, record, found, action, count, plain=False)

    def refuse(self, kind: str, record: str, found: object, accepted: str, count: int = 1) -> None:
        """Count what makes the file unusable; `check` raises it."""
        self._count(self.refusals, kind, record, found, accepted, count, plain=False)

    def _count(
        self, kinds: dict[str, Problem], kind: str, record: str, found: object, action: str, count: int, plain: bool
    ) -> None:
        if kind in kinds:
            kinds[kind].count += count
            return
        text = found if isinstance(found, str) else short_repr(found)
        text = text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
        kinds[kind] = Problem(kind, count, record, text, action, plain)

    def check(self, strict: bool = False) -> None:
        """Raise what makes the file unusable, all of it at once.

        Args:
            strict: also what would be left out or read in part.

        Raises:
            UserError: naming every kind with its count and first record.
        """
        refused = list(self.refusals.values())
        if strict:
            refused += [problem for problem in self.problems.values() if not problem.plain]
        elif refused:
            refused += list(self.problems.values())
        if refused:
            what = "not read, because reading is strict" if strict and not self.refusals else "cannot be used"
            raise UserError(f"{self.name}: {what}:" + "".join(f"\n  {_line(problem)}" for problem in refused))

    def log(self) -> None:
        """Log one line a kind."""
        for problem in self.problems.values():
            logger.info(f"{self.name}: {_line(problem)}")

    def write(self, path: str | Path, split: str) -> None:
        """Write the kinds as CSV of `COLUMNS`; a file without problems gives the header alone."""
        rows = [(split, p.kind, p.count, p.first_record, p.found, p.action) for p in self.problems.values()]
        write_rows([dict(zip(COLUMNS, row, strict=True)) for row in rows], COLUMNS, path)


def _line(problem: Problem) -> str:
    first = f", first {problem.first_record}" if problem.count > 1 else f" at {problem.first_record}"
    first = first if problem.first_record else ""
    return f"{problem.kind} ({problem.count:,}{first}): {problem.found}: {problem.action}"
