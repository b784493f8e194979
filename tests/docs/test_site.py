"""The documentation builds without a warning, its links hold, and its generated pages are complete."""

import re
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

import contextual_anomaly
from contextual_anomaly.runtime import renamed

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


class Page(HTMLParser):
    """The anchors, the links, the code and the text of an HTML page."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors, self.links, self.text = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Collect what can be linked to and what is linked."""
        values = dict(attrs)
        if "id" in values:
            self.anchors.add(values["id"])
        self.links += [values[key] for key in ("href", "src") if values.get(key)]

    def handle_data(self, data):
        """Collect the text."""
        self.text.append(data)


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> dict[Path, Page]:
    """All pages of the site, built by the command of `make docs`."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(folder / "trees")]
    done = subprocess.run([*command, str(DOCS), str(folder / "html")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-6000:]
    return {path: Page(path.read_text(encoding="utf-8")) for path in (folder / "html").rglob("*.html")}


def test_every_internal_link_and_anchor_of_the_site_exists(site):
    broken = []
    for path, page in site.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                broken.append(f"{path.name}: {link}")
            elif parts.fragment and target in site and unquote(parts.fragment) not in site[target].anchors:
                broken.append(f"{path.name}: {link} has no such anchor")
    assert not broken
    assert len(site) > 20


def test_the_site_fetches_nothing_from_other_hosts(site):
    # A page may link to other sites; it must not load scripts, styles or pictures from them.
    for path, page in site.items():
        loaded = [
            link for link in page.links if urlsplit(link).netloc and re.search(r"\.(js|css|png|svg|woff2?)$", link)
        ]
        assert not loaded, path


def test_every_setting_is_on_the_page_with_its_meaning(site):
    text = (DOCS / "reference" / "generated" / "settings.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([\w.]+)` \|(.*)\|$", text, re.MULTILINE))

    def paths(section, prefix=""):
        for name, value in section.items():
            if isinstance(value, dict) and value:
                yield from paths(value, f"{prefix}{name}.")
            else:
                yield prefix + name

    settings = {
        re.sub(r"^models\.\w+", "models.NAME", re.sub(r"^(downloads\.files)\..*", r"\1", path))
        for path in paths(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))
    } - {"models.NAME.family"}
    listed = {name for name in rows if "." in name or name == "results"}
    assert settings <= listed
    # A setting beyond those of config.yaml is one that a family has and no default model names.
    assert all(name.startswith("models.NAME.") for name in listed - settings)
    for name in settings:
        meaning = rows[name].split("|")[-1].strip()
        assert not meaning.startswith("("), f"{name} has no meaning"


def test_defaults_and_bounds_on_the_page_are_those_of_the_configuration(site):
    text = (DOCS / "reference" / "generated" / "settings.md").read_text(encoding="utf-8")
    assert re.search(r"^\| `anomalies.unexpected_rate` \| `0.01` \| .* \(number ≥ 0, ≤ 1\) \|$", text, re.MULTILINE)
    assert re.search(r"^\| `dataset.kind` \| `synthetic` \| .* \(`synthetic`, `coco`, `own`\) \|$", text, re.MULTILINE)
    assert re.search(r"^\| `rescoring.folds` \| `5` \| .* \(integer ≥ 2\) \|$", text, re.MULTILINE)


def test_every_rule_and_every_command_has_its_text(site):
    rules = (DOCS / "reference" / "generated" / "rules.md").read_text(encoding="utf-8")
    for path in (ROOT / "rules").glob("*.smk"):
        for name in re.findall(r"^ *rule (\w+):", path.read_text(encoding="utf-8"), re.MULTILINE):
            row = re.search(rf"^\| `{name}` \| (.*) \|$", rules, re.MULTILINE)
            assert row, name
            assert len(row[1]) > 10, name
    commands = (DOCS / "reference" / "generated" / "commands.md").read_text(encoding="utf-8")
    for module in (ROOT / "src" / "contextual_anomaly" / "commands").glob("*.py"):
        if not module.stem.startswith("_"):
            assert re.search(rf"^##+ {module.stem.replace('_', '-')}$", commands, re.MULTILINE), module.stem


def test_every_public_name_is_on_the_api_page(site):
    text = (DOCS / "reference" / "generated" / "api.md").read_text(encoding="utf-8")
    names = [name for name in getattr(contextual_anomaly, "__all__", []) if not name.startswith("__")]
    assert [name for name in names if f"### {name}\n" not in text] == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_the_links_of_files_outside_the_site_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }
    links = [urlsplit(link) for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [link for link in links if not link.scheme]
    assert [link.path for link in local if link.path and not (ROOT / link.path).exists()] == []
    assert [link.fragment for link in local if not link.path and link.fragment not in headings] == []


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_version_has_one_source():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    source = (ROOT / project["tool"]["hatch"]["version"]["path"]).read_text(encoding="utf-8")
    declared = re.findall(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert declared == [contextual_anomaly.__version__] == [str(citation["version"])]


def test_the_readmes_table_is_that_of_the_results_page():
    readme, results = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/results.md"))
    rows = re.findall(r"^\| ([^|]+) \| (\**0\.\d+.*) \|$", readme, re.MULTILINE)
    assert len(rows) == 7
    lines = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", results).splitlines()  # names without their links
    for model, cells in rows:
        found = next(line for line in lines if line.startswith(f"| {model.split(' of three')[0]}"))
        columns = [cell.strip() for cell in found.strip("|").split("|")][1:]
        # first when injected, AUROC, first when removed, MRR
        assert [cell.strip() for cell in cells.split("|")] == [columns[0], columns[1], columns[4], columns[6]]


def test_the_changelog_lists_every_old_name_of_settings_and_commands():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    rows = {
        (old.split(" ")[0].strip("`"), new.split(" ")[0].strip("`"))
        for old, new in re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    }
    names = {**renamed.COMMANDS, **renamed.SETTINGS}
    assert {(old.replace("*", "NAME"), new.replace("*", "NAME")) for old, new in names.items()} <= rows
    for setting, values in renamed.VALUES.items():
        for old, new in values.items():
            assert f"| `{setting}: {old}` | `{setting}: {new}` |" in text


def test_spelling():
    done = subprocess.run(
        [sys.executable, "-m", "codespell_lib"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_issue_templates_are_forms():
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yaml"):
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert {"name", "description", "body"} <= form.keys(), path
