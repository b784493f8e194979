"""The conda environments give the versions of the lock file, and hold what their rules' commands import."""

import re
import sys
from importlib.metadata import packages_distributions, requires
from modulefinder import ModuleFinder
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from contextual_anomaly.workflow.source_digest import _reached
from tests.rules import all_rules

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src/contextual_anomaly"
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


@pytest.fixture(scope="module")
def commands():
    """The environment of each command, by the rules."""
    found = {
        (Path(rule.conda_env).stem, re.match(r"contextual-anomaly --usage \S+ (\S+)", rule.shellcmd)[1])
        for rule in all_rules().values()
        if rule.shellcmd
    }
    assert len(found) > 20
    return found


def imported(*names: str) -> tuple[set[str], set[str]]:
    """Modules of this package, and top-level names of all others, that these modules import, by their byte code."""
    finder = ModuleFinder(path=[str(ROOT / "src")])
    for name in names:
        finder.import_hook(name)
    own = {name for name in finder.modules if name.partition(".")[0] == "contextual_anomaly"}
    return own, {name.partition(".")[0] for name in finder.badmodules} - sys.stdlib_module_names


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


def test_an_environment_has_what_its_commands_import(commands):
    of = packages_distributions()
    families = [
        f"contextual_anomaly.models.families.{path.stem}" for path in (PACKAGE / "models/families").glob("[!_]*.py")
    ]
    for env, command in commands:
        modules = [f"contextual_anomaly.commands.{command.replace('-', '_')}"]
        own, others = imported(*modules)
        if "contextual_anomaly.models.registry" in own:  # which loads families by name
            own, others = imported(*modules, *families)
        wanted = {min(of[name]).lower() for name in others if name in of}
        assert "typer" in wanted
        if env in ("experiments", "report", "watch"):
            wanted -= {"flax", "jax", "optax"}  # families learn with them, and predict without
        pip = yaml.safe_load((ROOT / f"envs/{env}.yaml").read_text())["dependencies"][-1]["pip"]
        lacking = wanted - provided({requirement.split("==")[0] for requirement in pip})
        assert not lacking, f"{env} lacks {lacking} for {command}"


def test_the_digest_of_a_command_covers_what_its_byte_code_imports(commands):
    """Packages' own `__init__.py` are left out: importing a module runs them, but nothing asks them for anything."""
    for _, command in commands:
        name = f"contextual_anomaly.commands.{command.replace('-', '_')}"
        own, _ = imported(name)
        modules = {module for module in own if (ROOT / "src" / Path(*module.split("."))).with_suffix(".py").is_file()}
        assert modules <= _reached((name,)), command
