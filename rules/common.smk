# What every stage needs: the checked settings, the names that become files, and the digest of a command's source.
import json
import re
import shlex
from functools import cache
from pathlib import Path

from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.utils import update_config

from contextual_anomaly.config import read_config
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.registry import module_of_family
from contextual_anomaly.pretrained.detectors import DETECTORS as NAMED_DETECTORS
from contextual_anomaly.runtime.atomic import require_whole
from contextual_anomaly.runtime.choices import ORACLES, DatasetKind, ImageDownload
from contextual_anomaly.workflow.closing import closing_message
from contextual_anomaly.workflow.source_digest import source_digest

# The defaults lie beside the Snakefile, wherever the workflow is started from, and under the settings of another workflow
# that uses this one as a module.
ALL_SETTINGS = load_configfile(workflow.source_path("../config.yaml"))
update_config(ALL_SETTINGS, config)

try:
    SETTINGS = read_config(ALL_SETTINGS)
except UserError as error:
    raise WorkflowError(str(error)) from None

R = SETTINGS.results
SYNTHETIC = SETTINGS.dataset.kind is DatasetKind.synthetic
SPLITS = ["train", "val"]

# The configured models, and the oracles where the world's own figures are known.
FAMILY = {name: settings.family for name, settings in SETTINGS.models.items()}
if SYNTHETIC:
    FAMILY |= {name: name for name in ORACLES}
MODELS = list(FAMILY)
# The protocol of the paper is about autoencoders; class frequency shows what its measure leaves out.
PUBLISHED_MODELS = [
    n for n in MODELS if FAMILY[n] in ("autoencoder", "frequency", "oracle")
]
LISTING_MODELS = SETTINGS.anomalies.models
# Those whose p-values are calibrated behind each detector; the paper's model is listed by its own thresholds.
CALIBRATED_MODELS = [
    n
    for n in LISTING_MODELS
    if getattr(SETTINGS.models.get(n), "objective", "") != "published"
]
# One table a model, where there is a list of images that are out of context.
OUT_OF_CONTEXT = (
    f"{R}/experiments/out_of_context/{{model}}.csv"
    if SETTINGS.experiments.out_of_context
    else []
)
# The trial of a watch needs footage of which everything is known, and the p-values of a model.
WATCH = f"{R}/experiments/watch.csv" if SYNTHETIC and CALIBRATED_MODELS else []
SHARDS = range(SETTINGS.detection.shards)
DETECTORS = {detector.name: detector for detector in SETTINGS.detection.detectors}
# Those that are run here, and those whose results another program made.
NETWORKS = [name for name, detector in DETECTORS.items() if not detector.results]
WITH_RESULTS = [name for name in DETECTORS if name not in NETWORKS]

# Results that working copies may share. Without --cache it is off, or Snakemake would name each of these rules in every run.
# Snakemake tells cached results apart by shell command, params and what went in, not by wildcards: those that tell two jobs
# of a rule apart stand among its params as well.
SHARED = workflow.workflow_settings.cache is not None

SETTINGS_AS_OPTION = json.dumps(SETTINGS.model_dump(mode="json"))

ANNOTATIONS = f"{R}/annotations/{{split}}.parquet"
IMAGES = f"{R}/images/{{split}}.parquet"
CATEGORIES = f"{R}/categories/{{split}}.parquet"
SCENES = f"{R}/scenes/{{split}}.parquet"
UNFILTERED_SCENES = f"{R}/scenes/{{split}}_unfiltered.parquet"
CLASS_COUNTS = f"{R}/scenes/class_counts.csv"
CHECKED = f"{R}/annotations/{{split}}.checked.parquet"
PROBLEMS = f"{R}/annotations/{{split}}.problems.csv"
DATA_SUMMARY = f"{R}/data_summary.csv"
OBJECT_GEOMETRY = f"{R}/object_geometry/{{split}}.parquet"
MODEL = f"{R}/models/{{model}}.safetensors"
CALIBRATION = f"{R}/models/{{model}}.calibration.parquet"


wildcard_constraints:
    split="|".join(SPLITS),
    model="|".join(MODELS),
    detector="|".join(DETECTORS) or "none",
    shard=r"\d+",


def local(name):
    """A file or folder of the local copy, or nothing where there is none."""
    folder = SETTINGS.dataset.local_copy
    path = Path(folder) / name
    return str(path) if folder and path.exists() else ""


# Of COCO, what the local copy lacks is downloaded; its archives are as good as what is in them.
DOWNLOADS = SETTINGS.downloads.folder
ANNOTATIONS_ARCHIVE = (
    local("annotations_trainval2017.zip") or f"{DOWNLOADS}/annotations_trainval2017.zip"
)
IMAGE_ARCHIVE = local("val2017.zip") or f"{DOWNLOADS}/val2017.zip"
IMAGE_SUBSET = f"{DOWNLOADS}/val2017_first{SETTINGS.downloads.subset}"


