"""What every rule says of itself, and that the profiles and recipes name what is there."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
RULES = {
    name: body
    for path in sorted((ROOT / "rules").glob("*.smk"))
    for name, body in re.findall(r"^ *rule (\w+):\n(.*?)(?=^ {0,4}(?:rule|if|def) |\Z)", path.read_text(), re.M | re.S)
    if "shell:" in body
}
PROFILES = sorted((ROOT / "profiles").glob("*/profile.yaml"))


@pytest.mark.parametrize("name", RULES)
def test_a_rule_says_what_it_needs(name):
    body = RULES[name]
    assert re.match(r' *""".+\."""\n', body)
    for directive in ("output", "log", "conda", "threads", "resources", "shell"):
        assert f"{directive}:\n" in body or f"{directive}: " in body
    # A job that was killed for want of memory or time gets more of it.
    for resource in ("mem_mb", "runtime"):
        assert re.search(rf"{resource}=growing\(\d+\)", body)


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_a_profile_names_rules_that_are_there(path):
    profile = yaml.safe_load(path.read_text())
    grouped = dict(entry.split("=") for entry in profile.get("groups", []))
    assert set(grouped) | set(profile.get("set-resources", {})) <= set(RULES)
    assert {entry.split("=")[0] for entry in profile.get("group-components", [])} <= set(grouped.values())
    # A group is one job, and a job has one partition.
    assert not {"fit", "detect"} & set(grouped)


def test_a_container_gets_files_that_are_there():
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text(), re.M)
    copied += re.findall(r"^ +(\S+) /opt/\S+/$", (ROOT / "apptainer.def").read_text(), re.M)
    names = [name for line in copied for name in line.split()]
    assert len(names) > 15
    assert all((ROOT / name).exists() for name in names)


def test_containers_have_the_python_of_the_environments():
    images = [re.search(r"^F(?:ROM|rom:) python:(\S+)-slim", (ROOT / name).read_text(), re.M)[1]
              for name in ("Dockerfile", "apptainer.def")]  # fmt: skip
    wanted = {yaml.safe_load(path.read_text())["dependencies"][0] for path in (ROOT / "envs").glob("*.yaml")}
    assert wanted == {f"python={version}" for version in images}
