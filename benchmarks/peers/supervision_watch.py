"""Peer: supervision's own loop over a video, with its annotators, around a YOLOX in OpenCV DNN.

python supervision_watch.py VIDEO NETWORK FRAMES. Prints the seconds for so many frames; a shorter video is begun anew.
Each frame is detected and drawn. Nothing is followed, as supervision has no tracker any more: it went to another package, which
needs another OpenCV than the other peers. Nothing is said of context either.
"""

import sys
import time
from itertools import chain, islice, repeat

import cv2
import numpy as np
import supervision as sv

SIZE = 416
GRIDS = [np.stack(np.meshgrid(*[np.arange(SIZE // s)] * 2), -1).reshape(-1, 2) for s in (8, 16, 32)]
GRID = np.concatenate(GRIDS)
STRIDE = np.repeat((8, 16, 32), [len(grid) for grid in GRIDS])[:, None]


def detect(network: cv2.dnn.Net, frame: np.ndarray) -> sv.Detections:
    """The objects of a frame: resized, a forward pass, decoded, without duplicates."""
    scale = min(SIZE / frame.shape[0], SIZE / frame.shape[1])
    resized = cv2.resize(frame, None, fx=scale, fy=scale)
    square = np.full((SIZE, SIZE, 3), 114, np.uint8)
    square[: resized.shape[0], : resized.shape[1]] = resized
    network.setInput(cv2.dnn.blobFromImage(square))
    found = network.forward()[0]
    centre, side = (found[:, :2] + GRID) * STRIDE, np.exp(found[:, 2:4]) * STRIDE
    scores = found[:, 4:5] * found[:, 5:]
    best = scores.argmax(1)
    score = scores[np.arange(len(best)), best]
    kept = score > 0.25
    corners = np.concatenate([centre - side / 2, centre + side / 2], axis=1)[kept] / scale
    return sv.Detections(corners, confidence=score[kept], class_id=best[kept]).with_nms(0.45)


def main() -> None:
    """Watch the frames."""
    video, weights, frames = sys.argv[1], sys.argv[2], int(sys.argv[3])
    network = cv2.dnn.readNetFromONNX(weights)
    boxes, labels = sv.BoxAnnotator(), sv.LabelAnnotator()
    again = chain.from_iterable(sv.get_video_frames_generator(path) for path in repeat(video))
    detect(network, next(sv.get_video_frames_generator(video)))  # the first pass prepares the network
    start = time.perf_counter()
    for frame in islice(again, frames):
        found = detect(network, frame)
        names = [f"{number} {score:.2f}" for number, score in zip(found.class_id, found.confidence, strict=True)]
        labels.annotate(boxes.annotate(frame, found), found, names)
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
