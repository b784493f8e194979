"""The digest follows imports wherever they stand, and nothing else."""

import textwrap

import pytest

from contextual_anomaly.workflow import source_digest as module


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in place of ours."""
    files = {
        "__init__.py": "",
        "errors.py": "",
        "unused.py": "",
        "commands/__init__.py": "",
        "commands/draw.py": """
            def draw():
                from contextual_anomaly.world import shapes
        """,
        "world/__init__.py": "",
        "world/shapes.py": "from contextual_anomaly.errors import UserError\nimport numpy",
        "world/colours.csv": "red",
        "models/__init__.py": "",
        "models/oracle.py": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
    monkeypatch.setattr(module, "ROOT", tmp_path)

    def digest(*names):
        module._imports.cache_clear()
        return module.source_digest(*names)

    yield tmp_path, digest
    module._imports.cache_clear()


@pytest.mark.parametrize("name", ["commands/draw.py", "world/shapes.py", "errors.py", "world/colours.csv"])
def test_what_is_used_changes_it(package, name):
    root, digest = package
    before = digest("draw")
    with (root / name).open("a") as file:
        file.write("\n# edited")
    assert digest("draw") != before


@pytest.mark.parametrize("name", ["unused.py", "models/oracle.py", "models/__init__.py"])
def test_what_is_not_used_does_not(package, name):
    root, digest = package
    before = digest("draw")
    with (root / name).open("a") as file:
        file.write("\n# edited")
    assert digest("draw") == before


def test_a_module_loaded_by_name_is_given(package):
    root, digest = package
    oracle = "contextual_anomaly.models.oracle"
    before = digest("draw", oracle)
    assert before != digest("draw")
    (root / "models/oracle.py").write_text("edited = True")
    assert digest("draw", oracle) != before


def test_the_package_of_a_module_counts_where_it_holds_code(package):
    root, digest = package
    (root / "commands/draw.py").write_text("from contextual_anomaly.world.shapes import UserError")
    before = digest("draw")
    (root / "world/__init__.py").write_text('"""What there is."""\n')
    assert digest("draw") == before
    (root / "world/__init__.py").write_text("x = 1")
    assert digest("draw") != before


@pytest.fixture
def other_distribution(tmp_path_factory, monkeypatch):
    """The package of another distribution, which Python finds."""
    folder = tmp_path_factory.mktemp("other")
    there = folder / "other_families_of_models"
    there.mkdir()
    for name, text in {
        "__init__.py": "",
        "family.py": "from contextual_anomaly.models import oracle\nfrom .parts import x\nimport json, no_such_module",
        "parts.py": "x = 1",
        "unused.py": "",
    }.items():
        (there / name).write_text(text)
    monkeypatch.syspath_prepend(folder)
    return there


@pytest.mark.parametrize(
    ("name", "counts"), [("family.py", True), ("parts.py", True), ("__init__.py", True), ("unused.py", False)]
)
def test_a_module_of_another_distribution_is_followed_within_its_package(package, other_distribution, name, counts):
    _, digest = package
    before = digest("draw", "other_families_of_models.family")
    with (other_distribution / name).open("a") as file:
        file.write("\nedited = True")
    assert (digest("draw", "other_families_of_models.family") != before) == counts


def test_a_module_of_another_distribution_brings_what_it_imports_from_here(package, other_distribution):
    root, digest = package
    before = digest("draw", "other_families_of_models.family")
    (root / "models/oracle.py").write_text("edited = True")
    assert digest("draw", "other_families_of_models.family") != before
