"""The synthetic world's detector: a small convolutional net, trained on rendered images, exported as ONNX."""
