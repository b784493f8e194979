"""Run object detectors (ONNX files) on images: letterboxing, decoding, non-maximum suppression, evaluation."""
