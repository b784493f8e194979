"""Darknet's networks as `convert` writes them: the output of YOLOv8, the input as Darknet's own `detector test` makes it."""

from dataclasses import replace

from contextual_anomaly.detection.detector_families.yolov8 import YOLOV8

DARKNET = replace(YOLOV8, grey=128)
