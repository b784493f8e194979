"""The sweep trainer against the formulas of Keras's Adadelta and of Glorot's range, written out in NumPy."""

import json
import subprocess
from hashlib import sha256

import numpy as np
import pytest

from contextual_anomaly.models.data import TrainingData
from contextual_anomaly.models.families.autoencoder import Settings, fit
from contextual_anomaly.models.training.autoencoder import OBJECTIVES, SweepConfig, train_sweep
from contextual_anomaly.scenes import Scenes, write_scenes

pytestmark = pytest.mark.slow


def scenes_of(images, classes, seed=0):
    rng = np.random.default_rng(seed)
    # Two kinds of scene, so that there is something to learn.
    kind = rng.integers(0, 2, images)
    share = np.where(np.arange(classes) % 2 == kind[:, None], 0.6, 0.05)
    counts = (rng.random((images, classes)) < share).astype(np.uint16)
    names = tuple(f"class {c}" for c in range(classes))
    return Scenes(np.arange(images), counts, names, tuple(range(1, classes + 1)), "random")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def keras_adadelta(presence, first, epochs, rho=0.95, epsilon=1e-7):
    """Full-batch training in float64; gives the weights and the loss before each step."""
    w = {name: value.astype(np.float64) for name, value in first.items()}
    square = {name: np.zeros_like(value) for name, value in w.items()}
    moved = {name: np.zeros_like(value) for name, value in w.items()}
    losses = []
    for _ in range(epochs):
        inputs = presence @ w["E"] + w["e"]
        hidden = np.maximum(inputs, 0)
        output = sigmoid(hidden @ w["D"] + w["d"])
        losses.append(-(presence * np.log(output) + (1 - presence) * np.log(1 - output)).mean())
        slope = (output - presence) / presence.size
        back = (slope @ w["D"].T) * (inputs > 0)
        gradient = {"E": presence.T @ back, "e": back.sum(0), "D": hidden.T @ slope, "d": slope.sum(0)}
        for name, g in gradient.items():
            square[name] = rho * square[name] + (1 - rho) * g**2
            step = np.sqrt(moved[name] + epsilon) / np.sqrt(square[name] + epsilon) * g
            moved[name] = rho * moved[name] + (1 - rho) * step**2
            w[name] = w[name] - step
    return w, losses


def train(scenes, objective, bottlenecks, seeds, epochs, batch_size):
    config = SweepConfig(OBJECTIVES[objective], bottlenecks, seeds, epochs, batch_size)
    return train_sweep(TrainingData(scenes), config, threads=2, title="test")


def test_the_published_objective_is_adadelta_as_keras_had_it():
    scenes = scenes_of(100, 9)
    presence = scenes.presence[np.arange(100) % 5 != 0]
    first, _ = train(scenes, "published", [3, 11], [4], epochs=0, batch_size=80)
    keras = {"E": first["encoder"][0, :, :3], "e": first["encoder_bias"][0, :3]}
    keras |= {"D": first["decoder"][0, :3], "d": first["decoder_bias"][0]}
    wanted, losses = keras_adadelta(presence.astype(np.float64), keras, epochs=20)
    found, history = train(scenes, "published", [3, 11], [4], epochs=20, batch_size=80)
    np.testing.assert_allclose(history[history.bottleneck == 3].loss, losses, rtol=1e-4)
    np.testing.assert_allclose(found["encoder"][0, :, :3], wanted["E"], atol=2e-4)
    np.testing.assert_allclose(found["decoder"][0, :3], wanted["D"], atol=2e-4)
    # Units that a narrow variant does not have stay exactly zero.
    assert not found["encoder"][0, :, 3:].any()
    assert not found["decoder"][0, 3:].any()


