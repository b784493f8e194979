"""Where frames come from: cameras, streams, videos, images, and lines of a detector elsewhere."""
