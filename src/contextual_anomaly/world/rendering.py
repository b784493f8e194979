"""Render a scene: the background of its place, a pictogram in every box, light and noise over all."""

from dataclasses import dataclass

import cv2
import numpy as np

from contextual_anomaly.world.sprites import Sprites

WIDEST = 0.55  # width / height; a person in a wider box is shown from the head down as far as there is room
BUST = 0.4  # share of a person, from the head down, that is shown at least
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


def sample_ground(sprites: Sprites, place: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
    """Sample the colours of a place: its background [HEIGHT, WIDTH, 3], and its front [HEIGHT, WIDTH, 4] if it has one."""
    backgrounds, fronts = sprites.backgrounds[place], sprites.fronts.get(place)
    variant = rng.integers(len(backgrounds))
    return backgrounds[variant], None if fronts is None else fronts[variant]


def render_scene(
    sprites: Sprites,
    background: np.ndarray,
    column: np.ndarray,
    box: np.ndarray,
    looks: Looks,
    rng: np.random.Generator,
    front: np.ndarray | None = None,
) -> np.ndarray:
    """Render one scene.

    Large objects are rendered first, so that a small one in front of them stays visible. Where there is a front, it comes
    after what stands on the floor and before what stands on it.

    Args:
        sprites: From `make_sprites`.
        background: [height, width, 3] uint8, red, green, blue.
        column: [M] index of each object's class.
        box: [M, 4] x, y, width, height in pixels, inside the image.
        looks: Of the M objects.
        rng: Of the noise.
        front: [height, width, 4] uint8, one of the sprites' fronts; None for places without.

    Returns:
        The image [height, width, 3] uint8, red, green, blue.
    """
    height, width = background.shape[:2]
    image = background.astype(np.float32)
    # Repeating the noise four times looks the same as fresh noise for every pixel, at a quarter of the cost.
    noise = rng.standard_normal(height * width * 3 // 4, np.float32) * np.float32(GRAIN)
    edges = np.round(np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], 1)).astype(int)
    on_front = sprites.surface[column] & (front is not None)
    for row in np.lexsort([-box[:, 2] * box[:, 3], on_front]).tolist():
        if on_front[row] and front is not None:
            _blend(image, front)
            front = None
        left, top, right, bottom = edges[row].tolist()
        pixels = _pixels(sprites, int(looks.sprite[row]), int(column[row]), right - left, bottom - top)
        _blend(image[top:bottom, left:right], pixels[:, ::-1] if looks.mirrored[row] else pixels, looks.light[row])
    if front is not None:
        _blend(image, front)
    image += np.resize(noise, image.shape)
    return np.clip(image, 0, 255, out=image).astype(np.uint8)


def _pixels(sprites: Sprites, sprite: int, column: int, width: int, height: int) -> np.ndarray:
    """Return a sprite [height, width, 4], turned or cut off below where the box has another shape than the class."""
    level = next((s for s in reversed(sprites.pyramid) if s.shape[1] >= max(width, height)), sprites.pyramid[0])
    pixels = level[sprite]
    if sprites.aspect[column] and (sprites.aspect[column] > 1) != (width > height):
        pixels = np.rot90(pixels)
    if sprites.cropped[column] and width > height * WIDEST:
        pixels = pixels[: round(len(pixels) * max(WIDEST * height / width, BUST))]
        used = np.flatnonzero(pixels[..., 3].any(0))
        pixels = pixels[:, used[0] : used[-1] + 1]
    smaller = pixels.shape[0] >= height and pixels.shape[1] >= width
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def _blend(image: np.ndarray, pixels: np.ndarray, light: np.ndarray | float = 1) -> None:
    """Put pixels [height, width, 4], colours times opacity and opacity, over an image, in place."""
    above = pixels.astype(np.float32)
    image *= 1 - above[..., 3:] / 255
    image += above[..., :3] * light