def test_first_weights_are_glorot_uniform_for_the_true_width():
    weights, history = train(scenes_of(10, 79), "published", [3, 8], [0], epochs=0, batch_size=10)
    assert history.empty
    for kernel, bias, units in zip(weights["encoder"], weights["encoder_bias"], [3, 8], strict=True):
        limit = np.sqrt(6 / (79 + units))
        assert 0.95 * limit < np.abs(kernel[:, :units]).max() <= limit
        assert np.std(kernel[:, :units]) == pytest.approx(limit / np.sqrt(3), rel=0.1)
        assert not kernel[:, units:].any()
        assert not bias.any()


@pytest.mark.parametrize("objective", ["published", "denoising", "masked"])
def test_a_variant_is_the_same_whatever_is_trained_beside_it(objective):
    scenes = scenes_of(200, 12)
    alone, _ = train(scenes, objective, [5], [7], epochs=3, batch_size=32)
    beside, _ = train(scenes, objective, [2, 5, 9], [7, 8], epochs=3, batch_size=32)
    index = 1 * 2 + 0  # the second bottleneck, the first seed
    np.testing.assert_allclose(beside["encoder"][index, :, :5], alone["encoder"][0, :, :5], atol=1e-5)
    assert not np.allclose(beside["encoder"][index, :, :5], beside["encoder"][index + 1, :, :5])  # the other seed


def test_loss_falls_and_the_history_has_every_epoch():
    data = TrainingData(scenes_of(400, 12))
    settings = Settings(
        family="autoencoder", objective="masked", bottlenecks=[1, 4], weight_seeds=[0, 1], epochs=80, batch_size=32,
        chosen_bottleneck=4,
    )  # fmt: skip
    fitted = fit(data, "m", settings, threads=2)
    history = fitted.history
    assert [(v.bottleneck, v.seed) for v in fitted.model.variants] == [(1, 0), (1, 1), (4, 0), (4, 1)]
    assert list(history.columns) == ["bottleneck", "seed", "epoch", "loss", "val_loss"]
    assert len(history) == 2 * 2 * 80
    for _, variant in history.groupby(["bottleneck", "seed"]):
        assert list(variant.epoch) == list(range(1, 81))
        assert variant.val_loss.iloc[-1] < 0.9 * variant.val_loss.iloc[0]
    # Nothing can be told better than by the kind of scene: its entropy is the floor.
    floor = -0.5 * sum(p * np.log(p) + (1 - p) * np.log(1 - p) for p in (0.6, 0.05))
    assert history.val_loss.min() > 0.9 * floor
    # In scenes of one kind, the model expects that kind's classes.
    presence = np.zeros((1, 12), np.float32)
    presence[0, [0, 2, 4]] = 1
    probability = fitted.model.predict_proba(presence)[-1, 0]
    assert probability[[6, 8, 10]].min() > probability[[1, 3, 5]].max()


@pytest.mark.parametrize(
    "settings",
    [
        {"family": "autoencoder", "objective": "masked", "bottlenecks": [2, 9], "weight_seeds": [0, 1, 2], "epochs": 2,
         "batch_size": 64, "chosen_bottleneck": 2},
        {"family": "masked", "units": 8, "seeds": [0, 1, 2], "epochs": 2, "batch_size": 64},
        {"family": "mixture", "components": [2, 3], "seeds": [0, 1, 2], "steps": 20},
    ],
    ids=lambda settings: settings["family"],
)  # fmt: skip
def test_the_number_of_cores_changes_no_byte(settings, tmp_path):
    write_scenes(scenes_of(300, 12), tmp_path / "scenes.parquet")
    made = []
    for threads in ("1", "2"):
        files = [tmp_path / f"{threads}{suffix}" for suffix in (".safetensors", ".csv", ".parquet")]
        options = ["--name", "m", "--settings", json.dumps(settings), "--scenes", str(tmp_path / "scenes.parquet")]
        for option, file in zip(("--output", "--history", "--calibration"), files, strict=True):
            options += [option, str(file)]
        subprocess.run(["contextual-anomaly", "fit", *options, "--threads", threads], check=True, capture_output=True)
        made.append([sha256(file.read_bytes()).hexdigest() for file in files])
    assert made[0] == made[1]
