"""Every example of README, documentation and docstrings works as it stands there."""

import copy
import doctest
import importlib
import inspect
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement
from typer.main import get_command

from contextual_anomaly.cli import COMMANDS, application
from contextual_anomaly.config import read_config
from contextual_anomaly.models import registry
from tests.processes import unmeasured

from .snippets import PAGES, ROOT, all_blocks, blocks, commands, shell_text

pytestmark = pytest.mark.slow

SHELL = all_blocks("bash", "console")
APPLICATION = get_command(application(COMMANDS))
# Words of the shell that set something up or feed a pipe; there is nothing of ours in them to check.
PLAIN = {"source", "export", "printf", "cd"}


def test_every_block_says_what_it_is_and_marks_give_a_reason():
    every = [block for page in PAGES for block in blocks(page)]
    fences = sum(len(re.findall(r"^```\w", page.read_text(encoding="utf-8"), re.MULTILINE)) for page in PAGES)
    assert fences == len(every)
    assert {block.language for block in every} <= {"python", "bash", "console", "yaml", "text", "toml"}
    assert all(block.reason for block in every if block.mark)
    assert sum(block.mark == "not run" for block in every) <= 5


@pytest.mark.workflow
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(block.language == "python" for block in blocks(page))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_python_blocks_run_one_after_the_other(page, run_folder, environment):
    code = "\n".join(block.code for block in blocks(page) if block.language == "python" and not block.mark)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=run_folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_shell_blocks_are_valid(block):
    """Each command line of ours is parsed by the program itself; what cannot be checked is marked."""
    script = shell_text(block)
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    if block.mark == "not run":
        return
    for words in commands(script):
        check_command(words)


def check_command(words: list[str]) -> None:
    """Check a command line without running it; Snakemake's are planned by another test."""
    program, *arguments = words
    if program == "contextual-anomaly":
        parse(arguments)
    elif program == "make":
        targets = [word for word in arguments if "=" not in word]
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets), words
    elif program == "pip":
        assert arguments[0] == "install"
        assert [Requirement(word) for word in arguments[1:]]
    elif program == "pytest":
        assert all((ROOT / word).exists() for word in arguments if not word.startswith("-")), words
    elif program == "python":
        assert (ROOT / arguments[0]).is_file(), words
    else:
        assert program in PLAIN | {"snakemake"}, f"{words}: mark the block, or check it here"


def parse(arguments: list[str]) -> None:
    """Parse a command line of `contextual-anomaly` as the program does, without running it."""
    name, *options = arguments
    if name in ("--help", "--version"):
        return
    APPLICATION.commands[name].make_context(name, options)


def planned() -> list:
    """Return the command lines of Snakemake in all pages, each once."""
    found = {}
    for block in SHELL:
        if block.mark != "not run":
            for words in commands(shell_text(block)):
                if words[0] == "snakemake":
                    found.setdefault(tuple(words[1:]), block)
    return [pytest.param([*words], b, id=f"{b}: {shlex.join(words)[:60]}") for words, b in found.items()]


