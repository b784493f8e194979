"""The synthetic world's detector: a small convolutional net, trained on its own drawings, exported as ONNX."""
