"""The controlled experiments: objects added and removed, detections rescored by context, and their measures."""
