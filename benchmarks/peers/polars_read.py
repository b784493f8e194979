"""`python polars_read.py INSTANCES.json`: the fields that are used, as columns of a data frame."""

import sys

import polars as pl

RECORD = pl.Struct(
    {
        "id": pl.Int64,
        "image_id": pl.Int64,
        "category_id": pl.Int64,
        "bbox": pl.List(pl.Float64),
        "area": pl.Float64,
        "iscrowd": pl.Int64,
    }
)
frame = pl.read_json(sys.argv[1], schema={"annotations": pl.List(RECORD)})
print(frame.explode("annotations").unnest("annotations").height)