def in_local_copy(name):
    """Whether a download, or what would be taken out of it, is in the local copy."""
    unpacked = {
        "annotations_trainval2017.zip": (
            SETTINGS.dataset.train_annotations,
            SETTINGS.dataset.val_annotations,
        ),
        "val2017.zip": (SETTINGS.dataset.val_images,),
    }
    parts = unpacked.get(name, ())
    return bool(local(name) or (parts and all(local(part) for part in parts)))


# One file or folder of own data may hold both splits.
OWN = SETTINGS.dataset.kind is DatasetKind.own
DIVIDED = OWN and not SETTINGS.dataset.val_annotations


def raw(split):
    """The annotations of a split: the world's, of the local copy, or out of COCO's archive."""
    if SYNTHETIC:
        return f"{R}/world/annotations/instances_{split}2017.json"
    if DIVIDED:
        split = "train"
    return (
        local(getattr(SETTINGS.dataset, f"{split}_annotations"))
        or f"{DOWNLOADS}/annotations/instances_{split}2017.json"
    )


def other_raw(split):
    """The annotations of the other split, of own data or where images change it: the classes of both become one list."""
    united = (OWN and not DIVIDED) or SETTINGS.dataset.splits.table
    return raw("val" if split == "train" else "train") if united else []


def reading_options(split):
    """How the annotations of a split are read."""
    options = [f"--split {split}"]
    splits = SETTINGS.dataset.splits
    if splits.table:
        options.append(f"--splits {shlex.quote(splits.table)}")
        options.append(f"--split-name {shlex.quote(getattr(splits, split))}")
    elif DIVIDED:
        options.append("--divide")
    if other_raw(split):
        options.append(f"--other {shlex.quote(other_raw(split))}")
    if OWN and local(SETTINGS.dataset.val_images):
        options.append(
            f"--image-folder {shlex.quote(local(SETTINGS.dataset.val_images))}"
        )
    return " ".join(options + ["--strict"] * SETTINGS.dataset.strict)


def image_folder():
    """The images that go through the detectors and into the gallery; none where there are none."""
    if SYNTHETIC:
        return f"{R}/world/val2017"
    if there := local(SETTINGS.dataset.val_images):
        return there
    if local("val2017.zip") or SETTINGS.downloads.images is ImageDownload.archive:
        return f"{DOWNLOADS}/val2017"
    return IMAGE_SUBSET if SETTINGS.downloads.images is ImageDownload.subset else []


VAL_IMAGES = image_folder()
if NETWORKS and not VAL_IMAGES:
    raise WorkflowError(
        "configuration: there are no validation images for the detectors. Set downloads.images to subset or archive,"
        f" or put the images into {SETTINGS.dataset.val_images}/ of the local copy (dataset.local_copy)."
    )

# Images that are missing, by the manifest of their folder: Snakemake itself looks no further than the folder.
try:
    if VAL_IMAGES:
        require_whole(VAL_IMAGES)
except UserError as error:
    raise WorkflowError(str(error)) from None


def estimators(model):
    """The models that an ensemble puts together; of others, none."""
    return getattr(SETTINGS.models.get(model), "estimators", [])


@cache
def source(command, *models):
    """Digest of all source that a command runs; of models, their families' files as well, which are loaded by name."""
    families = {
        FAMILY[name] for model in models for name in (model, *estimators(model))
    }
    return source_digest(command, *sorted(map(module_of_family, families)))


def uses_geometry(model):
    """Whether a model, or a part of it, is told where objects are and how large."""
    return any(
        getattr(SETTINGS.models.get(name), "geometry", False)
        for name in (model, *estimators(model))
    )


# Models that learn from objects one by one.
OBJECT_MODELS = [
    name
    for name, settings in SETTINGS.models.items()
    if getattr(settings, "objects", False)
]


def uses_objects(model):
    """Whether a model, or a part of it, is told of objects one by one."""
    return model == "oracle_with_boxes" or any(
        name in OBJECT_MODELS for name in (model, *estimators(model))
    )


# Who is asked about single objects: models of objects, beside them the exact answer where it is known, and as a comparison
# the first listing model if it is a conditional one.
OBJECT_JUDGES = [
    name
    for name in MODELS
    if name in OBJECT_MODELS
    or (name == "oracle_with_boxes" and OBJECT_MODELS)
    or (name == LISTING_MODELS[0] and FAMILY[name] != "autoencoder")
]


def geometry_files(model, split, images=True):
    """The tables that a model needs beside the scenes, by option; without images where a command has them anyway."""
    files = {}
    if uses_geometry(model):
        files["--object-geometry"] = OBJECT_GEOMETRY
    if uses_objects(model):
        files["--objects"] = ANNOTATIONS
        if images:
            files["--images"] = IMAGES
    if files:
        files["--categories"] = CATEGORIES
    return {option: file.format(split=split) for option, file in files.items()}


def geometry_options(files):
    """The options that name them."""
    return " ".join(f"{option} {file}" for option, file in files.items())


def repeated(option, values):
    """One option given several times, as the commands take lists."""
    return " ".join(f"{option} {shlex.quote(str(value))}" for value in values)


