"""`contextual-anomaly watch`: a camera, a video or a stream of detections, with a promised number of false alarms an hour."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from contextual_anomaly.commands._options import (
    AllThreads,
    ClassNames,
    ContextModelChoice,
    DetectorChoice,
    Family,
    RunFolder,
)

USUAL_PORT = "8765"
UNITS = {"": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}


def Duration(text: str | float) -> float:  # Typer shows the name of a parser
    """Return the seconds of a duration: 30min, 2h, 90s."""
    found = re.fullmatch(r"(\d+\.?\d*) ?(s|min|h|)", str(text).strip())
    if not found or not float(found[1]):
        raise typer.BadParameter(f"{text!r}: a duration such as 30min, 2h or 90s was expected.")
    return float(found[1]) * UNITS[found[2]]


class _PortIsOptional(TyperCommand):
    """Takes --page with a port behind it, or alone."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given = []
        for place, argument in enumerate(args):
            given.append(argument)
            if argument == "--page" and not (place + 1 < len(args) and args[place + 1].isdecimal()):
                given.append(USUAL_PORT)
        return super().parse_args(ctx, given)


def watch(
    source: Annotated[
        str,
        typer.Argument(
            help="Number of a webcam (0), a video, a folder of images or a pattern in quotes, the address of a stream "
            "(rtsp://, http://), a file of detections, or - for detections on standard input.",
            show_default=False,
        ),
    ],
    false_alarms_per_hour: Annotated[
        float, typer.Option(min=1e-6, help="How many false alarms there may be, on average and at most.")
    ] = 1.0,
    events: Annotated[
        Path | None,
        typer.Option(
            help="File of events, one a line; it is continued. Their pictures lie beside it. Default: standard output."
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            help="Video of what was watched, with boxes and reasons: .mp4 for players, .webm for browsers too."
        ),
    ] = None,
    page: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, metavar="[PORT]", help=f"Serve a page to look at, on port {USUAL_PORT} if none is given."
        ),
    ] = None,
    page_address: Annotated[
        str, typer.Option(help="Address of this machine for the page; others than the usual one need a token.")
    ] = "127.0.0.1",
    page_token: Annotated[
        str | None,
        typer.Option(envvar="CONTEXTUAL_ANOMALY_TOKEN", show_default=False, help="What readers of the page must know."),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(
            envvar="CONTEXTUAL_ANOMALY_WEBHOOK",
            metavar="URL",
            show_default=False,
            help="Post each event there as JSON; what is not taken waits on the disk.",
        ),
    ] = None,
    webhook_per_minute: Annotated[
        float, typer.Option(min=0.01, help="Events that are posted in a minute at most; the others wait.")
    ] = 60.0,
    mqtt: Annotated[
        str | None,
        typer.Option(
            envvar="CONTEXTUAL_ANOMALY_MQTT",
            metavar="HOST/TOPIC",
            show_default=False,
            help="Publish each event there, also as mqtt://user:password@host:port/topic or mqtts://. Home Assistant finds it.",
        ),
    ] = None,
    mqtt_per_minute: Annotated[
        float, typer.Option(min=0.01, help="Events that are published in a minute at most; the others wait.")
    ] = 600.0,
    zone: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=X,Y,...",
            help="Only objects whose lower edge has its middle in a zone are events; repeat. Corners in shares of width and "
            "height if none is above 1, else in pixels. Missing classes are of the whole picture.",
        ),
    ] = None,
    calibrate: Annotated[
        float | None,
        typer.Option(
            parser=Duration, metavar="DURATION", help="Take the first 30min (or 2h, 90s) as ordinary for this camera."
        ),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="Calibration of this camera, which --calibrate writes there; or of the model (Parquet)."),
    ] = None,
    model: ContextModelChoice = None,
    run: RunFolder = None,
    detector: DetectorChoice = None,
    family: Family = None,
    class_names: ClassNames = None,
    every: Annotated[
        float, typer.Option(min=0, help="Of a video file, watch one frame in so many seconds; 0: all.")
    ] = 0.0,
    frames_per_second: Annotated[
        float | None, typer.Option(min=0.001, help="Of images (default 1), and of detections that have no times.")
    ] = None,
    threads: AllThreads = None,
) -> None:
    """Watch a camera, a video or a stream of detections, and tell what does not belong, is missing or has gone.

    Objects are followed over time. An event is *unexpected* (an object that does not belong), *missing* (a class that is
    expected and not there) or *gone* (an object that was there and left). Each is told once when it begins (`new`), when
    something changes (`update`) and when it ends (`end`), as a line of JSON, with its reasons. Unexpected and missing events
    of ordinary operation are at most as many an hour, on average, as --false-alarms-per-hour says.

    Of a file, every frame is watched; of a camera, always the newest. A camera that is lost is tried again, after 0.5 s and
    then after longer and longer, up to 30 s. Passwords in addresses are never shown.

    A stream (-) has one frame a line: `{"seconds": 1.2, "width": 640, "height": 480, "objects": [{"category": "fork",
    "score": 0.9, "box": [x, y, width, height]}]}`, of any detector; `timestamp` may stand in place of `seconds`.

    Exit status: 0 at the end of the source, 2 after an error, 130 after Ctrl-C, 143 after SIGTERM. Files are closed and can
    be read after each of them.

    Examples:
    `contextual-anomaly watch clip.mp4`

    `contextual-anomaly watch 0 --page`

    `contextual-anomaly watch rtsp://camera/stream --events events.jsonl --false-alarms-per-hour 0.1`

    `contextual-anomaly watch rtsp://camera/stream --calibrate 30min --calibration camera.parquet`

    `contextual-anomaly watch clip.mp4 --save watched.webm --zone "table=0.1,0.5,0.9,0.5,0.9,1,0.1,1"`

    `contextual-anomaly watch 0 --webhook https://example.org/events --mqtt localhost/kitchen`

    `my-detector | contextual-anomaly watch - --detector my-detector.onnx`
    """
    from contextual_anomaly.watching.run import Outputs, run_watch
    from contextual_anomaly.watching.run import watch as begin

    watched = begin(
        source,
        model=model,
        run=run,
        detector=detector,
        family=family,
        class_names=class_names,
        calibration=calibration,
        false_alarms_per_hour=false_alarms_per_hour,
        zones=zone or (),
        calibrate=calibrate,
        every=every,
        frames_per_second=frames_per_second,
        threads=threads,
        outputs=Outputs(
            events, save, webhook, webhook_per_minute, mqtt, mqtt_per_minute, page, page_address, page_token
        ),
        write_lines=True,
    )
    raise typer.Exit(run_watch(watched))


watch.command_class = _PortIsOptional
