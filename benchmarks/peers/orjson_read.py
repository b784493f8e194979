"""`python orjson_read.py INSTANCES.json`: the fastest parser to Python objects; indexes and checks nothing."""

import sys
from pathlib import Path

import orjson

print(len(orjson.loads(Path(sys.argv[1]).read_bytes())["annotations"]))
