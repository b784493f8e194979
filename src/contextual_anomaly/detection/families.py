"""Which families of detectors there are; a new one is one file and one line here."""

from contextual_anomaly.detection.family import Family
from contextual_anomaly.detection.yolov8 import YOLOV8
from contextual_anomaly.detection.yolox import YOLOX

FAMILIES: dict[str, Family] = {"yolox": YOLOX, "yolov8": YOLOV8}
