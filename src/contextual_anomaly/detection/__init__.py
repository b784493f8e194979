"""Detectors through OpenCV DNN: letterbox, decoding, non-maximum suppression, evaluation."""
