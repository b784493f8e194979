"""The conda environments give the versions of the lock file."""

import re
from pathlib import Path

import pytest
import yaml

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
