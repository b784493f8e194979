"""Put a watch together from what a person asks for, and run it until it ends or is stopped."""

import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag
from types import FrameType
from typing import TYPE_CHECKING, Any

from contextual_anomaly.checking.checker import Checker
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.threads import available_cores
from contextual_anomaly.watching.events import Event
from contextual_anomaly.watching.frames import Source
from contextual_anomaly.watching.loop import WatchLoop
from contextual_anomaly.watching.receivers import Receiver
from contextual_anomaly.watching.settings import WatchSettings
from contextual_anomaly.watching.sources.opening import open_source
from contextual_anomaly.watching.state import LiveState
from contextual_anomaly.watching.zones import Zone

if TYPE_CHECKING:
    from contextual_anomaly.watching.track_calibration import TrackCalibration

logger = logging.getLogger(__name__)

LIVE_RATE = 10.0
"""Frames a second of the video of a live source."""
STOPPED = 128
"""What a shell adds to the number of a signal for the exit status of what it ended."""


@dataclass(frozen=True)
class Outputs:
    """Where events go.

    Attributes:
        events: file of events, one a line; None for standard output.
        save: video of what was watched.
        webhook: address that events are posted to.
        webhook_per_minute: events that are posted in a minute at most.
        mqtt: broker and topic that events are published to.
        mqtt_per_minute: events that are published in a minute at most.
        page: port of the page; None without.
        address: of this machine that the page listens on.
        token: what readers of the page must know.
    """

    events: Path | None = None
    save: Path | None = None
    webhook: str | None = None
    webhook_per_minute: float = 60.0
    mqtt: str | None = None
    mqtt_per_minute: float = 600.0
    page: int | None = None
    address: str = "127.0.0.1"
    token: str | None = None


class Watch:
    """A watch that has not yet begun; iterating it runs it and yields its events.

    Attributes:
        state: what is known at this moment, for other threads.
    """

    def __init__(
        self,
        checker: Checker,
        source: Source,
        settings: WatchSettings,
        *,
        zones: Sequence[Zone] = (),
        camera: "TrackCalibration | None" = None,
        calibrate: float | None = None,
        calibration_file: Path | None = None,
        threads: int | None = None,
        outputs: Outputs | None = None,
        write_lines: bool = False,
    ) -> None:
        """Put it together; nothing is opened before the iteration.

        Args:
            checker: model, calibrations and detector.
            source: what is watched.
            settings: what a person can set.
            zones: objects outside of them are no events.
            camera: calibration of this camera.
            calibrate: seconds from the beginning that are taken as ordinary.
            calibration_file: where the calibration of these seconds is written.
            threads: processor cores to use; None for all.
            outputs: where events go beside the iteration.
            write_lines: whether events are written as lines, to standard output where `outputs` names no file.
        """
        from contextual_anomaly.watching.watcher import Watcher

        self.checker, self.source = checker, source
        self._outputs, self._write_lines = outputs or Outputs(), write_lines
        self._zones, self._threads = zones, threads or available_cores()
        watcher: Any = Watcher(checker, settings, source.name, camera)
        if calibrate is not None:
            from contextual_anomaly.watching.calibrating import CalibratingWatcher

            watcher = CalibratingWatcher(watcher, source.name, calibrate, calibration_file)
        self._watcher = watcher
        detector = checker.detector.name if checker.detector else None
        self.state = LiveState(source.name, watcher, checker.model.name, detector, source.live)
        self._stop = Flag()

    def stop(self) -> None:
        """End the watch soon, also from another thread or a signal."""
        self._stop.set()

    def __iter__(self) -> Iterator[Event]:
        """Run the watch and yield its events.

        Raises:
            UserError: the source ends with a fault, or something cannot be opened or written.
        """
        from contextual_anomaly.watching.sources.lines import DetectionLines

        outputs = self._outputs
        detector = None
        with ExitStack() as opened:
            if not isinstance(self.source, DetectionLines):
                if self.checker.detector is None:
                    raise UserError("pictures need a detector: give its name or its ONNX file.")
                detector = self.checker.detector.loaded(self._threads)
            receivers = self._receivers()
            video = None
            if outputs.save is not None:
                from contextual_anomaly.watching.video_out import VideoOut

                if detector is None:
                    raise UserError(
                        f"{outputs.save}: detections come without pictures, of which a video could be made."
                    )
                video = VideoOut(outputs.save, self.source.frames_per_second or LIVE_RATE, self.source.live)
            if outputs.page is not None:
                from contextual_anomaly.watching.page.server import PageServer

                page = PageServer(self.state, outputs.page, outputs.address, outputs.token)
                opened.enter_context(page)
                logger.info(f"page: {page.address}")
            snapshots = None
            if outputs.events is not None and detector is not None:
                from contextual_anomaly.watching.receivers.snapshots import Snapshots

                snapshots = Snapshots(outputs.events)
            yield from WatchLoop(
                self.source,
                self._watcher,
                detector,
                self.state,
                receivers=receivers,
                snapshots=snapshots,
                video=video,
                zones=self._zones,
                stopped=self._stop.is_set,
            )

    def _receivers(self) -> list[Receiver]:
        """Return whoever wants to know of events."""
        outputs, receivers = self._outputs, list[Receiver]()
        if outputs.webhook is not None:
            from contextual_anomaly.watching.receivers.webhook import webhook

            receivers.append(webhook(outputs.webhook, self.source.name, outputs.events, outputs.webhook_per_minute))
        if outputs.mqtt is not None:
            from contextual_anomaly.watching.receivers.mqtt import Mqtt

            receivers.append(Mqtt(outputs.mqtt, self.source.name, outputs.events, outputs.mqtt_per_minute))
        if self._write_lines:
            from contextual_anomaly.watching.receivers.json_lines import JsonLines

            receivers.append(JsonLines(sys.stdout if outputs.events is None else outputs.events))
        return receivers


