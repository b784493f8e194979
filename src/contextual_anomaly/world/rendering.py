"""Render a scene: the background of its place, a pictogram in every box, light and noise over all."""

from dataclasses import dataclass

import cv2
import numpy as np

from contextual_anomaly.world.sprites import Sprites

WIDEST = 0.55  # width / height; a person in a wider box is shown from the head down as far as there is room
GRAIN = 3.0  # standard deviation of the noise, in grey levels


@dataclass(frozen=True)
class Looks:
    """How each of M objects looks, apart from its box."""

    sprite: np.ndarray  # [M] row in the pyramid
    mirrored: np.ndarray  # [M] bool
    light: np.ndarray  # [M, 3] float32, factors of red, green and blue

    def of(self, rows: np.ndarray) -> "Looks":
        """Return the looks of the objects ``rows``."""
        return Looks(self.sprite[rows], self.mirrored[rows], self.light[rows])


def sample_looks(sprites: Sprites, column: np.ndarray, rng: np.random.Generator) -> Looks:
    """Sample colours, mirroring and light of objects of the classes ``column`` [M]."""
    count = len(column)
    sprite = sprites.first[column] + (rng.random(count) * sprites.count[column]).astype(int)
    mirrored = (rng.random(count) < 0.5) & sprites.mirrored[column]
    light = rng.uniform(0.9, 1.08, (count, 1)) * rng.uniform(0.97, 1.03, (count, 3))
    return Looks(sprite, mirrored, light.astype(np.float32))


def render_scene(
    sprites: Sprites,
    background: np.ndarray,
    column: np.ndarray,
    box: np.ndarray,
    looks: Looks,
    rng: np.random.Generator,
) -> np.ndarray:
    """Render one scene.

    Large objects are rendered first, so that a small one in front of them stays visible.

    Args:
        sprites: From `make_sprites`.
        background: [height, width, 3] uint8, red, green, blue.
        column: [M] index of each object's class.
        box: [M, 4] x, y, width, height in pixels, inside the image.
        looks: Of the M objects.
        rng: Of the noise.

    Returns:
        The image [height, width, 3] uint8, red, green, blue.
    """
    height, width = background.shape[:2]
    image = background.astype(np.float32)
    # Repeating the noise four times looks the same as fresh noise for every pixel, at a quarter of the cost.
    noise = rng.standard_normal(height * width * 3 // 4, np.float32) * np.float32(GRAIN)
    edges = np.round(np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], 1)).astype(int)
    order = np.argsort(-box[:, 2] * box[:, 3], kind="stable")
    for row, (left, top, right, bottom) in zip(order.tolist(), edges[order].tolist(), strict=True):
        size = (right - left, bottom - top)
        level = next((s for s in reversed(sprites.pyramid) if s.shape[1] >= max(size)), sprites.pyramid[0])
        pixels = level[looks.sprite[row]]
        if sprites.cropped[column[row]] and size[0] > size[1] * WIDEST:
            pixels = pixels[: max(round(len(pixels) * WIDEST * size[1] / size[0]), 1)]
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        pixels = (pixels[:, ::-1] if looks.mirrored[row] else pixels).astype(np.float32)
        part = image[top:bottom, left:right]
        part *= 1 - pixels[..., 3:] / 255
        part += pixels[..., :3] * looks.light[row]
    image += np.resize(noise, image.shape)
    return np.clip(image, 0, 255, out=image).astype(np.uint8)
