"""The synthetic world: scenes sampled from COCO's statistics, rendered as images, with a known exact answer."""
