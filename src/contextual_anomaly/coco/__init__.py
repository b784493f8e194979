"""COCO annotation files: reading, checking, and handing them to pycocotools."""
