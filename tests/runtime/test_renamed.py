"""Names of before version 0.2 lead to an error that gives the new one."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from contextual_anomaly.config import read_config
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.renamed import COMMANDS, SETTINGS, renamed_settings

DEFAULT = yaml.safe_load((Path(__file__).resolve().parents[2] / "config.yaml").read_text())


@pytest.mark.parametrize(
    ("old", "said"),
    [
        ("world: {drawn_images: 5}", "the setting world.drawn_images is now called world.rendered_images"),
        ("models: {mine: {family: masked, layout: true}}", "models.mine.layout is now called models.mine.geometry"),
        ("models: {masked_layout: {units: 8}}", "models.masked_layout is now called models.masked_geometry"),
        ("dataset: {kind: embedded}", "the value 'embedded' of dataset.kind is now called 'synthetic'"),
        ("audit: {least_score: 0.7}", "audit.least_score is now called audit.min_score"),
    ],
)
def test_an_old_setting_names_the_new_one(old, said):
    with pytest.raises(UserError) as error:
        read_config(yaml.safe_load(old))
    assert said in str(error.value)
    assert "there is no setting" not in str(error.value)


def test_all_old_settings_are_named_at_once():
    old = {"audit": {"planted": 0.1, "listed": 5}, "experiments": {"bootstrap": 10}}
    assert len(renamed_settings(old)) == 3


def test_the_new_names_exist_and_the_old_ones_do_not():
    """config.yaml lists every setting with its default."""
    for old, new in SETTINGS.items():
        for path, there in ((old, False), (new, True)):
            section, *rest = path.split(".")
            candidates = [DEFAULT[section]]
            for key in rest:
                candidates = [c for c in candidates if isinstance(c, dict)]
                candidates = [v for c in candidates for k, v in c.items() if key in ("*", k)]
            assert bool(candidates) is there, path


def test_the_changelog_lists_the_same_names():
    text = (Path(__file__).resolve().parents[2] / "CHANGELOG.md").read_text()
    rows = re.findall(r"^\| `([\w.-]+)`[^|]*\| `([\w.-]+)` \|$", text.partition("**Options of")[0], re.MULTILINE)
    ours = {old.replace("*", "NAME"): new.replace("*", "NAME") for old, new in {**SETTINGS, **COMMANDS}.items()}
    assert dict(rows) == ours


def test_settings_that_are_no_sections_are_left_to_the_configuration():
    assert renamed_settings({"models": None, "dataset": 3, "audit": ["planted"], "world": "x"}) == []


@pytest.mark.parametrize(("old", "new"), [(old, new) for old, new in COMMANDS.items() if old != "ask"])
def test_an_old_command_names_the_new_one(old, new):
    done = subprocess.run(["contextual-anomaly", old], text=True, capture_output=True)
    assert done.returncode == 2
    assert done.stderr == f"error: the command {old} is now called {new}.\n"
