"""Which families of detectors there are; a new one is one file and one line here."""

from contextual_anomaly.detection.darknet.family import DARKNET
from contextual_anomaly.detection.family import Family
from contextual_anomaly.detection.yolov5 import YOLOV5
from contextual_anomaly.detection.yolov8 import YOLOV8
from contextual_anomaly.detection.yolox import YOLOX

FAMILIES: dict[str, Family] = {"darknet": DARKNET, "yolov5": YOLOV5, "yolov8": YOLOV8, "yolox": YOLOX}
