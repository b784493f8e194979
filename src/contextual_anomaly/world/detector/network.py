"""The network: a small convolutional one that sees the image at several sizes and knows objects of one size only."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from contextual_anomaly.world.detector.geometry import (
    CAUTION,
    EPSILON,
    HEIGHT,
    LAYERS,
    SHRINKS,
    STRIDE,
    WIDTH,
    cells,
    padding,
    shrunk,
)


class Trunk(nn.Module):
    """Convolutions from pixels to cells of `STRIDE` pixels."""

    classes: int

    @nn.compact
    def __call__(self, images, train: bool = False):
        """Return answers [B, H / STRIDE, W / STRIDE, 5 + C] for images [B, H, W, 3] in 0 to 1.

        The first four numbers of an answer are the logarithms of the distances from the cell's centre to the box's left,
        top, right and bottom, in strides; then come the logit of objectness, and the logits of the C classes (softmax).
        """
        x = images * 4 - 2
        for name, (channels, side, step, added) in LAYERS.items():
            layer = nn.Conv(channels, (side, side), (step, step), [padding(side, step)] * 2, use_bias=False, name=name)
            norm = nn.BatchNorm(not train, momentum=0.9, epsilon=EPSILON, name=f"{name}_norm")
            y = norm(layer(x))
            x = nn.relu(x + y if added else y)
        # Most cells are empty: without this bias the first steps would only learn that.
        bias = jnp.zeros(5 + self.classes).at[4].set(-2.0)
        return nn.Conv(len(bias), (1, 1), bias_init=lambda *_: bias, name="answer")(x)


def read(net: Trunk, trained: dict, images: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """Run the network on letterboxed images.

    Args:
        net: The network.
        trained: From `training.train`.
        images: [B, HEIGHT, WIDTH, 3] in 0 to 1.

    Returns:
        Boxes [B, N, 4] (left, top, right, bottom in pixels) and scores [B, N, C]; the N cells run over shrink factors,
        rows, columns. A score is a power of P(object) · P(class | object), see `CAUTION`.
    """
    boxes, scores = [], []
    for shrink in SHRINKS:
        centers = cells(HEIGHT // shrink // STRIDE, WIDTH // shrink // STRIDE)
        answers = net.apply(trained, jnp.asarray(shrunk(images, shrink)))
        answers = jnp.asarray(answers).reshape(len(images), len(centers), -1)
        boxes.append(shrink * corners(answers[..., :4], centers))
        scores.append((jax.nn.sigmoid(answers[..., 4:5]) * jax.nn.softmax(answers[..., 5:])) ** CAUTION)
    return jnp.concatenate(boxes, 1), jnp.concatenate(scores, 1)


def corners(distances: jax.Array, centers: np.ndarray) -> jax.Array:
    """Convert the network's distances to left, top, right, bottom [..., 4] in pixels."""
    away = jnp.exp(distances) * STRIDE
    return jnp.concatenate([centers - away[..., :2], centers + away[..., 2:]], -1)
