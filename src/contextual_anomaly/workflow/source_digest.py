"""A digest of the source that a command runs, so that the workflow reruns what an edit touches and no more."""

import ast
from functools import cache
from hashlib import sha256
from pathlib import Path

PACKAGE = "contextual_anomaly"
ROOT = Path(__file__).resolve().parents[1]
# Data beside a module that it reads: figures, templates.
DATA_SUFFIXES = {".csv", ".html", ".css", ".json", ".txt"}


def source_digest(command: str, *also: str) -> str:
    """Digest of the module of ``command``, of all that it imports from this package, and of the data beside those.

    Args:
        command: a file name in `commands/`, without its suffix.
        also: modules that are imported by name at run time, relative to the package: "models.oracle".
    """
    digest = sha256()
    for name in sorted(_reached((f"{PACKAGE}.commands.{command}", *(f"{PACKAGE}.{module}" for module in also)))):
        path = _file_of(name)
        data = sorted(p for p in path.parent.rglob("*") if p.suffix in DATA_SUFFIXES) if path.parent != ROOT else []
        for file in (path, *data):
            digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _reached(start: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting.extend(_imports(name))
    return found


@cache
def _imports(name: str) -> frozenset[str]:
    """Modules of this package that ``name`` imports anywhere in its text, at the top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(_file_of(name).read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from package import module` and `from module import name` look alike; what is no file drops out.
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(n for n in names if n.startswith(PACKAGE) and _file_of(n).is_file())


def _file_of(name: str) -> Path:
    path = ROOT.joinpath(*name.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
