"""What `import contextual_anomaly` gives to a person: names, cost, version, and families from outside."""

import ast
import doctest
import inspect
import re
import subprocess
import sys
import textwrap
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import yaml

import contextual_anomaly as ca

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
FUNCTIONS = [name for name in ca.__all__ if inspect.isfunction(getattr(ca, name))]


def run(code: str, **options) -> str:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_import_is_light():
    heavy = ("numpy", "jax", "pandas", "matplotlib", "snakemake", "sklearn", "pyarrow")
    code = f"import contextual_anomaly, sys; print([name for name in {heavy} if name in sys.modules])"
    assert run(code).strip() == "[]"


def test_prediction_needs_neither_jax_nor_pandas():
    heavy = ("jax", "pandas", "matplotlib", "snakemake", "sklearn")
    code = f"import contextual_anomaly as ca, sys; ca.Predictor; print([n for n in {heavy} if n in sys.modules])"
    assert run(code).strip() == "[]"


def test_every_public_name_is_there_and_documented():
    assert sorted(ca.__all__) == ca.__all__
    assert set(ca.__all__) <= set(dir(ca))
    for name in ca.__all__:
        value = getattr(ca, name)
        assert name == "__version__" or inspect.getdoc(value), name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        ca.nonsense  # noqa: B018
    assert (ROOT / "src/contextual_anomaly/py.typed").is_file()


@pytest.mark.parametrize("name", [*FUNCTIONS, "ContextAnomalyDetector", "Predictor"])
def test_each_public_function_has_an_example_that_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value = getattr(ca, name)
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner(optionflags=EXAMPLES)
    (example,) = finder.find(value, name, globs={})
    assert example.examples, f"{name} has no example"
    assert runner.run(example).failed == 0


def test_the_version_has_one_source():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert ca.__version__ == citation["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", ca.__version__)
    assert version("contextual-anomaly") == ca.__version__
    assert f'version = "{ca.__version__}"' not in (ROOT / "pyproject.toml").read_text()


@pytest.fixture
def outside(tmp_path):
    """An installed distribution with a family of its own: the class frequencies, turned around."""
    (tmp_path / "upside_down.py").write_text(
        textwrap.dedent(
            """
            import json
            from typing import Literal

            from contextual_anomaly.models.data import Fitted, log_odds_of_share
            from contextual_anomaly.models.families.frequency import Frequency
            from contextual_anomaly.models.settings import Positive, Section


            class Settings(Section):
                family: Literal["upside_down"]
                strength: Positive = 1.0


            class UpsideDown(Frequency):
                family = "upside_down"


            def fit(data, name, settings, threads):
                return Fitted(UpsideDown(name, data.classes, -settings.strength * log_odds_of_share(data.presence)))


            def load(metadata, tensors):
                return UpsideDown(metadata["name"], tuple(json.loads(metadata["classes"])), tensors["bias"])
            """
        )
    )
    info = tmp_path / "upside_down-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: upside-down\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[contextual_anomaly.families]\nupside_down = upside_down\n")
    return tmp_path


def test_a_family_of_another_distribution_is_fitted_saved_loaded_and_configured(outside):
    code = """
        import sys
        sys.path.insert(0, ".")
        import numpy as np
        import contextual_anomaly as ca
        from contextual_anomaly.config import Configuration, read_config
        from contextual_anomaly.models import registry

        X = np.repeat([[1, 0], [1, 1]], 50, axis=0)
        detector = ca.ContextAnomalyDetector("upside_down", {"strength": 2.0}).fit(X)
        ca.save_model(detector.model_, "model.safetensors")
        model = ca.load_model("model.safetensors")
        assert type(model).__module__ == "upside_down"
        assert model.predict_proba(np.zeros((1, 2)))[0, 0, 0] < 0.01
        models = Configuration().model_dump(mode="json")["models"]
        settings = read_config({"models": {**models, "mine": {"family": "upside_down", "strength": 3.0}}})
        assert settings.models["mine"].strength == 3.0
        assert registry.external_families()["upside_down"].dist.version == "1.0"
        print("done")
    """
    assert run(code, cwd=outside).strip() == "done"


def test_the_shapes_of_arrays_are_checked_in_tests():
    from contextual_anomaly.models.families.frequency import Frequency

    model = Frequency("f", ("a", "b"), np.zeros(2))
    assert model.predict_proba(np.zeros((3, 2))).shape == (1, 3, 2)
    with pytest.raises(Exception, match="type"):
        model.predict_proba(np.zeros(2))


def test_the_stub_names_what_is_there():
    """What type checkers read is what a person gets."""
    stub = ast.parse((ROOT / "src/contextual_anomaly/__init__.pyi").read_text())
    found = {}
    for node in ast.walk(stub):
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
    assert sorted([*found, "__version__"]) == ca.__all__
    for name, (module, there) in found.items():
        assert getattr(ca, name) is getattr(import_module(module), there)
