"""`contextual-anomaly check`: what is unexpected in images, and what is missing."""

from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import (
    AllThreads,
    ClassNames,
    ContextModelChoice,
    DetectorChoice,
    Family,
    OwnCalibration,
    Rate,
    RunFolder,
)
from contextual_anomaly.runtime.choices import AnswerFormat


def check(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Images, folders, patterns such as 'photos/*.jpg', videos, files of annotations or detections, or - for a "
            "stream: what a file is, is recognised by its content.",
            show_default=False,
        ),
    ],
    model: ContextModelChoice = None,
    run: RunFolder = None,
    detector: DetectorChoice = None,
    family: Family = None,
    class_names: ClassNames = None,
    detections: Annotated[
        Path | None,
        typer.Option(help="The objects of the images (results of COCO, or of detect), in place of a detector."),
    ] = None,
    calibration: OwnCalibration = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the images that annotations or detections are about.")
    ] = None,
    false_alarms: Annotated[
        float, typer.Option(parser=Rate, metavar="RATE", help="Ordinary objects that may be flagged, as 1% or 0.01.")
    ] = Rate("1%"),
    missing_false_alarms: Annotated[
        float, typer.Option(parser=Rate, metavar="RATE", help="Rightly absent classes that may be flagged as missing.")
    ] = Rate("0.1%"),
    every: Annotated[float, typer.Option(min=0, help="Of a video, check one frame in so many seconds; 0: all.")] = 1.0,
    format: Annotated[
        AnswerFormat | None, typer.Option(help="How answers are written. Default: text; of a stream, jsonl.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the answers. Default: standard output.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Page of the findings, with their images, that needs nothing beside it.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Folder for the images with what was found drawn into them, and all answers.")
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(
            help="Verdicts of reviewers (an export of Label Studio or CVAT, or CSV): what they rejected is not flagged "
            "again, and the rest is put in the order of what is probably true."
        ),
    ] = None,
    all_images: Annotated[
        bool,
        typer.Option("--all-images", help="Formats coco, label-studio and cvat: images without findings as well."),
    ] = False,
    exit_zero: Annotated[
        bool, typer.Option("--exit-zero", help="Exit with 0 also where something is flagged.")
    ] = False,
    threads: AllThreads = None,
) -> None:
    """Say which objects are unexpected in images, which classes are missing, and why.

    Answers come as soon as each is there. An object is flagged where so few ordinary objects are as improbable, given
    everything else in the image, that the rate of false alarms holds; the p-value says how few. A class is missing where
    so few rightly absent classes are as probable. Images of no or one class give nothing to compare.

    Exit status: 0 if nothing is flagged, 1 if something is, 2 if something cannot be read. What cannot be read is named,
    and the rest is answered.

    A stream (-) has one scene a line: names (`fork, cup=0.7`), `{"fork": 0.9}`, or
    `{"objects": [{"category": "fork", "score": 0.9, "box": [x, y, width, height]}], "width": 640, "height": 480}`. Each
    line is answered by a line of JSON; one that cannot be read, by one with an `error`, and the stream goes on.

    Examples:
    `contextual-anomaly check photo.jpg`

    `contextual-anomaly check photos/ 'more/*.png' --html findings.html`

    `contextual-anomaly check instances_val2017.json --false-alarms 0.1% --format jsonl`

    `contextual-anomaly check detections.json --detector yolox-s`

    `contextual-anomaly check clip.mp4 --every 0.5`

    `my-detector | contextual-anomaly check - --run results`
    """
    from contextual_anomaly.checking.checker import Checker
    from contextual_anomaly.checking.output import Outputs, run_check
    from contextual_anomaly.checking.sources import find_sources

    checker = Checker.load(
        model,
        run=run,
        detector=detector,
        family=family,
        class_names=class_names,
        calibration=calibration,
        false_alarms=false_alarms,
        missing_false_alarms=missing_false_alarms,
    )
    status = run_check(
        checker,
        find_sources(sources),
        Outputs(format, output, html, save, since, all_images),
        detections=detections,
        image_folder=images,
        seconds_between=every,
        threads=threads,
        exit_zero=exit_zero,
    )
    raise typer.Exit(status)
