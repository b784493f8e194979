"""`contextual-anomaly evaluate-watch`: does a watch keep its promise, and what does it find?"""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import ModelFile

logger = logging.getLogger(__name__)


def evaluate_watch(
    model: ModelFile,
    output: Annotated[Path, typer.Option(help="False alarms, recall and delay of each rule (CSV).")],
    detector: Annotated[
        Path | None, typer.Option(help="The world's own detector (ONNX), with --pixel-seconds.")
    ] = None,
    detector_calibration: Annotated[
        Path | None, typer.Option(help="The model's calibration behind it (Parquet), with --pixel-seconds.")
    ] = None,
    promise: Annotated[
        list[float] | None,
        typer.Option(help="False alarms an hour that are promised; repeat. 0.1, 1 and 10 if not given."),
    ] = None,
    cameras: Annotated[int, typer.Option(min=1, help="Cameras, each at a place that is left to chance.")] = 10,
    seconds: Annotated[float, typer.Option(min=1, help="Length of the footage of each.")] = 3600,
    fps: Annotated[float, typer.Option(min=0.01, help="Frames a second.")] = 2,
    anomalies_per_hour: Annotated[float, typer.Option(min=0, help="Mean number of planted anomalies an hour.")] = 20,
    calibration_images: Annotated[
        int, typer.Option(min=1, help="Single images for the calibration behind the simulated detector.")
    ] = 8000,
    calibration_seconds: Annotated[
        float,
        typer.Option(min=1, help="Ordinary footage of each of as many other cameras, for the calibration on visits."),
    ] = 3600,
    own_seconds: Annotated[
        float, typer.Option(min=0, help="Ordinary footage of each camera for a calibration of its own; 0: without.")
    ] = 0,
    pixel_seconds: Annotated[
        float, typer.Option(min=0, help="Length of the footage that is rendered and goes through the detector.")
    ] = 0,
    minimum_classes: Annotated[
        int, typer.Option(min=1, help="Calibrate on images in which the detector reports at least so many classes.")
    ] = 2,
    bottleneck: Annotated[int, typer.Option(min=1, help="Of a sweep, the variant to use.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of the footage, the detector's mistakes and the calibration.")] = 0,
) -> None:
    """Watch footage of the synthetic world, in which it is known what is an anomaly, and count.

    Rules: watch, with each promise, calibrated on ordinary footage of other cameras, on single images as the models that
    ship with the package are, or on the camera itself; and the usual ways to judge a video frame by frame: raw, three of the last five
    frames, the median of the last ten scores, the mean of five. False alarms are those outside of the times of planted
    anomalies, of genuine rarities too; intervals of 95 %. Delays are medians and quartiles, in seconds. Example:

    `contextual-anomaly evaluate-watch --model results/models/ensemble.safetensors --output watch.csv`
    """
    import pandas as pd

    from contextual_anomaly.checking.checker import Checker
    from contextual_anomaly.checking.detectors import ChosenDetector
    from contextual_anomaly.errors import UserError
    from contextual_anomaly.models.base import variant_index
    from contextual_anomaly.models.calibration import read_calibration
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.runtime.atomic import write_csv
    from contextual_anomaly.watching.evaluation.trial import Plan, behind_simulated, trial, trial_of_pixels
    from contextual_anomaly.world.scene_types import load_world

    promises = tuple(promise or (0.1, 1.0, 10.0))
    if not all(0 < rate < float("inf") for rate in promises):
        raise UserError("--promise: a number of false alarms an hour above 0 was expected.")
    if pixel_seconds and (detector is None or detector_calibration is None):
        raise UserError("--pixel-seconds needs --detector and --detector-calibration.")
    world, loaded = load_world(), load_model(model)
    if unknown := sorted(set(loaded.classes) - set(world.classes)):
        raise UserError(
            f"{model}: {', '.join(unknown[:3])}: no class of the synthetic world, whose footage is watched."
        )
    plan = Plan(
        cameras, seconds, fps, anomalies_per_hour, calibration_images, calibration_seconds, own_seconds, promises, seed
    )  # fmt: skip
    checker = Checker(loaded, variant_index(loaded, bottleneck))
    simulated = behind_simulated(world, checker, calibration_images, minimum_classes, seed)
    parts = [trial(world, simulated, plan)]
    if pixel_seconds:
        assert detector is not None
        assert detector_calibration is not None
        chosen = ChosenDetector("world", detector, "yolov8", None, given=True)
        behind = Checker(
            loaded, checker.variant, None, read_calibration(detector_calibration, loaded), chosen
        )  # fmt: skip
        parts.append(trial_of_pixels(world, behind, plan, pixel_seconds, chosen.loaded()))
    table = pd.concat(parts, ignore_index=True)
    write_csv(table, output)
    for row in table[table["kind"] == "all"].to_dict("records"):
        promised = f" ≤ {row['promised']:g}/h" if row["promised"] > 0 else ""
        found = "no anomaly was planted"
        if row["planted"]:
            found = (
                f"recall {row['recall']:.2f} [{row['recall_low']:.2f}, {row['recall_high']:.2f}] of {row['planted']}"
            )
        if row["found"]:
            found += f", median delay {row['delay']:.1f} s"
        logger.info(
            f"{row['footage']}, {row['rule']}{promised}: {row['false_alarms_per_hour']:.2f} false alarms an hour "
            f"[{row['false_alarms_low']:.2f}, {row['false_alarms_high']:.2f}], {found}"
        )
