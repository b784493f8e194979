"""Darknet's weights files: a header and then nothing but float32, layer by layer."""

from pathlib import Path

import numpy as np

from contextual_anomaly.detection.darknet.cfg import CfgSection
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import require_file


class Weights:
    """The numbers of a weights file in their order; `finish` says whether there were as many as the layers take.

    Attributes:
        images_seen: in training, by the header.
    """

    def __init__(self, path: str | Path) -> None:
        """Read the header.

        Raises:
            UserError: the file is missing, too short for a header, or of a version that nothing here reads.
        """
        self.path = require_file(path, "a Darknet weights file")
        self._size = self.path.stat().st_size
        if self._size < 16:
            raise UserError(f"{path}: {self._size} bytes, a Darknet weights file has a header of 16 or 20 bytes.")
        major, minor, _revision, seen = np.fromfile(self.path, "<i4", 4).tolist()
        if not (0 <= major < 1000 and 0 <= minor < 1000):
            raise UserError(f"{path}: not a Darknet weights file, the header says version {major}.{minor}.")
        # From version 0.2 on the count of images has eight bytes.
        long = 10 * major + minor >= 2
        self._header = 20 if long else 16
        if self._size < self._header:
            raise UserError(f"{path}: {self._size} bytes, a Darknet weights file has a header of {self._header} bytes.")
        self.images_seen = int(np.fromfile(self.path, "<u8", 1, offset=12)[0]) if long else seen
        self._numbers = np.fromfile(self.path, "<f4", offset=self._header)
        self._taken = 0
        self._first_without: CfgSection | None = None

    def take(self, shape: tuple[int, ...], layer: CfgSection) -> np.ndarray:
        """The next numbers as float32 of ``shape``; zeros where the file has ended, which `finish` will say.

        Raises:
            UserError: one is not finite.
        """
        count = int(np.prod(shape))
        found = self._numbers[self._taken : self._taken + count]
        self._taken += count
        if len(found) < count:
            self._first_without = self._first_without or layer
            return np.zeros(shape, np.float32)
        if not np.isfinite(found).all():
            raise UserError(f"{self.path}: weights of {layer.where} are not finite. Is it the cfg of this file?")
        return found.reshape(shape)

    def finish(self, cfg: Path) -> None:
        """Every layer has taken its weights.

        Raises:
            UserError: the file has fewer or more; the message says how many were expected and where they ended.
        """
        expected = self._header + 4 * self._taken
        if expected == self._size:
            return
        sizes = f"{self._size:,} bytes, but the layers of {cfg} take {expected:,}"
        if self._first_without:
            raise UserError(
                f"{self.path}: {sizes}: it ends within {self._first_without.where}. "
                "Is the file cut off, or is it the cfg of another network?"
            )
        raise UserError(
            f"{self.path}: {sizes}: {self._size - expected:,} bytes are left over. Is it the cfg of another network?"
        )
