"""Which families of detectors there are; a new one is one file and one line here."""

from contextual_anomaly.detection.detector_families.base import DetectorFormat
from contextual_anomaly.detection.detector_families.darknet import DARKNET
from contextual_anomaly.detection.detector_families.yolov5 import YOLOV5
from contextual_anomaly.detection.detector_families.yolov8 import YOLOV8
from contextual_anomaly.detection.detector_families.yolox import YOLOX

DETECTOR_FAMILIES: dict[str, DetectorFormat] = {"darknet": DARKNET, "yolov5": YOLOV5, "yolov8": YOLOV8, "yolox": YOLOX}
