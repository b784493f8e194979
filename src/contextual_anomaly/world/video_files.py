"""A video of the synthetic world as files: frames, a file that players open, detections, and what is true of it."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pandas as pd

from contextual_anomaly import tables
from contextual_anomaly.detection.video import open_writer
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.synthetic.boxes import HEIGHT, WIDTH
from contextual_anomaly.models.synthetic.scene_oracle import SceneOracle
from contextual_anomaly.runtime.atomic import atomic_folder, atomic_write
from contextual_anomaly.runtime.progress import track
from contextual_anomaly.stats.boxes import BOX
from contextual_anomaly.world.rendering import render_scene, sample_ground, sample_looks
from contextual_anomaly.world.scene_types import World
from contextual_anomaly.world.simulated_detector import simulate_detections
from contextual_anomaly.world.sprites import make_sprites
from contextual_anomaly.world.videos import SHAKE, Video, objects_at

SWAY = (7.0, 11.0)  # seconds of the camera's two movements
EXPECTED = 0.05  # probability from which a class that is absent stands in the table of what is true
PNG_NAME = "{:06d}.png"


def frame_times(video: Video, frames_per_second: float) -> np.ndarray:
    """Return the seconds of a video's frames.

    Raises:
        UserError: there is none.
    """
    count = int(video.seconds * frames_per_second)
    if count < 1:
        raise UserError(f"{video.seconds} seconds at {frames_per_second} frames a second are no frame at all.")
    return np.arange(count) / frames_per_second


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
    box, column = objects[BOX].to_numpy(), objects["column"].to_numpy()
    for frame, time in enumerate(times):
        mine = slice(begin[frame], begin[frame + 1])
        own_looks = looks.of(objects["track"].to_numpy()[mine])
        image = render_scene(sprites, background, column[mine], box[mine], own_looks, rng, front)
        right, down = SHAKE * np.sin(2 * np.pi * time / np.array(SWAY))
        moved = np.array([[1, 0, right], [0, 1, down]], np.float32)
        yield cv2.warpAffine(image, moved, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)


def write_video(
    world: World, video: Video, times: np.ndarray, frames_per_second: float, seed: int, path: str | Path
) -> None:
    """Write a video as a file that players open; the name's ending chooses the codec.

    Raises:
        UserError: the ending is none of `detection.video.CODECS`, or the file cannot be written.
    """
    with atomic_write(path) as temporary:
        writer = open_writer(temporary, frames_per_second, (WIDTH, HEIGHT), path)
        for image in track(render_frames(world, video, times, seed), "render video", len(times), "frames"):
            writer.write(image[..., ::-1])
        writer.release()
        if (written := _frames_in(temporary)) < len(times):  # OpenCV does not say that it could not write
            raise UserError(
                f"{path}: only {written} of {len(times)} frames could be written. Is the disk full, or the size of a file limited?"
            )


def _frames_in(path: Path) -> int:
    """Return how many frames can be read of a video."""
    video, frames = cv2.VideoCapture(str(path)), 0
    while video.grab():
        frames += 1
    video.release()
    return frames


def write_frames(world: World, video: Video, times: np.ndarray, seed: int, folder: str | Path) -> None:
    """Write the frames of a video as PNG files, 000000.png and so on, into a folder that appears whole or not at all."""
    with atomic_folder(folder) as temporary:
        for number, image in enumerate(
            track(render_frames(world, video, times, seed), "render frames", len(times), "frames")
        ):
            _, data = cv2.imencode(".png", image[..., ::-1])
            (temporary / PNG_NAME.format(number)).write_bytes(data.tobytes())  # imwrite would not say what went wrong


def write_detections(world: World, video: Video, times: np.ndarray, seed: int, path: str | Path) -> int:
    """Write what a simulated detector reports, one box a row, or one frame a line where ``path`` ends in .jsonl.

    Returns:
        The number of boxes.
    """
    found = simulate_detections(world, objects_at(world, video, times), times, np.random.default_rng([seed, 0xDE7EC]))
    if Path(path).suffix.lower() != ".jsonl":
        table = found.rename(columns={"frame": "image_id"}).assign(
            category_id=np.array(world.category_ids)[found["column"]]
        )
        about = {"frames": str(len(times)), "frames_per_second": f"{_frames_per_second(times):g}"}
        tables.write_frame(table[tables.DETECTIONS.names], tables.DETECTIONS, path, about)
        return len(found)
    begin = np.searchsorted(found["frame"], np.arange(len(times) + 1))
    names = np.array(world.classes, object)[found["column"]].tolist()
    scores, boxes = found["score"].round(4).tolist(), found[BOX].round(2).to_numpy().tolist()
    encode = msgspec.json.Encoder().encode
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        for frame, time in enumerate(times.tolist()):
            objects = [
                {"category": names[row], "score": scores[row], "box": boxes[row]}
                for row in range(begin[frame], begin[frame + 1])
            ]
            line = {"image_id": frame, "seconds": time, "width": WIDTH, "height": HEIGHT, "objects": objects}
            file.write(encode(line) + b"\n")
    return len(found)


def _frames_per_second(times: np.ndarray) -> float:
    return 1 / (times[1] - times[0]) if len(times) > 1 else 1.0


def truth_table(world: World, video: Video, times: np.ndarray) -> pd.DataFrame:
    """Return what is in view at each moment, what is absent but expected, and how probable each is.

    Returns:
        `tables.VIDEO_TRUTH`: boxes are without the camera's sway.
    """
    objects = objects_at(world, video, times)
    frame, column = objects["frame"].to_numpy(), objects["column"].to_numpy()
    oracle = SceneOracle(world, frame, column, objects[BOX].to_numpy(), len(times))
    presence = oracle.presence_probability()
    own = oracle.class_probability()[np.arange(len(column)), column]
    seen = objects[["frame", "track", "column", *BOX, "planted"]].assign(class_probability=own)
    absent_frame, absent_column = np.nonzero((oracle.counts == 0) & (presence >= EXPECTED))
    absent = pd.DataFrame({"frame": absent_frame, "column": absent_column, "planted": False})
    for event in video.events[video.events["kind"] == "missing"].itertuples():
        time = times[absent["frame"]]
        absent["planted"] |= (absent["column"] == event.column) & (time >= event.start) & (time < event.stop)
    both = pd.concat([seen, absent], ignore_index=True).sort_values("frame", kind="stable", ignore_index=True)
    frame, column = both["frame"].to_numpy(), both["column"].to_numpy()
    return pd.DataFrame(
        {
            "image_id": frame,
            "seconds": times[frame],
            "category": np.array(world.classes, object)[column],
            "present": both["track"].notna(),
            "track": both["track"].astype("Int64"),
            **{side: both[side] for side in BOX},
            "probability": presence[frame, column],
            "class_probability": both["class_probability"],
            "planted": both["planted"].astype(bool),
        }
    )


def event_table(world: World, video: Video) -> pd.DataFrame:
    """Return the events of a video: start, stop (seconds), kind, category, place."""
    events = video.events
    return pd.DataFrame(
        {
            "start": events["start"].astype(float).round(2),
            "stop": events["stop"].astype(float).round(2),
            "kind": events["kind"],
            "category": [world.classes[column] for column in events["column"]],
            "place": world.places[world.place[video.scene_type]],
        }
    )
