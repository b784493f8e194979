"""The 80 classes of COCO (2014 and 2017), their official ids, and other spellings of class names."""

import re
from collections.abc import Iterable

# fmt: off
CLASSES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis",
    "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich",
    "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed",
    "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven",
    "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier",
    "toothbrush",
)
"""In the order of their ids, which is that of the outputs of detectors trained on COCO."""
# fmt: on

UNUSED_IDS = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83})
"""Of COCO's 91 classes, the ids of those that were never annotated."""

IDS = tuple(number for number in range(1, 91) if number not in UNUSED_IDS)
"""The id of each class."""

NAME_OF_ID = dict(zip(IDS, CLASSES, strict=True))
"""The class of each id."""

SPELLINGS = (
    ("airplane", "aeroplane"),
    ("couch", "sofa"),
    ("dining table", "diningtable"),
    ("motorcycle", "motorbike"),
    ("potted plant", "pottedplant"),
    ("tv", "tvmonitor"),
)
"""The same class in COCO 2017's annotations and in Darknet's coco.names, which keeps to Pascal VOC's words."""

LEFT_OUT = ("person",)
"""Classes that context models commonly do not predict, and that every detector sees."""


def plain_name(name: str) -> str:
    """Return a name without case and separators."""
    return re.sub(r"[\s_-]+", "", name.casefold())


OTHER_WORD = {plain_name(a): plain_name(b) for pair in SPELLINGS for a, b in (pair, pair[::-1])}
"""The plain name of the other word of `SPELLINGS`, by plain name."""


def spellings(classes: Iterable[str]) -> dict[str, str]:
    """Return the class that each plain name means, also by the other words of `SPELLINGS`.

    Args:
        classes: the classes that are known.
    """
    known = {plain_name(name): name for name in sorted(classes)}
    return {**{one: known[other] for one, other in OTHER_WORD.items() if other in known}, **known}