def growing(amount):
    """A resource that doubles with each attempt: a job that was killed for want of it is tried again with more."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)


def chosen_bottleneck(model):
    """The variant of a sweep that stands for it in listings; other families have one variant."""
    return getattr(SETTINGS.models.get(model), "chosen_bottleneck", 1)


def has_published_limits(model):
    """Return whether a model is listed by the paper's thresholds, because its outputs are not probabilities."""
    return getattr(SETTINGS.models.get(model), "objective", "") == "published"


def listing_limits(model):
    """Return the options of list-anomalies that say what is listed: rates of false alarms, or the paper's thresholds."""
    limits = SETTINGS.anomalies
    if has_published_limits(model):
        return f"--missing-above {limits.missing_above} --unexpected-below {limits.unexpected_below}"
    return f"--unexpected-rate {limits.unexpected_rate} --missing-rate {limits.missing_rate}"


def listing_limits_in_words(model):
    """Return what `listing_limits` means as sentences, for a caption."""
    limits = SETTINGS.anomalies
    if has_published_limits(model):
        return (
            f"A present class is listed as unexpected if its output is below {limits.unexpected_below},"
            f" an absent class as missing if its output is above {limits.missing_above}."
        )
    return (
        f"The limits accept false alarms: {100 * limits.unexpected_rate:g} % of genuine objects may be listed as unexpected,"
        f" and {100 * limits.missing_rate:g} % of rightly absent classes as missing."
    )


def auditor_inputs(wildcards):
    """The tables of the detector that judges."""
    if wildcards.auditor not in DETECTORS:
        return {}
    return {
        "detections": f"{R}/detections/{wildcards.auditor}/val.parquet",
        "detected": f"{R}/detections/{wildcards.auditor}/images.csv",
    }


def auditor_options(wildcards):
    """The same as options."""
    given = auditor_inputs(wildcards)
    if not given:
        return ""
    return f"--detections {given['detections']} --image-report {given['detected']}"


def weights(detector):
    """The ONNX file of a detector; made of Darknet's, fetched by name, or the synthetic world's own where none is given."""
    if DETECTORS[detector].cfg:
        return f"{R}/detectors/{detector}.onnx"
    if DETECTORS[detector].weights in NAMED_DETECTORS:
        return f"{DOWNLOADS}/{NAMED_DETECTORS[DETECTORS[detector].weights].file_name}"
    return DETECTORS[detector].weights or f"{R}/world/detector.onnx"


def calibration_inputs(wildcards):
    """What a detector has found, and what is there: the tables of calibrate-detections."""
    return {
        "detections": f"{R}/detections/{wildcards.detector}/val.parquet",
        "detected": f"{R}/detections/{wildcards.detector}/images.csv",
        "images": IMAGES.format(split="val"),
        "categories": CATEGORIES.format(split="val"),
        "annotations": ANNOTATIONS.format(split="val"),
    }


# Detectors of the configuration that are fetched by name, by the file that they become.
FETCHED = {
    weights(name): detector.weights
    for name, detector in DETECTORS.items()
    if detector.weights in NAMED_DETECTORS
}


def of_shard(output, detector):
    """The name of an output of detect, with {shard} for the number of the shard."""
    return rules.detect.output[output].replace("{detector}", detector)


def verbatim(value):
    """A param that is taken as it is: Snakemake reads braces in text as wildcards, but not in what a function returns."""
    return lambda wildcards: value


def object_model():
    """The object model that rescored boxes are shown to; none where the configuration has none."""
    chosen = SETTINGS.rescoring.object_model
    if chosen == "auto":
        chosen = next(iter(OBJECT_MODELS), "")
    return MODEL.format(model=chosen) if chosen else []


def optional(option, value):
    """An option that is left out where its setting is empty, quoted for the shell."""
    return f"{option} {shlex.quote(value)}" if value else ""


def packaged_calibrations(name):
    """The calibrations of a packaged model: from annotations, and behind each detector."""
    kinds = ["annotations", *DETECTORS]
    return [f"{R}/pretrained/{name}.{kind}.calibration.parquet" for kind in kinds]


def packaged_settings(name):
    """The settings of a packaged model and of its estimators, as JSON."""
    model = PRETRAINED[name]
    return json.dumps(
        {
            part: SETTINGS.models[part].model_dump(mode="json")
            for part in (model, *estimators(model))
        }
    )


# Context models as they are given to others, by the models of the run that they are.
PRETRAINED = SETTINGS.pretrained.models
PACKAGED = f"{R}/pretrained/{{packaged}}.safetensors"

# Darknet's detectors as ONNX.
CONVERTED = [weights(name) for name, detector in DETECTORS.items() if detector.cfg]

# Published figures stand beside COCO's, where the original is trained.
REPRODUCED = (
    [name for name in ("published", "every_image") if name in SETTINGS.models]
    if SETTINGS.dataset.kind is DatasetKind.coco
    else []
)

# A video of the synthetic world, what is true of it, and what happens in it.
VIDEO = [f"{R}/world/kitchen.{end}" for end in ("mp4", "truth.parquet", "events.csv")]

# What the synthetic world is made of, before anything looks at it.
WORLD_FILES = (
    [raw(split) for split in SPLITS]
    + [VAL_IMAGES, *VIDEO]
    + [weights(name) for name in NETWORKS]
    if SYNTHETIC
    else []
)
