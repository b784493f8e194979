"""Read Darknet's weights files: a header, and then float32 numbers, layer by layer."""

import math
from pathlib import Path

import numpy as np

from contextual_anomaly.detection.darknet.cfg import CfgSection
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import require_file

MAX_NUMBERS = 1 << 31  # in one layer


class NeededWeights:
    """Counts the numbers that layers need, without memory for them."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.count = 0
        self._ends: list[tuple[int, CfgSection]] = []

    def take(self, shape: tuple[int, ...], layer: CfgSection) -> np.ndarray:
        """Count the numbers of ``shape``; return zeros that take no memory."""
        if math.prod(shape) > MAX_NUMBERS:
            raise layer.error(f"{' × '.join(map(str, shape))} weights, more than any network has.")
        self.count += math.prod(shape)
        self._ends.append((self.count, layer))
        return np.broadcast_to(np.float32(0), shape)

    def layer_at(self, count: int) -> CfgSection:
        """Return the layer in which a file of ``count`` numbers ends."""
        return next(layer for end, layer in self._ends if end > count)


class Weights:
    """The numbers of a weights file, in their order."""

    def __init__(self, path: str | Path) -> None:
        """Read the header.

        Raises:
            UserError: The file is missing, too short for a header, or of an unknown version.
        """
        self.path = require_file(path, "a Darknet weights file")
        self._size = self.path.stat().st_size
        if self._size < 16:
            raise UserError(f"{path}: {self._size} bytes, a Darknet weights file has a header of 16 or 20 bytes.")
        major, minor = np.fromfile(self.path, "<i4", 2).tolist()
        if not (0 <= major < 1000 and 0 <= minor < 1000):
            raise UserError(f"{path}: not a Darknet weights file, the header says version {major}.{minor}.")
        # From version 0.2 on the count of images seen in training, the header's last number, has eight bytes.
        self._header = 20 if 10 * major + minor >= 2 else 16
        if self._size < self._header:
            raise UserError(f"{path}: {self._size} bytes, a Darknet weights file has a header of {self._header} bytes.")
        self._numbers: np.ndarray | None = None
        self._taken = 0

    def check(self, needed: NeededWeights, cfg: Path) -> None:
        """Compare the file's size with what the layers need, before any of it is read.

        Raises:
            UserError: The file has fewer or more numbers; the message says how many were expected and where they end.
        """
        expected = self._header + 4 * needed.count
        if expected == self._size:
            return
        sizes = f"{self._size:,} bytes, but the layers of {cfg} take {expected:,}"
        if expected > self._size:
            layer = needed.layer_at((self._size - self._header) // 4)
            raise UserError(
                f"{self.path}: {sizes}: it ends within {layer.where}. "
                "Is the file cut off, or is it the cfg of another network?"
            )
        raise UserError(
            f"{self.path}: {sizes}: {self._size - expected:,} bytes are left over. Is it the cfg of another network?"
        )

    def take(self, shape: tuple[int, ...], layer: CfgSection) -> np.ndarray:
        """Return the next numbers as float32 of ``shape``.

        Raises:
            UserError: One is not finite.
        """
        if self._numbers is None:
            self._numbers = np.fromfile(self.path, "<f4", offset=self._header)
        count = math.prod(shape)
        found = self._numbers[self._taken : self._taken + count]
        self._taken += count
        if not np.isfinite(found).all():
            raise UserError(f"{self.path}: weights of {layer.where} are not finite. Is it the cfg of this file?")
        return found.reshape(shape)
