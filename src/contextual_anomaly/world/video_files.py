"""A video of the synthetic world as a file that players open, with what happens in it."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import atomic_write
from contextual_anomaly.runtime.progress import track
from contextual_anomaly.world.boxes import HEIGHT, WIDTH
from contextual_anomaly.world.rendering import render_scene, sample_ground, sample_looks
from contextual_anomaly.world.scene_types import World
from contextual_anomaly.world.sprites import make_sprites
from contextual_anomaly.world.videos import SHAKE, Video, exact_answers, objects_at

SWAY = (7.0, 11.0)  # seconds of the camera's two movements


def render_frames(world: World, video: Video, times: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Render the frames of a video one by one.

    Args:
        world: The world of the video.
        video: What the camera sees.
        times: [frames] seconds.
        seed: Of the looks of place and objects and of the noise.

    Yields:
        Frames [HEIGHT, WIDTH, 3] uint8: red, green, blue.
    """
    rng = np.random.default_rng([seed, 0x71DE0])
    sprites = make_sprites(world)
    background, front = sample_ground(sprites, world.places[world.place[video.scene_type]], rng)
    looks = sample_looks(sprites, video.tracks["column"].to_numpy(), rng)
    objects = objects_at(world, video, times)
    begin = np.searchsorted(objects["frame"], np.arange(len(times) + 1))
    box, column = objects[["x", "y", "width", "height"]].to_numpy(), objects["column"].to_numpy()
    for frame, time in enumerate(times):
        mine = slice(begin[frame], begin[frame + 1])
        own_looks = looks.of(objects["track"].to_numpy()[mine])
        image = render_scene(sprites, background, column[mine], box[mine], own_looks, rng, front)
        shift = SHAKE * np.sin(2 * np.pi * time / np.array(SWAY))
        yield cv2.warpAffine(
            image, np.float32([[1, 0, shift[0]], [0, 1, shift[1]]]), (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE
        )


def write_video(world: World, video: Video, frames_per_second: float, seed: int, path: str | Path) -> int:
    """Write a video as MPEG-4 (`mp4v`), which players open.

    Returns:
        The number of frames.

    Raises:
        UserError: OpenCV cannot write the file.
    """
    times = frame_times(video, frames_per_second)
    with atomic_write(path) as temporary:
        writer = cv2.VideoWriter(str(temporary), cv2.VideoWriter_fourcc(*"mp4v"), frames_per_second, (WIDTH, HEIGHT))
        if not writer.isOpened():
            raise UserError(f"{path}: this OpenCV cannot write MPEG-4 video; give a name that ends in .mp4.")
        for image in track(render_frames(world, video, times, seed), "render video", len(times), "frames"):
            writer.write(image[..., ::-1])
        writer.release()
    return len(times)


def frame_times(video: Video, frames_per_second: float) -> np.ndarray:
    """Return the seconds of a video's frames."""
    return np.arange(int(video.seconds * frames_per_second)) / frames_per_second


def truth_table(world: World, video: Video, times: np.ndarray) -> pd.DataFrame:
    """Return what is in view and how probable it is, for every frame.

    Returns:
        One object a row: seconds, category, x, y, width, height (pixels, without the camera's sway), probability (exact:
        that the class is present, given all objects of the other classes), planted.
    """
    objects = objects_at(world, video, times)
    answers = exact_answers(world, objects, len(times)).presence_probability()
    frame, column = objects["frame"].to_numpy(), objects["column"].to_numpy()
    return pd.DataFrame(
        {
            "seconds": times[frame],
            "category": np.array(world.classes, object)[column],
            **{side: objects[side] for side in ("x", "y", "width", "height")},
            "probability": answers[frame, column],
            "planted": objects["planted"],
        }
    )
