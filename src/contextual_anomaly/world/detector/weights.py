"""The detector's weights, as convolutions alone, and the file of trained ones that comes with the package."""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from contextual_anomaly.runtime.atomic import atomic_write
from contextual_anomaly.world.detector.geometry import EPSILON, LAYERS

Weights = dict[str, tuple[np.ndarray, np.ndarray]]
"""Of each layer: kernel [side, side, in, out] and bias [out], float32."""

TRAINED = Path(__file__).with_name("trained.safetensors")
"""Weights from `contextual-anomaly world-detector --steps 9000`, in half precision."""


def fold(trained: dict) -> Weights:
    """Fold each layer's normalisation into its convolution.

    Args:
        trained: From `training.train`.
    """
    params, statistics = trained["params"], trained["batch_stats"]
    weights = {}
    for name in LAYERS:
        norm, seen = params[f"{name}_norm"], statistics[f"{name}_norm"]
        scale = norm["scale"] / np.sqrt(seen["var"] + EPSILON)
        kernel, bias = params[name]["kernel"] * scale, norm["bias"] - seen["mean"] * scale
        weights[name] = np.asarray(kernel, np.float32), np.asarray(bias, np.float32)
    weights["answer"] = tuple(np.asarray(params["answer"][part], np.float32) for part in ("kernel", "bias"))
    return weights


def save_weights(weights: Weights, path: str | Path) -> None:
    """Write weights in half precision."""
    halves = {
        f"{name}.{part}": value.astype(np.float16)
        for name, layer in weights.items()
        for part, value in zip(("kernel", "bias"), layer, strict=True)
    }
    with atomic_write(path) as temporary:
        save_file(halves, temporary)


def load_weights(path: str | Path = TRAINED) -> Weights:
    """Read weights of `save_weights`."""
    halves = load_file(path)
    return {
        name: (halves[f"{name}.kernel"].astype(np.float32), halves[f"{name}.bias"].astype(np.float32))
        for name in (*LAYERS, "answer")
    }
