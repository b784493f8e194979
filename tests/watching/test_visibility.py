"""Cameras that see, and cameras that do not."""

import cv2
import numpy as np
import pytest

from contextual_anomaly.watching.frames import Frame
from contextual_anomaly.watching.visibility import Visibility

SCENE = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
SCENE = cv2.resize(SCENE, (320, 240), interpolation=cv2.INTER_NEAREST)


def picture(rng: np.random.Generator, blur: int = 0, light: float = 1.0) -> np.ndarray:
    pixels = cv2.GaussianBlur(SCENE, (blur, blur), 0) if blur else SCENE
    return np.clip(pixels * light + rng.normal(0, 2, pixels.shape), 0, 255).astype(np.uint8)


def reasons(pictures: list[np.ndarray], rate: float = 2.0) -> list[str | None]:
    visibility = Visibility()
    return [visibility.why_not(Frame(n, n / rate, n / rate, pixels)) for n, pixels in enumerate(pictures)]


def test_an_ordinary_camera_sees_by_day_and_by_lamplight():
    rng = np.random.default_rng(1)
    pictures = [picture(rng, light=1 - 0.7 * n / 60) for n in range(60)]
    assert set(reasons(pictures)) == {None}


def test_black_and_frozen_and_blurred_pictures_say_nothing():
    rng = np.random.default_rng(2)
    good = [picture(rng) for _ in range(30)]
    black = [rng.integers(0, 8, SCENE.shape, np.uint8) for _ in range(4)]
    frozen = [good[0]] * 9
    blurred = [picture(rng, blur=61) for _ in range(6)]
    found = reasons([*good, *black, *good[:3], *frozen, *good[3:6], *blurred, *good[:5]])
    assert found[30:34] == ["black"] * 4
    assert found[37:46] == [None] * 4 + ["frozen"] * 5  # the same picture is given for two seconds
    assert found[49:55] == ["blurred"] * 6
    assert set(found[:30] + found[34:37] + found[46:49] + found[55:]) == {None}


@pytest.mark.parametrize("shape", [(1, 1, 3), (2000, 3, 3), (3, 2000, 3)])
def test_pictures_of_any_shape_are_judged(shape):
    assert Visibility().why_not(Frame(0, 0.0, 0.0, np.full(shape, 200, np.uint8))) is None


def test_objects_without_pixels_are_taken_as_seen():
    assert Visibility().why_not(Frame(0, 0.0, 0.0)) is None
