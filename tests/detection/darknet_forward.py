"""Darknet's forward pass in plain NumPy, after its C code and apart from ours, and random networks to put through it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

Sections = list[tuple[str, dict]]
"""[net] and the layers, each with its keys."""


@dataclass(frozen=True)
class Written:
    """A network on disk."""

    cfg: Path
    weights: Path


def cfg_text(sections: Sections) -> str:
    lines = []
    for kind, values in sections:
        lines += [f"[{kind}]", *(f"{key} = {value}" for key, value in values.items()), ""]
    return "\n".join(lines)


def write(folder: Path, sections: Sections, numbers: np.ndarray, header: bytes | None = None) -> Written:
    """Write cfg and weights; the header says version 0.2 and 32,013,312 images, as yolov3.weights does."""
    folder.mkdir(exist_ok=True, parents=True)
    made = Written(folder / "net.cfg", folder / "net.weights")
    made.cfg.write_text(cfg_text(sections))
    if header is None:
        header = np.array([0, 2, 0], "<i4").tobytes() + np.array([32013312], "<u8").tobytes()
    made.weights.write_bytes(header + numbers.astype("<f4").tobytes())
    return made


def random_weights(cfg: Path, rng: np.random.Generator) -> np.ndarray:
    """Numbers for all convolutions of a cfg, of a size that keeps deep networks finite."""
    parts, channels, layers = [], 3, []
    for block in cfg.read_text().split("[")[2:]:
        kind, *lines = [line.split("#")[0].replace(" ", "") for line in block.splitlines()]
        keys = dict(line.split("=") for line in lines if "=" in line)
        if kind == "convolutional]":
            filters, size = int(keys["filters"]), int(keys["size"])
            parts.append(rng.normal(0, 0.1, filters))
            if int(keys.get("batch_normalize", 0)):
                parts += [rng.uniform(0.8, 1.2, filters), rng.normal(0, 0.1, filters), rng.uniform(0.5, 1.5, filters)]
            spread = (channels // int(keys.get("groups", 1)) * size**2) ** -0.5
            parts.append(rng.standard_normal(filters * round(spread**-2), np.float32) * spread)
            channels = filters
        elif kind == "route]":
            listed = [int(v) for v in keys["layers"].split(",")]
            channels = sum(layers[v if v >= 0 else len(layers) + v] for v in listed)
        layers.append(channels)
    return np.concatenate(parts).astype(np.float32)


def outputs(sections: Sections, images: np.ndarray, rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
    """The output of each layer for ``images`` [B, 3, H, W], and the random weights that were drawn on the way."""
    drawn: list[np.ndarray] = []

    def draw(*shape, low=-1.0, high=1.0):
        drawn.append(rng.uniform(low, high, shape).astype(np.float32))
        return drawn[-1].astype(np.float64)

    done: list[np.ndarray] = []
    x = images.astype(np.float64)
    for number, (kind, given) in enumerate(sections[1:]):
        keys = {key: str(value) for key, value in given.items()}
        if kind == "convolutional":
            x = _convolutional(x, keys, draw)
        elif kind == "maxpool":
            x = _maxpool(x, keys)
        elif kind == "avgpool":
            x = x.mean((2, 3), keepdims=True)
        elif kind in ("scale_channels", "sam"):
            other = done[number + int(keys["from"])]
            factors = x[:, :1] if int(keys.get("scale_wh", 0)) else x
            x = _activate(other * factors, keys.get("activation", "linear"))
        elif kind in ("shortcut", "route"):
            listed = [int(v) for v in keys["from" if kind == "shortcut" else "layers"].split(",")]
            named = [done[v if v >= 0 else number + v] for v in listed]
            if kind == "shortcut":
                x = x.copy()
                for other in named:
                    common = min(other.shape[1], x.shape[1])
                    x[:, :common] += other[:, :common]
                x = _activate(x, keys.get("activation", "linear"))
            else:
                groups, group = int(keys.get("groups", 1)), int(keys.get("group_id", 0))
                x = np.concatenate([np.split(v, groups, axis=1)[group] for v in named], axis=1)
        elif kind == "upsample":
            stride = int(keys["stride"])
            x = x.repeat(stride, axis=2).repeat(stride, axis=3) * float(keys.get("scale", 1))
        elif kind == "reorg":
            x = np.stack([_reorg(image, int(keys["stride"])) for image in x])
        elif kind != "dropout":
            done.append(_head(x, kind, keys, images.shape))
            continue  # what is behind a head reads what is before it
        done.append(x)
    return done, np.concatenate([part.ravel() for part in drawn])


def _activate(x, kind):
    return {
        "linear": lambda: x,
        "leaky": lambda: np.where(x > 0, x, 0.1 * x),
        "relu": lambda: np.maximum(x, 0),
        "logistic": lambda: 1 / (1 + np.exp(-x)),
        "relu6": lambda: np.clip(x, 0, 6),
        "tanh": lambda: np.tanh(x),
        "elu": lambda: np.where(x > 0, x, np.exp(x) - 1),
        "swish": lambda: x / (1 + np.exp(-x)),
        "silu": lambda: x / (1 + np.exp(-x)),
        "mish": lambda: x * np.tanh(np.logaddexp(0, x)),
    }[kind]()


def _convolutional(x, keys, draw):
    size, groups, filters = int(keys["size"]), int(keys.get("groups", 1)), int(keys["filters"])
    stride, dilation = int(keys.get("stride", 1)), int(keys.get("dilation", 1))
    padding = size // 2 * dilation if int(keys.get("pad", 0)) else int(keys.get("padding", 0))
    normalised = int(keys.get("batch_normalize", 0))
    bias = draw(filters)
    if normalised:
        scale, mean, variance = draw(filters), draw(filters), draw(filters, low=0.05, high=2)
    channels = x.shape[1] // groups
    reach = (channels * size**2) ** -0.5  # so that deep networks stay small
    kernel = draw(filters, channels, size, size, low=-reach, high=reach)
    padded = np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    extent = dilation * (size - 1) + 1
    height, width = ((side - extent) // stride + 1 for side in padded.shape[2:])
    out = np.zeros((len(x), filters, height, width))
    for f in range(filters):
        first = f // (filters // groups) * channels
        for row in range(height):
            for column in range(width):
                top, left = row * stride, column * stride
                seen = padded[
                    :, first : first + channels, top : top + extent : dilation, left : left + extent : dilation
                ]
                out[:, f, row, column] = (seen * kernel[f]).sum((1, 2, 3))
    per_filter = (slice(None), None, None)
    if normalised:
        out = (out - mean[per_filter]) / np.sqrt(variance[per_filter] + 1e-5) * scale[per_filter]
    return _activate(out + bias[per_filter], keys.get("activation", "logistic"))


def _maxpool(x, keys):
    stride = int(keys.get("stride", 1))
    size = int(keys.get("size", stride))
    padding = int(keys.get("padding", size - 1))
    height, width = ((side + padding - size) // stride + 1 for side in x.shape[2:])
    out = np.full((*x.shape[:2], height, width), -np.inf)
    for row in range(height):
        for column in range(width):
            for i in range(size):
                for j in range(size):
                    y, z = row * stride + i - padding // 2, column * stride + j - padding // 2
                    if 0 <= y < x.shape[2] and 0 <= z < x.shape[3]:
                        out[:, :, row, column] = np.maximum(out[:, :, row, column], x[:, :, y, z])
    return out


def _reorg(image, stride):
    """Darknet's reorg_cpu, index by index through flat memory."""
    channels, height, width = image.shape
    flat, out = image.ravel(), np.zeros(image.size)
    thin = channels // stride**2
    for k in range(channels):
        for j in range(height):
            for i in range(width):
                offset = k // thin
                y, x = j * stride + offset // stride, i * stride + offset % stride
                out[i + width * (j + height * k)] = flat[x + width * stride * (y + height * stride * (k % thin))]
    return out.reshape(channels * stride**2, height // stride, width // stride)


def _head(x, kind, keys, shape):
    """[B, 4 + classes, boxes], box by box as get_yolo_box and get_region_box do, in pixels of the input."""
    classes = int(keys["classes"])
    anchors = np.reshape([float(v) for v in keys["anchors"].split(",")], (-1, 2))
    mask = [int(v) for v in keys["mask"].split(",")] if "mask" in keys else range(len(anchors))
    scale, new = float(keys.get("scale_x_y", 1)), int(keys.get("new_coords", 0))
    _, _, height, width = x.shape
    columns = []
    for place, anchor in enumerate(mask):
        of_anchor = x[:, place * (5 + classes) : (place + 1) * (5 + classes)]
        for row in range(height):
            for column in range(width):
                v = of_anchor[:, :, row, column]
                p = v if new else _activate(v, "logistic")
                centre_x = (column + p[:, 0] * scale - (scale - 1) / 2) / width * shape[3]
                centre_y = (row + p[:, 1] * scale - (scale - 1) / 2) / height * shape[2]
                growth = 4 * v[:, 2:4] ** 2 if new else np.exp(v[:, 2:4])
                size = growth * anchors[anchor]
                if kind == "region":
                    size = size * [shape[3] / width, shape[2] / height]
                of_class = p[:, 5:]
                if kind == "region" and int(keys.get("softmax", 0)):
                    raised = np.exp(v[:, 5:] - v[:, 5:].max(1, keepdims=True))
                    of_class = raised / raised.sum(1, keepdims=True)
                columns.append(np.column_stack([centre_x, centre_y, size, p[:, 4:5] * of_class]))
    return np.stack(columns, axis=2)
