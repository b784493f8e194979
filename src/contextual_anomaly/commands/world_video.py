"""`world-video`: scenes of the synthetic world over time."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def world_video(
    output: Annotated[
        Path | None, typer.Option(help="Video file to write: .mp4, .webm (for browsers) or .avi.")
    ] = None,
    frames: Annotated[Path | None, typer.Option(help="Folder to write the frames into, as PNG files.")] = None,
    detections: Annotated[
        Path | None, typer.Option(help="What a simulated detector sees (.parquet, or .jsonl: a line for each frame).")
    ] = None,
    truth: Annotated[Path | None, typer.Option(help="What is in view, and its exact probability (Parquet).")] = None,
    events: Annotated[Path | None, typer.Option(help="When anomalies and genuine rarities come and go (CSV).")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Length.")] = 60,
    fps: Annotated[float, typer.Option(min=0.01, help="Frames a second.")] = 8,
    place: Annotated[
        str | None, typer.Option(help="Where the camera is, as kitchen; left to chance if not given.")
    ] = None,
    anomalies_per_hour: Annotated[float, typer.Option(min=0, help="Mean number of anomalies an hour.")] = 120,
    seed: Annotated[int, typer.Option(min=0, help="Of the objects, their looks and the detector's mistakes.")] = 0,
) -> None:
    """Make a video of the synthetic world: objects come, go, move and hide; anomalies happen at known times.

    Detections and truth need no images: hours of them take seconds. In the truth, each object in view and each absent class
    that is expected has its exact probability, given all other objects of the moment.

    Example: contextual-anomaly world-video --place kitchen --output kitchen.mp4 --events kitchen.csv
    """
    import numpy as np

    from contextual_anomaly import tables
    from contextual_anomaly.errors import UserError
    from contextual_anomaly.runtime.atomic import write_csv
    from contextual_anomaly.world import video_files
    from contextual_anomaly.world.scene_types import load_world
    from contextual_anomaly.world.videos import sample_video

    world = load_world()
    if place is not None and place not in world.places:
        raise UserError(f"--place {place}: one of {', '.join(sorted(world.places))} was expected.")
    video = sample_video(world, seconds, anomalies_per_hour, np.random.default_rng(seed), place)
    times = video_files.frame_times(video, fps)
    if output:
        video_files.write_video(world, video, times, fps, seed, output)
    if frames:
        video_files.write_frames(world, video, times, seed, frames)
    if detections:
        video_files.write_detections(world, video, times, seed, detections)
    if truth:
        tables.write_frame(video_files.truth_table(world, video, times), tables.VIDEO_TRUTH, truth)
    if events:
        write_csv(video_files.event_table(world, video), events)
    if not any((output, frames, detections, truth, events)):
        raise UserError("nothing to write: give --output, --frames, --detections, --truth or --events.")
