"""Darknet's cfg and weights (YOLOv2, v3, v4) as ONNX, boxes decoded in the graph."""
