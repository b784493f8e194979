"""Check images, detections, annotations and streams with a fitted context model: the person's tool, from Python or `check`."""
