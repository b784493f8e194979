"""The families of detectors; a new one is one file, one line here and one in `runtime.choices`."""

from contextual_anomaly.detection.detector_families.base import DetectorFormat
from contextual_anomaly.detection.detector_families.darknet import DARKNET
from contextual_anomaly.detection.detector_families.end2end import END2END
from contextual_anomaly.detection.detector_families.yolov5 import YOLOV5
from contextual_anomaly.detection.detector_families.yolov8 import YOLOV8
from contextual_anomaly.detection.detector_families.yolox import YOLOX

DETECTOR_FAMILIES: dict[str, DetectorFormat] = {
    "darknet": DARKNET,
    "end2end": END2END,
    "yolov5": YOLOV5,
    "yolov8": YOLOV8,
    "yolox": YOLOX,
}
