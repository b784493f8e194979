"""The synthetic world: scenes sampled from COCO's statistics, drawn, with a known exact answer."""
