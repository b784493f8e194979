"""Whether a camera sees: a black, frozen or blurred picture says nothing about what is there.

Frames that cannot be decoded, and those of a broken detector, have no objects at all; whoever calls says so.
"""

import cv2
import numpy as np

from contextual_anomaly.watching.frames import Frame

WIDTH = 160
"""Pixels to which pictures are reduced: noise vanishes, and what a detector could recognise stays."""
DARK, FLAT = 16.0, 4.0
"""Mean and standard deviation of the brightness (0 to 255) below which a picture is black."""
FROZEN_AFTER = 2.0
"""Seconds without any change: noise and compression change a few pixels of every picture sooner."""
BLURRED = 0.15
"""Share of the usual sharpness below which a picture is out of focus."""
MEMORY = 300.0
"""Seconds in which a camera gets used to another sharpness, such as that of the night."""
LEARNING = 10.0
"""Seconds before a camera's usual sharpness is known."""


class Visibility:
    """Judges one picture after another by the camera's own past."""

    def __init__(self) -> None:
        """Know nothing of the camera yet."""
        self._last: np.ndarray | None = None
        self._changed = 0.0
        self._log_sharpness: float | None = None
        self._seen_for = 0.0
        self._seconds: float | None = None

    def why_not(self, frame: Frame) -> str | None:
        """Return why nothing can be seen: "black", "frozen" or "blurred"; None if the picture is good or not given.

        Args:
            frame: the next one.
        """
        if frame.pixels is None:
            return None
        passed = 0.0 if self._seconds is None else max(0.0, frame.seconds - self._seconds)
        self._seconds = frame.seconds
        height = max(1, round(WIDTH * frame.pixels.shape[0] / frame.pixels.shape[1]))
        small = cv2.cvtColor(
            cv2.resize(frame.pixels, (WIDTH, height), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY
        )
        same = self._last is not None and np.array_equal(small, self._last)
        self._last = small
        if not same:
            self._changed = frame.seconds
        mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(small))
        if mean < DARK and deviation < FLAT:
            return "black"
        if same and frame.seconds - self._changed >= FROZEN_AFTER:
            return "frozen"
        # The mean square of the Laplacian, relative to the contrast, which falls when a lamp goes out.
        sharpness = float(np.square(cv2.Laplacian(small, cv2.CV_32F)).mean()) / max(deviation, 1.0) ** 2
        return self._blurred(float(np.log(max(sharpness, 1e-6))), passed)

    def _blurred(self, log_sharpness: float, passed: float) -> str | None:
        usual = self._log_sharpness
        if usual is None:
            self._log_sharpness = log_sharpness
            return None
        blurred = self._seen_for >= LEARNING and log_sharpness < usual + np.log(BLURRED)
        self._seen_for += passed
        # At first the mean of all so far, then one that forgets.
        share = min(1.0, passed / min(MEMORY, max(self._seen_for, passed, 1e-9)))
        self._log_sharpness = usual + share * (log_sharpness - usual)
        return "blurred" if blurred else None
