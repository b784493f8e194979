"""Columns of the tables that the experiments write, beside `tables.SUMMARY`."""

import pyarrow as pa

from contextual_anomaly.tables import DETECTIONS

TRIALS = pa.schema(
    {
        "experiment": pa.string(),
        "image_id": pa.int64(),
        "category_id": pa.int32(),  # the class added or removed
        "probability": pa.float32(),  # of that class after the change, by the model
        "rank": pa.int32(),  # among the candidates, 1 is the best
        "found": pa.bool_(),  # rank 1
    }
)
"""One trial of the corrected protocol a row, of the variant that stands for the model."""

GATE_TRIALS = pa.schema(
    {
        "image_id": pa.int64(),
        "category_id": pa.int32(),
        "score": pa.float32(),  # the detector's largest of the class in the image
        "probability": pa.float32(),  # by the context model, from the detector's scores
        "annotated": pa.bool_(),
    }
)
"""One (image, class) a row, as the published gate sees it."""

FUSED_PRESENCE = pa.schema(
    {
        "image_id": pa.int64(),
        "category_id": pa.int32(),
        "score": pa.float32(),  # the detector's largest of the class in the image
        "calibrated": pa.float32(),  # probability by detector and class frequency
        "probability": pa.float32(),  # by the context model, from all other classes
        "fused": pa.float32(),  # probability by detector, class frequency and context
        "annotated": pa.bool_(),
    }
)
"""One (image, class) a row; each image is evaluated with what was fitted on other images."""

BOX_STEPS = pa.schema(
    [
        *DETECTIONS,  # score is null where the box was added
        pa.field("own", pa.float32()),  # the new score after each step; null where the box was added
        pa.field("duplicates", pa.float32()),
        pa.field("context", pa.float32()),
        pa.field("alternatives", pa.float32()),  # with added boxes
    ]
)
"""The detector's boxes and the added ones, sorted by image_id and falling last score; each scored by fits to other images."""

RESCORED_BOXES = pa.schema(
    [
        *DETECTIONS,
        pa.field("lift", pa.float32()),  # how much context raises the log-odds of the class in the image
        pa.field("rescored", pa.float32()),  # the new score
    ]
)
"""The detector's boxes in their own order; each is rescored with what was fitted on other images."""
