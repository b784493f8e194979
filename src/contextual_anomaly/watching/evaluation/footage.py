"""Footage of the synthetic world as a simulated detector reports it, and images for a calibration behind that detector."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from contextual_anomaly.checking.objects import ImageObjects, detected_objects
from contextual_anomaly.detection.image_detector import ImageDetector
from contextual_anomaly.detection.image_reading import ReadImage
from contextual_anomaly.models.detection_calibration import DetectedScene
from contextual_anomaly.models.synthetic.boxes import HEIGHT, WIDTH
from contextual_anomaly.stats.boxes import BOX
from contextual_anomaly.world.sampling import sample_objects
from contextual_anomaly.world.scene_types import World
from contextual_anomaly.world.simulated_detector import simulate_detections
from contextual_anomaly.world.video_files import event_table, frame_times, render_frames
from contextual_anomaly.world.videos import Video, objects_at

SIZE = (WIDTH, HEIGHT)
APART = 60.0  # seconds between images, so that no box of nothing is in two of them


@dataclass(frozen=True)
class Footage:
    """What one camera sees.

    Attributes:
        seconds: its length.
        events: what happens in it: start, stop, kind, category.
        times: [N] seconds of the frames.
        frames: [N] what the detector reports.
        pixels: [N] of the frames, blue, green, red; None where there are none.
    """

    seconds: float
    events: pd.DataFrame
    times: np.ndarray
    frames: list[ImageObjects]
    pixels: list[np.ndarray] | None = None

    @property
    def planted(self) -> pd.DataFrame:
        """The anomalies: start, stop, kind, category. Genuine rarities are none."""
        return self.events[self.events["kind"] != "rare"]


def film(world: World, video: Video, frames_per_second: float, seed: Sequence[int]) -> Footage:
    """Return what the simulated detector reports of a video.

    Args:
        world: the world.
        video: what the camera sees.
        frames_per_second: of the footage.
        seed: of the detector's mistakes.
    """
    times = frame_times(video, frames_per_second)
    found = simulate_detections(world, objects_at(world, video, times), times, np.random.default_rng(seed))
    return Footage(video.seconds, event_table(world, video), times, _by_frame(world, found, len(times)))


def film_pixels(world: World, video: Video, frames_per_second: float, seed: int, detector: ImageDetector) -> Footage:
    """Return what a detector finds in the rendered frames of a video.

    Args:
        world: the world.
        video: what the camera sees.
        frames_per_second: of the footage.
        seed: of the looks of place and objects.
        detector: a network for images of the world.
    """
    times = frame_times(video, frames_per_second)
    frames, pixels = [], []
    for image in render_frames(world, video, times, seed):
        pixels.append(np.ascontiguousarray(image[..., ::-1]))
        frames.append(detected_objects(detector.detect(ReadImage(pixels[-1], *SIZE))))
    return Footage(video.seconds, event_table(world, video), times, frames, pixels)


def ordinary_images(world: World, count: int, seed: int) -> list[DetectedScene]:
    """Return what the detector reports in single images, and what is there.

    Args:
        world: the world.
        count: of images.
        seed: of all random numbers.
    """
    rng = np.random.default_rng([seed, 0xCA11B])
    drawn = sample_objects(world, count, rng)
    objects = pd.DataFrame({"frame": drawn.image, "track": np.arange(len(drawn.image)), "column": drawn.column})
    objects[BOX] = drawn.box
    found = simulate_detections(world, objects, APART * np.arange(count), rng)
    names = np.array(world.classes, object)[drawn.column]
    begin = np.searchsorted(drawn.image, np.arange(count + 1))
    return [
        DetectedScene(
            list(image.names),
            [score or 0.0 for score in image.scores],
            [list(box or ()) for box in image.boxes],
            SIZE,
            frozenset(names[begin[row] : begin[row + 1]].tolist()),
        )
        for row, image in enumerate(_by_frame(world, found, count))
    ]


def _by_frame(world: World, found: pd.DataFrame, frames: int) -> list[ImageObjects]:
    """Return what is reported in each frame."""
    begin = np.searchsorted(found["frame"], np.arange(frames + 1)).tolist()
    names = np.array(world.classes, object)[found["column"]].tolist()
    scores, boxes = found["score"].tolist(), list(map(tuple, found[BOX].to_numpy().tolist()))
    return [
        ImageObjects(tuple(names[a:b]), tuple(scores[a:b]), tuple(boxes[a:b]), (None,) * (b - a), SIZE)
        for a, b in pairwise(begin)
    ]
