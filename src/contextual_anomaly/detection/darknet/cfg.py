"""Read Darknet's cfg files: sections of `key=value` lines; messages name the line of a value."""

from dataclasses import dataclass
from pathlib import Path

from contextual_anomaly.detection.text_files import read_text
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import require_file

ALIASES = {"network": "net", "conv": "convolutional", "max": "maxpool"}
"""Other names that Darknet accepts for a section."""


LARGEST = 65_536
"""Filters, sizes and strides of no network are larger; numbers without a bound would ask for any memory."""


@dataclass(frozen=True)
class CfgSection:
    """One section of a cfg; values are read as Darknet reads them, but text in place of a number is an error."""

    path: Path
    kind: str
    line: int
    number: int  # of the layer, from 0 on as Darknet counts; -1 is [net]
    values: dict[str, tuple[str, int]]  # key -> text and line

    @property
    def where(self) -> str:
        """Name the section, for messages."""
        return f"{self.path}, line {self.line}, [{self.kind}]" + (f" (layer {self.number})" if self.number >= 0 else "")

    def error(self, message: str, key: str = "") -> UserError:
        """Return an error that names file, line and section."""
        if key not in self.values:
            return UserError(f"{self.where}: {message}")
        text, line = self.values[key]
        return UserError(f"{self.path}, line {line}, [{self.kind}]: {key}={text}: {message}")

    def text(self, key: str, default: str) -> str:
        """Return a word."""
        return self.values.get(key, (default, 0))[0]

    def integer(self, key: str, default: int, minimum: int = 0) -> int:
        """Return a whole number of at least ``minimum`` and at most `LARGEST`."""
        found = self._numbers(key, str(default), int, minimum, one=True)[0]
        if found > LARGEST:
            raise self.error(f"a whole number of at most {LARGEST:,} was expected.", key)
        return found

    def integers(self, key: str) -> list[int]:
        """Return whole numbers separated by commas; none if the key is absent."""
        return self._numbers(key, "", int, None)

    def number_of(self, key: str, default: float) -> float:
        """Return a number."""
        return self._numbers(key, str(default), float, None, one=True)[0]

    def numbers(self, key: str) -> list[float]:
        """Return numbers separated by commas; none if the key is absent."""
        return self._numbers(key, "", float, None)

    def _numbers(self, key: str, default: str, kind: type, minimum: int | None, one: bool = False) -> list:
        """Return the numbers of a key, checked."""
        parts = [part for part in self.text(key, default).split(",") if part.strip()]
        wanted = "a whole number" if kind is int else "a number"
        try:
            found = [kind(part) for part in parts]
        except ValueError:
            raise self.error(f"{wanted} was expected.", key) from None
        if one and len(found) != 1:
            raise self.error(f"{wanted} was expected, there are {len(found)}.", key)
        if minimum is not None and any(value < minimum for value in found):
            raise self.error(f"{wanted} of at least {minimum} was expected.", key)
        return found


def read_cfg(path: str | Path) -> tuple[CfgSection, list[CfgSection]]:
    """Read a cfg.

    Returns:
        The section [net], and the layers in order.

    Raises:
        UserError: The file is missing, is not text, or is no Darknet cfg; the message names the line.
    """
    path = require_file(path, "a Darknet cfg")
    content = read_text(path)
    if content is None:
        raise UserError(f"{path}: not a text file; a Darknet cfg was expected.")
    sections: list[CfgSection] = []
    for line, text in enumerate(content.splitlines(), 1):
        text = text.split("#")[0].strip()
        if not text or text.startswith(";"):
            continue
        if text.startswith("["):
            if not text.endswith("]"):
                raise UserError(f"{path}, line {line}: {text!r} is no [section].")
            kind = text[1:-1].strip()
            sections.append(CfgSection(path, ALIASES.get(kind, kind), line, len(sections) - 1, {}))
            continue
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not key:
            raise UserError(f"{path}, line {line}: {text!r} is neither a [section] nor key=value.")
        if not sections:
            raise UserError(f"{path}, line {line}: {text!r} stands before the first [section]; [net] was expected.")
        sections[-1].values.setdefault(key, (value, line))  # Darknet takes the first of a key given twice
    if not sections or sections[0].kind != "net":
        raise UserError(f"{path}: a Darknet cfg was expected, one that begins with [net].")
    return sections[0], sections[1:]
