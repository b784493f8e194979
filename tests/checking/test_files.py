"""Which model of a run a check asks."""

from pathlib import Path

import pytest

from contextual_anomaly.checking.files import model_file
from contextual_anomaly.errors import UserError


def run_with(folder: Path, *models: str, configuration: str | None = None) -> Path:
    """A folder of results with models of these names."""
    (folder / "models").mkdir()
    for name in models:
        (folder / f"models/{name}.safetensors").touch()
    if configuration is not None:
        (folder / "configuration.yaml").write_text(configuration)
    return folder


def test_the_first_that_lists_anomalies_then_the_only_one_then_the_usual_one(tmp_path):
    (named, only, several) = (tmp_path / name for name in ("named", "only", "several"))
    for folder in (named, only, several):
        folder.mkdir()
    run_with(named, "ensemble", "masked", configuration="anomalies: {models: [masked]}")
    run_with(only, "masked")
    run_with(several, "ensemble", "masked")
    assert [model_file(None, run).stem for run in (named, only, several)] == ["masked", "masked", "ensemble"]


@pytest.mark.parametrize("configuration", ["anomalies: [", "anomalies: {}", "models: 3"])
def test_a_damaged_configuration_is_an_error_in_words(tmp_path, configuration):
    run = run_with(tmp_path, "masked", configuration=configuration)
    with pytest.raises(UserError, match="not the settings of a run"):
        model_file(None, run)
