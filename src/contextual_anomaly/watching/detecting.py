"""The objects of frames: detected side by side, in their order, and never more frames ahead than there are networks."""

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, Full, Queue, SimpleQueue
from threading import Semaphore, Thread
from typing import NamedTuple

from contextual_anomaly.checking.objects import ImageObjects, detected_objects
from contextual_anomaly.detection.image_detector import ImageDetector
from contextual_anomaly.detection.image_reading import ReadImage
from contextual_anomaly.watching.frames import Frame, Source, SourceStatus

LOOK_AGAIN = 0.2
"""Seconds after which a wait for a frame asks whether the watch shall stop."""


class Watched(NamedTuple):
    """A frame and its objects."""

    frame: Frame
    objects: ImageObjects


_END = object()


def detect_frames(
    source: Source, detector: ImageDetector | None, stopped: Callable[[], bool] = lambda: False
) -> Generator[Watched | SourceStatus, None, None]:
    """Yield frames with their objects, and changes of the source's state, in the order of the source.

    A frame is taken from the source when a network is free for it: of a live source, it is the newest at that moment.

    Args:
        source: what gives frames; it is closed at the end.
        detector: what finds objects in frames that come without; None where all come with objects.
        stopped: asked some times a second; the iteration ends when it says yes.

    Raises:
        UserError: what the source or the detector raises.
    """
    if detector is None:
        ahead, networks = 1, SimpleQueue()
    else:
        ahead, networks = len(detector.networks), SimpleQueue()
        for network in detector.networks:
            networks.put(ImageDetector([network], detector.names, detector.score_threshold, detector.nms_threshold))
    # Lines wait in a longer queue: taking them one by one would be a change of threads a line.
    results: Queue = Queue(256 if detector is None else ahead)
    free = Semaphore(ahead)
    ended = False

    def detect(frame: Frame) -> ImageObjects:
        pixels = frame.pixels
        assert pixels is not None
        one: ImageDetector = networks.get()
        try:
            found = one.detect(ReadImage(pixels, pixels.shape[1], pixels.shape[0]), f"frame {frame.number}")
            return detected_objects(found)
        finally:
            networks.put(one)
            free.release()

    def put(item: object) -> bool:
        """Hand over, unless nobody takes any more."""
        while not ended:
            try:
                results.put(item, timeout=LOOK_AGAIN)
                return True
            except Full:
                continue
        return False

    def feed() -> None:
        try:
            items = iter(source)
            while not ended:
                free.acquire()
                item = next(items, _END)
                if isinstance(item, Frame) and item.objects is None and detector is not None:
                    if not put((item, pool.submit(detect, item))):
                        break
                    continue
                free.release()
                if item is _END or not put(item):
                    break
            put(_END)
        except BaseException as fault:  # raised where the frames are taken
            put(fault)

    with ThreadPoolExecutor(ahead, "detector") as pool:
        feeder = Thread(target=feed, name="frames", daemon=True)
        feeder.start()
        try:
            while not stopped():
                try:
                    item = results.get(timeout=LOOK_AGAIN)
                except Empty:
                    continue
                if item is _END:
                    break
                if isinstance(item, BaseException):
                    raise item
                if isinstance(item, SourceStatus):
                    yield item
                elif isinstance(item, Frame):
                    yield Watched(item, item.objects or ImageObjects())
                else:
                    frame, future = item
                    future: Future
                    yield Watched(frame, future.result())
        finally:
            ended = True
            source.close()
            free.release()
            feeder.join(2.0)
