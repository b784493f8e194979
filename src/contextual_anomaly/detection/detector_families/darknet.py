"""Darknet's networks as `convert` writes them: YOLOv8's output, and the input that Darknet's `detector test` makes."""

from dataclasses import replace

from contextual_anomaly.detection.detector_families.yolov8 import YOLOV8

DARKNET = replace(YOLOV8, grey=128)
