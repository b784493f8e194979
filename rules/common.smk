# What every stage needs: the checked settings, the names that become files, and the digest of a command's source.
import json
import shlex
from pathlib import Path

from snakemake.exceptions import WorkflowError

from contextual_anomaly.config import DatasetKind, read_config
from contextual_anomaly.errors import UserError
from contextual_anomaly.source_digest import source_digest

try:
    SETTINGS = read_config(config)
except UserError as error:
    raise WorkflowError(str(error)) from None

R = SETTINGS.results
EMBEDDED = SETTINGS.dataset.kind is DatasetKind.embedded
SPLITS = ["train", "val"]

# Built-in models beside the configured sweeps; the oracle exists where the world's own figures do.
FAMILY = {name: "autoencoder" for name in SETTINGS.models} | {"frequency": "frequency"}
if EMBEDDED:
    FAMILY["oracle"] = "oracle"
MODELS = list(FAMILY)
# Class frequency flags nothing but rarity; the gallery's model comes first.
LISTING_MODELS = sorted(
    (name for name in MODELS if name != "frequency"),
    key=lambda name: name != SETTINGS.report.gallery_of,
)
SHARDS = range(SETTINGS.detection.shards)
DETECTORS = {detector.name: detector for detector in SETTINGS.detection.detectors}

SETTINGS_AS_OPTION = json.dumps(SETTINGS.model_dump(mode="json"))

ANNOTATIONS = f"{R}/annotations/{{split}}.parquet"
IMAGES = f"{R}/images/{{split}}.parquet"
CATEGORIES = f"{R}/categories/{{split}}.parquet"
SCENES = f"{R}/scenes/{{split}}.parquet"
CLASS_COUNTS = f"{R}/scenes/class_counts.csv"
MODEL = f"{R}/models/{{model}}.safetensors"


wildcard_constraints:
    split="|".join(SPLITS),
    model="|".join(MODELS),
    detector="|".join(DETECTORS) or "none",
    shard=r"\d+",


def raw(split):
    """The annotation file of a split: the world's, or of the local copy."""
    if EMBEDDED:
        return f"{R}/world/annotations/instances_{split}2017.json"
    return str(
        Path(SETTINGS.dataset.local_copy)
        / getattr(SETTINGS.dataset, f"{split}_annotations")
    )


def val_images():
    """The folder of the images that go through the detectors."""
    return (
        f"{R}/world/val2017"
        if EMBEDDED
        else str(Path(SETTINGS.dataset.local_copy) / SETTINGS.dataset.val_images)
    )


def source(command, model=None):
    """Digest of all source that a command runs; of a model, its family's file as well, which is loaded by name."""
    return source_digest(command, *([f"models.{FAMILY[model]}"] if model else []))


def repeated(option, values):
    """One option given several times, as the commands take lists."""
    return " ".join(f"{option} {value}" for value in values)


def chosen_bottleneck(model):
    """The member of a sweep that stands for it in listings; other families have one member."""
    return SETTINGS.models[model].chosen_bottleneck if model in SETTINGS.models else 1


def weights(detector):
    """The ONNX file of a detector; the embedded world's own where none is configured."""
    return DETECTORS[detector].weights or f"{R}/world/detector.onnx"


def optional(option, value):
    """An option that is left out where its setting is empty, quoted for the shell."""
    return f"{option} {shlex.quote(value)}" if value else ""


def existing(folder):
    """A user's folder of images where there is one: annotations can be judged without. The world draws its own."""
    return folder if EMBEDDED or Path(folder).is_dir() else []


# What the embedded world is made of, before anything looks at it.
WORLD_FILES = (
    [raw(split) for split in SPLITS]
    + [val_images()]
    + [weights(name) for name in DETECTORS]
    if EMBEDDED
    else []
)
