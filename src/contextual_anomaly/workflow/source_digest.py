"""A digest of the source that a command runs, so that the workflow reruns what an edit touches and no more."""

import ast
from functools import cache
from hashlib import sha256
from importlib.util import find_spec, resolve_name
from pathlib import Path

PACKAGE = "contextual_anomaly"
ROOT = Path(__file__).resolve().parents[1]
# Data beside a module that it reads: figures, templates.
DATA_SUFFIXES = {".csv", ".html", ".css", ".json", ".txt"}


def source_digest(command: str, *also: str) -> str:
    """Return a digest of the module of a command, of all that it imports from this package, and of the data beside those.

    Args:
        command: a file name in `commands/`, without its suffix.
        also: modules that are imported by name at run time: "contextual_anomaly.models.families.oracle". Of a module of
            another distribution, what it imports from its own package and from this one counts as well, but no data.
    """
    digest = sha256()
    for name in sorted(_reached((f"{PACKAGE}.commands.{command}", *also))):
        path = _file_of(name)
        if not _is_within(name, PACKAGE):
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
            continue
        data = sorted(p for p in path.parent.rglob("*") if p.suffix in DATA_SUFFIXES) if path.parent != ROOT else []
        for file in (path, *data):
            digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _reached(start: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = [name for name in start if _file_of(name).is_file()]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting.extend(_imports(name))
    return found


@cache
def _imports(name: str) -> frozenset[str]:
    """Return the modules that a module imports anywhere in its text, at the top or inside a function.

    Those of this package and of the module's own count, and the package around it where that holds any code;
    `contextual_anomaly` itself only where it is imported by name, for it does nothing but find public names.
    """
    path = _file_of(name)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            # `from package import module` and `from module import name` look alike; what is no file drops out.
            names.add(module)
            names.update(f"{module}.{alias.name}" for alias in node.names)
    known = (PACKAGE, name.partition(".")[0])
    imported = {n for n in names if any(_is_within(n, top) for top in known) and _file_of(n).is_file()}
    parent = name.rpartition(".")[0]
    return frozenset(imported | ({parent} if parent not in ("", PACKAGE) and _has_code(parent) else set()))


def _has_code(package: str) -> bool:
    """Return whether the `__init__.py` of a package holds more than a docstring."""
    path = _file_of(package)
    body = ast.parse(path.read_text(encoding="utf-8")).body if path.is_file() else []
    return any(not isinstance(node, ast.Expr) for node in body)


def _is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _file_of(name: str) -> Path:
    """Return the source file of a module, one that does not exist where there is none; nothing is imported for it."""
    top, *parts = name.split(".")
    root = ROOT
    if top != PACKAGE:
        spec = find_spec(top)
        if spec is None or not spec.submodule_search_locations:
            return Path(spec.origin if spec and spec.origin and not parts else name)
        root = Path(next(iter(spec.submodule_search_locations)))
    path = root.joinpath(*parts)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
