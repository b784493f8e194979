"""`python pycocotools_read.py INSTANCES.json`: what most projects begin with."""

import sys

from pycocotools.coco import COCO

print(len(COCO(sys.argv[1]).anns))
