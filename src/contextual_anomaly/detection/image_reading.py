"""Images read and prepared ahead of the network, in a pool of threads."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 2  # items a thread: enough that none waits, few enough that memory stays small


def read_image(path: Path) -> np.ndarray | str:
    """The image [height, width, 3] (BGR, uint8), or why it cannot be read."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        return f"cannot be opened: {error.strerror}"
    if not len(data):
        return "the file is empty"
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error as error:
        return f"not an image: {str(error).strip().splitlines()[0]}"
    return "not an image, or one that is cut off" if image is None else image


def ahead(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """``work`` of each item in turn, done ahead by ``threads`` threads, a few items before they are asked for."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
