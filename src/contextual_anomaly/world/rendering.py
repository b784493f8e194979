"""Render a scene: a blurred coloured background, a sprite in every box, and noise over all."""

import cv2
import numpy as np

PATCHES = (5, 4)  # columns and rows of the background's random colours
GRAIN = 3.0  # standard deviation of the noise, in grey levels


def sprite_pyramid(sprites: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the sprites at full, half, quarter … size, so that scaling to any box starts from a nearby size.

    Args:
        sprites: [C, S, S, 4] uint8, from `world.sprites.sprites`.

    Returns:
        Arrays [C, S / 2^i, S / 2^i, 4] float32: colours (0 to 255) times opacity, and opacity (0 to 1).
    """
    opacity = sprites[..., 3:].astype(np.float32) / 255
    sizes = [np.concatenate([sprites[..., :3] * opacity, opacity], -1)]
    while sizes[-1].shape[1] > 12:
        last = sizes[-1]
        count, side = last.shape[:2]
        sizes.append(last.reshape(count, side // 2, 2, side // 2, 2, 4).mean((2, 4)))
    return tuple(sizes)


def render_scene(
    pyramid: tuple[np.ndarray, ...],
    column: np.ndarray,
    box: np.ndarray,
    width: int,
    height: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Render one scene.

    Large objects are rendered first, so that a small one in front of them stays visible.

    Args:
        pyramid: From `sprite_pyramid`.
        column: [M] index of each object's class.
        box: [M, 4] x, y, width, height in pixels, inside the image.
        width: Width of the image in pixels.
        height: Height of the image in pixels.
        rng: Of background, lights and noise.

    Returns:
        The image [height, width, 3] uint8, red, green, blue.
    """
    patches = (PATCHES[1], PATCHES[0])
    ground = rng.uniform(70, 180, (*patches, 1)) + rng.uniform(-10, 10, (*patches, 3))
    image = cv2.resize(ground.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    # Repeating the noise four times looks the same as fresh noise for every pixel, at a quarter of the cost.
    noise = rng.standard_normal(height * width * 3 // 4, np.float32) * np.float32(GRAIN)
    # Each object has its own light, of random strength and colour.
    light = rng.uniform(0.94, 1.06, (len(column), 1)) * rng.uniform(0.98, 1.02, (len(column), 3))
    light = light.astype(np.float32)
    edges = np.round(np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], 1)).astype(int)
    order = np.argsort(-box[:, 2] * box[:, 3], kind="stable")
    for row, (left, top, right, bottom) in zip(order.tolist(), edges[order].tolist(), strict=True):
        size = (right - left, bottom - top)
        sprite = next((s for s in reversed(pyramid) if s.shape[1] >= max(size)), pyramid[0])[column[row]]
        sprite = cv2.resize(sprite, size, interpolation=cv2.INTER_AREA)
        part = image[top:bottom, left:right]
        part *= 1 - sprite[..., 3:]
        part += sprite[..., :3] * light[row]
    image += np.resize(noise, image.shape)
    return np.clip(image, 0, 255, out=image).astype(np.uint8)
