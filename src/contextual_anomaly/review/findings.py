"""What a reviewer is shown: images, each with findings and with objects to compare them with."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from contextual_anomaly.runtime import safe_text

UNEXPECTED, MISSING = "unexpected", "missing"


@dataclass(frozen=True)
class Finding:
    """An object or a class of an image that a person should look at, or an object beside it.

    Attributes:
        kind: what is wrong, as "unexpected" or "missing"; "" for an object that nothing is said against.
        category: its class.
        box: x, y, width and height in pixels; None for the image as a whole.
        score: confidence of the detector or of the audit, 0 to 1; None where there is none.
        explanation: why, in words.
        attributes: what else is known; values are text or numbers.
        strength: 0 to 1, by which findings are put in order, the largest first.
        id: the same for the same finding of another run, see `FindingIds`; "" where nothing is said.
    """

    kind: str
    category: str
    box: tuple[float, float, float, float] | None = None
    score: float | None = None
    explanation: str = ""
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)
    strength: float = 0.0
    id: str = ""

    @property
    def text(self) -> str:
        """What a person reads: "unexpected: laptop -4.8, keyboard -4.2"."""
        return f"{self.kind}: {self.explanation}" if self.explanation else self.kind


@dataclass(frozen=True)
class ReviewedImage:
    """An image with all that is said of it.

    Attributes:
        name: of the image in the data set or in its folder.
        path: where the image is, as it was given; the name where that is not known.
        width: in pixels; None where it is not known.
        height: in pixels; None where it is not known.
        findings: flagged objects, missing classes, and the objects beside them.
        image_id: in the annotations; None where there is none.
    """

    name: str
    path: str
    width: int | None
    height: int | None
    findings: Sequence[Finding]
    image_id: int | str | None = None

    @property
    def strength(self) -> float:
        """That of its strongest finding."""
        return max((finding.strength for finding in self.findings if finding.kind), default=0.0)


class FindingIds:
    """Names of the findings of one image, by which verdicts find them again in another run.

    >>> FindingIds("a.jpg").next("unexpected", "surfboard", (10.0, 20.0, 30.0, 40.0))
    'eab8d521ce2b'
    """

    def __init__(self, path: str) -> None:
        """Begin with an image.

        Args:
            path: of the image.
        """
        self.path = path
        self._seen: Counter[tuple[str, str, str]] = Counter()

    def next(self, kind: str, category: str, box: Sequence[float] | None) -> str:
        """Return the name of the next finding: the same whatever its p-value; of equal ones each has its own.

        Args:
            kind: of the finding.
            category: its class.
            box: x, y, width and height in pixels.
        """
        place = "" if box is None else ",".join(f"{value:.0f}" for value in box)
        number = self._seen[kind, category, place]
        self._seen[kind, category, place] += 1
        text = f"{self.path}\n{kind}\n{category}\n{place}\n{number}"
        return sha256(text.encode(errors="replace")).hexdigest()[:12]


def printable(text: str) -> str:
    """Return text as XML, HTML and people can take it: escapes in place of control characters."""
    return safe_text.printable(text).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def categories_of(images: Sequence[ReviewedImage]) -> list[str]:
    """Return the classes of all findings, sorted."""
    return sorted({finding.category for image in images for finding in image.findings})
