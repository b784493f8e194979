"""A picture of a scene: a blurred coloured ground, a sprite in every box, grain over all."""

import cv2
import numpy as np

PATCHES = (5, 4)  # columns and rows of the ground's random colours
GRAIN = 3.0  # standard deviation of the noise, in grey levels


def stamps(sprites: np.ndarray) -> tuple[np.ndarray, ...]:
    """The sprites at full, half, quarter ... size: scaling the nearest larger one is quick whatever the box.

    Args:
        sprites: [C, S, S, 4] uint8 of `world.sprites.sprites`.

    Returns:
        [C, S / 2^i, S / 2^i, 4] float32 each; colours in grey levels times opacity, and opacity in 0 to 1.
    """
    opacity = sprites[..., 3:].astype(np.float32) / 255
    sizes = [np.concatenate([sprites[..., :3] * opacity, opacity], -1)]
    while sizes[-1].shape[1] > 12:
        last = sizes[-1]
        count, side = last.shape[:2]
        sizes.append(last.reshape(count, side // 2, 2, side // 2, 2, 4).mean((2, 4)))
    return tuple(sizes)


def draw_scene(
    stamps: tuple[np.ndarray, ...],
    column: np.ndarray,
    box: np.ndarray,
    width: int,
    height: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """[height, width, 3] uint8, red green blue.

    Large objects are drawn first, so that a small one in front of them stays visible.

    Args:
        stamps: of `stamps`.
        column: [M] the place of each object's class.
        box: [M, 4] x, y, width, height in pixels, inside the picture.
    """
    patches = (PATCHES[1], PATCHES[0])
    ground = rng.uniform(70, 180, (*patches, 1)) + rng.uniform(-10, 10, (*patches, 3))
    picture = cv2.resize(ground.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    # Noise repeated after a quarter looks the same as fresh noise for every pixel, and costs a quarter.
    noise = rng.standard_normal(height * width * 3 // 4, np.float32) * np.float32(GRAIN)
    # Light of another strength and colour falls on every object.
    light = rng.uniform(0.94, 1.06, (len(column), 1)) * rng.uniform(0.98, 1.02, (len(column), 3))
    light = light.astype(np.float32)
    edges = np.round(np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], 1)).astype(int)
    order = np.argsort(-box[:, 2] * box[:, 3], kind="stable")
    for row, (left, top, right, bottom) in zip(order.tolist(), edges[order].tolist(), strict=True):
        size = (right - left, bottom - top)
        stamp = next((s for s in reversed(stamps) if s.shape[1] >= max(size)), stamps[0])[column[row]]
        stamp = cv2.resize(stamp, size, interpolation=cv2.INTER_AREA)
        part = picture[top:bottom, left:right]
        part *= 1 - stamp[..., 3:]
        part += stamp[..., :3] * light[row]
    picture += np.resize(noise, picture.shape)
    return np.clip(picture, 0, 255, out=picture).astype(np.uint8)