def watch(
    source: str | int | Path,
    *,
    model: str | Path | None = None,
    run: str | Path | None = None,
    detector: str | Path | None = None,
    family: str | None = None,
    class_names: str | Path | None = None,
    calibration: str | Path | None = None,
    false_alarms_per_hour: float = 1.0,
    settings: WatchSettings | None = None,
    zones: Sequence[Zone | str] = (),
    calibrate: float | None = None,
    every: float = 0.0,
    frames_per_second: float | None = None,
    threads: int | None = None,
    outputs: Outputs | None = None,
    write_lines: bool = False,
) -> Watch:
    r"""Return a watch, which runs as long as it is iterated and yields its events.

    >>> import json
    >>> from pathlib import Path
    >>> import contextual_anomaly as ca
    >>> desk = ["laptop", "keyboard", "mouse", "tv"]
    >>> seen = [{"seconds": t, "objects": desk + ["surfboard"] * (t >= 10)} for t in range(30)]
    >>> _ = Path("desk.jsonl").write_text("\n".join(json.dumps(line) for line in seen))
    >>> events = list(ca.watch("desk.jsonl", model="coco-small", false_alarms_per_hour=10))
    >>> [(event.type.value, event.kind.value, event.category) for event in events if event.type == "new"]
    [('new', 'unexpected', 'surfboard')]

    Args:
        source: number of a webcam; a video; a folder of images or a pattern; the address of a stream (rtsp://, http://); a
            file of detections, one frame a line; or - for such lines on standard input.
        model: name of a model that ships with the package or of a model of the run, or a `.safetensors` file.
        run: folder of the results of a run of the workflow.
        detector: name of a detector, which is fetched once and verified, or an ONNX file.
        family: form of the output of a detector that is given as a file.
        class_names: text or YAML file of the class names of a detector that is given as a file.
        calibration: of this camera, which `calibrate` has written, or of the model, in place of its own; with
            `calibrate`, the file that is written.
        false_alarms_per_hour: how many there may be on average, at most.
        settings: everything that can be set, in place of `false_alarms_per_hour`.
        zones: objects outside of them are no events; a text as NAME=X,Y,X,Y,X,Y.
        calibrate: seconds from the beginning that are taken as ordinary for this camera.
        every: of a video file, one frame in so many seconds is taken; 0 for all.
        frames_per_second: of images, and of lines that have no times.
        threads: processor cores to use; None for all.
        outputs: where events go beside the iteration.
        write_lines: whether events are written as lines, to standard output where `outputs` names no file.

    Raises:
        UserError: a file is missing or not what is expected.
    """
    path = None if calibration is None else Path(calibration)
    of_camera = path is not None and calibrate is None and _is_of_camera(path)
    checker = Checker.load(
        model,
        run=run,
        detector=detector,
        family=family,
        class_names=class_names,
        calibration=None if of_camera or calibrate is not None else path,
    )
    camera = None
    if of_camera and path is not None:
        from contextual_anomaly.watching.track_calibration import read_track_calibration

        camera = read_track_calibration(path, checker.model)
    return Watch(
        checker,
        open_source(source, every=every, frames_per_second=frames_per_second),
        settings or WatchSettings(false_alarms_per_hour=false_alarms_per_hour),
        zones=[Zone.parse(zone) if isinstance(zone, str) else zone for zone in zones],
        camera=camera,
        calibrate=calibrate,
        calibration_file=path if calibrate is not None else None,
        threads=threads,
        outputs=outputs,
        write_lines=write_lines,
    )


def run_watch(watch: Watch) -> int:
    """Run a watch until its source ends or a signal stops it, and return the exit status.

    Returns:
        0 at the end of the source or where whoever reads has seen enough; 130 after Ctrl-C, 143 after SIGTERM.

    Raises:
        UserError: as `Watch`.
    """
    caught: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        watch.stop()
        _restore(before)  # a second one ends the program at once

    before: dict[int, Any] = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    events = 0
    try:
        for event in watch:
            events += event.type == "new"
    except BrokenPipeError:
        return 0
    finally:
        _restore(before)
        counters, scene = watch.state.moment.counters, watch.state.moment.scene
        if caught or counters.frames:
            why = f"stopped by {signal.Signals(caught[0]).name}: " if caught else ""
            minutes = 60 * scene.promise.hours if scene else 0.0
            logger.info(f"{why}{counters.frames:,} frames, {minutes:.1f} min watched, {events:,} events")
    return STOPPED + caught[0] if caught else 0


def _restore(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _is_of_camera(path: Path) -> bool:
    """Whether a calibration is of a camera and not of a model, by its columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from contextual_anomaly import tables
    from contextual_anomaly.runtime.atomic import require_file

    try:
        return pq.read_schema(require_file(path, "a calibration (Parquet)")).names == tables.TRACK_CALIBRATION.names
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: a calibration (Parquet) was expected, and it cannot be read: {error}") from error
