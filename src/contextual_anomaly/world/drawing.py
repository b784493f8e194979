"""A picture of a scene: a blurred coloured ground, a sprite in every box, grain over all."""

import cv2
import numpy as np

PATCHES = (5, 4)  # columns and rows of the ground's random colours
GRAIN = 9.0  # standard deviation of the noise, in grey levels


def draw_scene(
    sprites: np.ndarray, column: np.ndarray, box: np.ndarray, width: int, height: int, rng: np.random.Generator
) -> np.ndarray:
    """[height, width, 3] uint8, red green blue.

    Large objects are drawn first, so that a small one in front of them stays visible.

    Args:
        sprites: [C, S, S, 4] of `world.sprites.sprites`.
        column: [M] the place of each object's class.
        box: [M, 4] x, y, width, height in pixels.
    """
    patches = (PATCHES[1], PATCHES[0])
    ground = rng.uniform(70, 180, (*patches, 1)) + rng.uniform(-35, 35, (*patches, 3))
    picture = cv2.resize(ground.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    # Noise repeated after a quarter looks the same as fresh noise for every pixel, and costs a quarter.
    noise = rng.standard_normal(height * width * 3 // 4, np.float32) * np.float32(GRAIN)
    # Light of another strength and colour falls on every object.
    light = rng.uniform(0.75, 1.15, (len(column), 1)) * rng.uniform(0.88, 1.12, (len(column), 3))
    edges = np.round(np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], 1)).astype(int)
    for row in np.argsort(-box[:, 2] * box[:, 3], kind="stable"):
        left, top, right, bottom = edges[row]
        sprite = cv2.resize(sprites[column[row]], (right - left, bottom - top), interpolation=cv2.INTER_AREA)
        opacity = sprite[..., 3:].astype(np.float32) / 255
        part = picture[top:bottom, left:right]
        part += opacity * (sprite[..., :3] * light[row].astype(np.float32) - part)
    picture += np.resize(noise, picture.shape)
    return np.clip(picture, 0, 255, out=picture).astype(np.uint8)
