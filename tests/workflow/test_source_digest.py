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
    before = digest("draw", "models.oracle")
    assert before != digest("draw")
    (root / "models/oracle.py").write_text("edited = True")
    assert digest("draw", "models.oracle") != before
