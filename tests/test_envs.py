"""The conda environments give the versions of the lock file, and hold what their rules' commands import."""

import ast
import re
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from contextual_anomaly.workflow.source_digest import _imports, _reached

ROOT = Path(__file__).resolve().parents[1]
LOCKED = dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_versions_are_those_of_the_lock(path):
    pip = next(entry["pip"] for entry in yaml.safe_load(path.read_text())["dependencies"] if isinstance(entry, dict))
    assert pip
    for requirement in pip:
        name, version = requirement.split("==")
        assert LOCKED[name] == version


def test_the_lock_names_no_index():
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    assert "index" not in text


COMMANDS = sorted(
    {
        (env, command.replace("-", "_"))
        for path in (ROOT / "rules").glob("*.smk")
        for env, command in re.findall(
            r'conda:\s+"\.\./envs/(\w+)\.yaml".*?"contextual-anomaly (?:--usage \S+ )?([a-z-]+)',
            path.read_text(),
            re.DOTALL,
        )
    }
)


def imported(start: set[str]) -> set[str]:
    """Top-level names of all that modules of this package import, and what they import of it in turn."""
    names, waiting, seen = set(), set(start), set()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        path = ROOT / "src" / Path(*module.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module.partition(".")[0])
        waiting |= _imports(module) - seen
    return names - sys.stdlib_module_names - {"contextual_anomaly"}


def provided(requirements: set[str]) -> set[str]:
    """The requirements, and what they need in turn."""
    found, waiting = set(), set(requirements)
    while waiting:
        name = waiting.pop()
        found.add(name)
        needs = [Requirement(need) for need in requires(name) or []]
        waiting |= {
            need.name.lower() for need in needs if not need.marker or need.marker.evaluate({"extra": ""})
        } - found
    return found


@pytest.mark.parametrize(("env", "command"), COMMANDS)
def test_an_environment_has_what_its_commands_import(env, command):
    modules = {f"contextual_anomaly.commands.{command}"}
    if "contextual_anomaly.models.registry" in _reached(tuple(modules)):
        families = (ROOT / "src/contextual_anomaly/models/families").glob("[!_]*.py")
        modules |= {f"contextual_anomaly.models.families.{path.stem}" for path in families}
    of = packages_distributions()
    wanted = {min(of[name]).lower() for name in imported(modules)}
    if env in ("experiments", "report"):
        wanted -= {"flax", "jax", "optax"}  # families learn by them, and answer without
    pip = yaml.safe_load((ROOT / f"envs/{env}.yaml").read_text())["dependencies"][-1]["pip"]
    assert wanted <= provided({requirement.split("==")[0] for requirement in pip})
