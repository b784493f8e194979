"""Find the blocks of code in README, documentation and docstrings, and the commands in them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
PAGES += sorted(page for folder in ("guide", "extend", "reference") for page in (ROOT / "docs" / folder).glob("*.md"))

BLOCK = re.compile(
    r"(?:<!-- (?P<mark>not run|parsed only): (?P<reason>[^>]+?) -->\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
SEPARATORS = {"|", "||", "&&", ";", "&"}


@dataclass(frozen=True)
class Block:
    """One block of code of a page."""

    page: Path
    line: int
    language: str
    code: str
    mark: str  # "", "parsed only" or "not run"
    reason: str

    def __str__(self) -> str:
        """Return where it stands, as a test's name."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a Markdown page in its order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page,
            text.count("\n", 0, found.start("code")),
            found["language"],
            found["code"],
            found["mark"] or "",
            found["reason"] or "",
        )
        for found in BLOCK.finditer(text)
    ]


def all_blocks(*languages: str) -> list[Block]:
    """Return the blocks of all pages in one of these languages."""
    return [block for page in PAGES for block in blocks(page) if block.language in languages]


def shell_text(block: Block) -> str:
    """Return a block as a script: of a console block, only what follows the prompt and its continuation lines."""
    if block.language != "console":
        return block.code
    lines, continued = [], False
    for line in block.code.splitlines():
        if line.startswith("$ ") or continued:
            lines.append(line.removeprefix("$ "))
            continued = line.endswith("\\")
    return "\n".join(lines) + "\n"


def commands(script: str) -> list[list[str]]:
    """Return the simple commands of a script as lists of words; pipes and lists are taken apart."""
    found: list[list[str]] = []
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
        lexer.whitespace_split = True
        current: list[str] = []
        for word in lexer:
            if word in SEPARATORS:
                found.append(current)
                current = []
            else:
                current.append(word)
        found.append(current)
    return [words for words in found if words]