@pytest.mark.workflow
@pytest.mark.parametrize(("arguments", "block"), planned())
def test_snakemake_plans_what_the_page_says(arguments, block, checkout, environment):
    if "cluster-generic" in arguments or "kubernetes" in arguments:
        pytest.skip("the plugin of this executor is not a dependency of the project")
    if "--report" in arguments:
        arguments = []  # needs a finished run
    if "--configfile" in arguments:
        # A target behind --configfile would be read as one more configuration file.
        given = list(next(iter(re.findall(r"--configfile((?: [^-]\S*)+)", shlex.join(arguments))), "").split())
        assert all(name.endswith((".yaml", ".yml")) for name in given), given
    if block.mark == "parsed only":
        return
    cache = checkout.parent / "cache"
    cache.mkdir(exist_ok=True)
    done = subprocess.run(
        ["snakemake", *arguments, "--dry-run"],
        cwd=checkout,
        env=unmeasured(environment) | {"SNAKEMAKE_OUTPUT_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


CHEAP = {"contextual-anomaly", "printf", "source"}


@pytest.mark.workflow
@pytest.mark.parametrize(
    "block",
    [
        b
        for b in SHELL
        if not b.mark and "contextual-anomaly" in b.code and {w[0] for w in commands(shell_text(b))} <= CHEAP
    ],
    ids=str,
)
def test_cheap_commands_run(block, run_folder, environment):
    script = re.sub(r"^source .*\n", "", shell_text(block), flags=re.MULTILINE)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=run_folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", [block for block in all_blocks("yaml") if not block.mark], ids=str)
def test_yaml_blocks_are_settings(block, tmp_path):
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    merge(values, yaml.safe_load(block.code))
    if values["dataset"]["kind"] == "own":
        for name in filter(values["dataset"].get, ("train_annotations", "val_annotations")):
            path = tmp_path / values["dataset"][name]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
        values["dataset"]["local_copy"] = str(tmp_path)
    read_config(values)


@pytest.mark.parametrize("block", all_blocks("toml"), ids=str)
def test_toml_blocks_are_valid(block):
    points = tomllib.loads(block.code)["project"]["entry-points"]
    assert list(points) == [registry.ENTRY_POINTS]


def merge(into: dict, other: dict) -> None:
    """Merge nested mappings as Snakemake merges configuration files."""
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = copy.deepcopy(value)


@pytest.mark.parametrize("name", list(APPLICATION.commands))
def test_the_example_in_a_commands_help_is_parsed(name):
    text = " ".join(inspect.cleandoc(APPLICATION.commands[name].help or "").split())
    examples = re.findall(r"(?:^|[^`])`(contextual-anomaly [^`]+)`", text)
    examples += re.findall(r"Example: (contextual-anomaly [^`]+)$", text)
    assert examples, f"{name} has no example"
    for example in examples:
        for words in commands(example):
            if words[0] == "contextual-anomaly":
                parse(words[1:])


def documented_modules() -> list[str]:
    """The modules of the package whose docstrings hold an example with a prompt."""
    source = ROOT / "src"
    return [
        ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted(source.rglob("*.py"))
        if ">>>" in path.read_text(encoding="utf-8")
    ]


@pytest.mark.workflow
@pytest.mark.parametrize("name", [*documented_modules(), "contextual_anomaly"])
def test_docstring_examples_give_what_they_show(name, run_folder, monkeypatch):
    """Paths in examples are those of a run, such as results/models/ensemble.safetensors."""
    monkeypatch.chdir(run_folder)
    failed, _ = doctest.testmod(
        importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    )
    assert failed == 0


def test_the_family_of_the_documentation_is_what_it_says():
    """The family written on the page gives the share of images, smoothed, in closed form; and reads back from its state."""
    page = ROOT / "docs" / "extend" / "family.md"
    namespace: dict = {"__name__": "family_of_the_documentation"}
    exec(next(block.code for block in blocks(page) if block.language == "python"), namespace)
    from contextual_anomaly.models.data import TrainingData
    from contextual_anomaly.scenes import Scenes

    counts = np.array([[1, 0], [2, 1], [0, 1], [1, 0], [3, 0], [0, 2]], np.uint16)
    data = TrainingData(Scenes(np.arange(6), counts, ("cup", "fork"), (1, 2), "made up"))
    settings = namespace["Settings"](family="share", prior=2.0)
    model = namespace["fit"](data, "share", settings, 1).model
    # Images 0 and 5 are held out; of images 1 to 4, three hold a cup and two a fork.
    expected = np.array([(3 + 2) / (4 + 4), (2 + 2) / (4 + 4)])
    answer = model.predict_proba(np.zeros((3, 2), np.float32))
    np.testing.assert_allclose(answer[0], np.tile(expected, (3, 1)), rtol=1e-6)
    again = namespace["load"]({"name": "share", "classes": '["cup", "fork"]'}, model.state()[1])
    np.testing.assert_array_equal(again.predict_proba(np.zeros((3, 2), np.float32)), answer)


def test_pages_are_found():
    assert Path(ROOT / "README.md") in PAGES
    assert len(SHELL) > 10
