"""What every rule says of itself, and that the profiles and recipes name what is there."""

import re
from pathlib import Path

import pytest
import yaml

from tests.rules import all_rules, parsed_rules

ROOT = Path(__file__).resolve().parents[1]
PROFILES = sorted((ROOT / "profiles").glob("*/profile.yaml"))


@pytest.fixture(scope="module")
def rules():
    """The rules that run a command; the others only name files."""
    found = all_rules()
    assert len(found) > 30
    return {name: rule for name, rule in found.items() if rule.shellcmd}


def test_every_rule_says_what_it_does_and_needs(rules):
    for name, rule in rules.items():
        assert re.match(r"[A-Z].+\.$", rule.docstring.strip(), re.DOTALL), name
        assert list(rule.output), name
        assert rule.conda_env, name
        cores = rule.resources["_cores"]
        assert cores.is_evaluable() or cores.value >= 1, name


def test_a_job_that_was_killed_for_want_of_memory_or_time_gets_more(rules):
    for name, rule in rules.items():
        for resource in ("mem_mb", "runtime"):
            first, second = (rule.resources[resource].evaluate(None, attempt=attempt).value for attempt in (1, 2))
            assert second == 2 * first > 0, (name, resource)


def test_every_command_leaves_its_log_and_its_usage(rules):
    for name, rule in rules.items():
        logs = dict(rule.log._allitems())
        assert set(logs) == {"text", "usage"}, name
        assert logs["text"].endswith(".log"), name
        assert logs["usage"] == logs["text"].removesuffix(".log") + ".usage.json", name
        assert "--usage {log.usage}" in rule.shellcmd, name
        assert re.search(r"(> \{log\.text\} 2>&1|2>&1 \| tee \{log\.text\})$", rule.shellcmd), name


def test_what_a_person_asks_for_is_a_target():
    targets = {name for name, rule in parsed_rules().items() if not rule.shellcmd and not rule.has_wildcards()}
    assert targets >= {
        "all",
        "prepare",
        "models",
        "anomalies",
        "detections",
        "experiment1",
        "experiment2",
        "audit",
        "pretrained",
        "report",
    }


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_a_profile_names_rules_that_are_there(path, rules):
    profile = yaml.safe_load(path.read_text())
    grouped = dict(entry.split("=") for entry in profile.get("groups", []))
    assert set(grouped) | set(profile.get("set-resources", {})) <= set(rules)
    assert {entry.split("=")[0] for entry in profile.get("group-components", [])} <= set(grouped.values())
    # A group is one job, and a job has one partition.
    assert not {"fit", "detect"} & set(grouped)
    assert profile["logger"] == "contextual-anomaly"


def test_a_container_gets_files_that_are_there():
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text(), re.M)
    copied += re.findall(r"^ +(\S+) /opt/\S+/$", (ROOT / "apptainer.def").read_text(), re.M)
    names = [name for line in copied for name in line.split()]
    assert len(names) > 15
    assert all((ROOT / name).exists() for name in names)


def test_containers_have_the_python_of_the_environments():
    images = [re.search(r"^(?:ARG BASE=|From: )python:(\S+?)-slim", (ROOT / name).read_text(), re.M)[1]
              for name in ("Dockerfile", "apptainer.def")]  # fmt: skip
    wanted = {yaml.safe_load(path.read_text())["dependencies"][0] for path in (ROOT / "envs").glob("*.yaml")}
    assert wanted == {f"python={version}" for version in images}
