"""What every family promises: it does not look at the class that it is asked for, and it comes back from its file."""

import dataclasses
import json

import numpy as np
import pytest

from contextual_anomaly.errors import UserError
from contextual_anomaly.models import registry
from contextual_anomaly.models.store import write_model

SETTINGS = {
    "frequency": {},
    "naive_bayes": {},
    "chow_liu": {},
    "ease": {"ridge": 10.0},
    "pairwise": {"iterations": 60},
    "mixture": {"components": [2, 3], "seeds": [0, 1], "steps": 40},
    "autoencoder": {
        "objective": "masked",
        "bottlenecks": [3],
        "weight_seeds": [0],
        "epochs": 40,
        "chosen_bottleneck": 3,
    },
    "masked": {"units": 16, "seeds": [0, 1], "epochs": 8, "batch_size": 64},
    "object_transformer": {"units": 16, "layers": 1, "heads": 2, "epochs": 6, "batch_size": 64, "learning_rate": 0.004},
    "geometry": {"geometry": True, "units": 16, "seeds": [0], "epochs": 8, "batch_size": 64},
}


@pytest.fixture(scope="module")
def fitted(data):
    """Each family, fitted on the small world, and an ensemble of three."""

    def fit(name, settings, data=data):
        family = {"geometry": "masked"}.get(name, name)
        chosen = registry.read_settings(json.dumps({"family": family, **settings}))
        return registry.fit(data, name, chosen, 2).model

    models = {name: fit(name, settings) for name, settings in SETTINGS.items()}
    estimators = [models[name] for name in ("pairwise", "mixture", "geometry")]
    several = dataclasses.replace(data, estimators=estimators)
    models["ensemble"] = fit("ensemble", {"estimators": ["pairwise", "mixture", "geometry"]}, several)
    return models


NAMES = [*SETTINGS, "ensemble"]


def test_every_family_that_can_be_configured_is_here(fitted):
    assert {model.family for model in fitted.values()} == set(registry.configurable_families())


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_does_not_look_at_its_own_class(fitted, data, name):
    """One class after another is set to the other value, whatever the model makes of all at once."""
    model, rows = fitted[name], np.arange(30)
    presence, geometry = data.scenes.where(rows).presence, data.geometry(rows)
    answer = model.log_odds(presence, geometry)
    assert answer.shape == (len(model.variants), 30, 6)
    for c in range(6):
        other = presence.copy()
        other[:, c] = 1 - other[:, c]
        np.testing.assert_allclose(model.log_odds(other, geometry)[:, :, c], answer[:, :, c], atol=2e-4)
    np.testing.assert_allclose(
        model.predict_proba(presence, geometry), 1 / (1 + np.exp(-answer.astype(float))), atol=1e-6
    )
    np.testing.assert_allclose(
        model.predict_proba_toggled(presence, geometry), model.predict_proba(presence, geometry), atol=1e-5
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_model_comes_back_from_its_file(fitted, data, name, tmp_path):
    model = fitted[name]
    registry.save(model, tmp_path / "m.safetensors")
    again = registry.load_model(tmp_path / "m.safetensors")
    assert registry.digest(again) == registry.digest(fitted[name])
    assert (again.family, again.name, again.classes, again.variants) == (
        model.family,
        model.name,
        model.classes,
        model.variants,
    )
    rows = np.arange(20)
    soft = np.random.default_rng(0).random((20, 6)).astype(np.float32)
    for presence in (data.scenes.where(rows).presence, soft):
        np.testing.assert_array_equal(
            again.log_odds(presence, data.geometry(rows)), model.log_odds(presence, data.geometry(rows))
        )


@pytest.mark.parametrize("name", [name for name in NAMES if name != "frequency"])
def test_context_tells_more_than_frequency(fitted, data, name):
    """Held-out pseudo-likelihood, far above the baseline's and not above what the world allows."""
    presence, geometry = data.held_out_presence, data.geometry(data.held_out)

    def surprise(model):
        odds = model.log_odds(presence, geometry)[0].astype(float)
        return np.logaddexp(0, np.where(presence > 0, -odds, odds)).sum(1).mean()

    assert surprise(fitted[name]) < 0.93 * surprise(fitted["frequency"])


def test_wrong_settings_are_named():
    for text, message in (
        ("[", "JSON was expected"),
        ('{"family": "transformer"}', "a family was expected, one of autoencoder,"),
        ('{"family": "mixture", "steps": 0}', "steps: Input should be greater than or equal to 1, found 0"),
    ):
        with pytest.raises(UserError, match=message):
            registry.read_settings(text)


def test_a_model_of_an_older_version_is_to_be_fitted_again(fitted, tmp_path):
    """Files of masked networks once lacked the classes of the inputs."""
    path = tmp_path / "old.safetensors"
    metadata, tensors = registry.full_state(fitted["masked"])
    del metadata["input_classes"]
    write_model(path, tensors, metadata)
    with pytest.raises(
        UserError, match=r"old\.safetensors: a model of another version .*'input_classes'.* Fit it again"
    ):
        registry.load_model(path)
