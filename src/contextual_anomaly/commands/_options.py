"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.runtime.choices import DetectorFamily


def Rate(text: str | float) -> float:  # Typer shows the name of a parser
    """Return a rate that is written as a share or in per cent: 0.01, 1%."""
    number = str(text).strip()
    try:
        rate = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        rate = -1.0
    if not 0 < rate < 1:
        raise typer.BadParameter(f"{text!r}: a rate such as 1% or 0.01 was expected, above 0 and below 1.")
    return rate


AnnotationTable = Annotated[Path, typer.Option(help="Annotations of the split (Parquet).")]
CategoryTable = Annotated[Path, typer.Option(help="Classes of the split (Parquet).")]
ImageTable = Annotated[Path, typer.Option(help="Images of the split (Parquet).")]
CheckedTables = Annotated[
    list[Path] | None,
    typer.Option(help="Which classes were looked for in which image (Parquet), once for each --images."),
]
TrainScenes = Annotated[Path, typer.Option(help="Scenes of the training split, for how common classes are (Parquet).")]
ValScenes = Annotated[Path, typer.Option(help="Scenes of the validation split (Parquet).")]
Geometry = Annotated[Path | None, typer.Option(help="Object geometry of the scenes (Parquet), for models that use it.")]
GeometryCategories = Annotated[
    Path | None, typer.Option(help="Classes of the data set (Parquet), with --object-geometry and --objects.")
]
Objects = Annotated[
    Path | None, typer.Option(help="Annotations of the split (Parquet), for models that learn from objects one by one.")
]
ObjectImages = Annotated[Path | None, typer.Option(help="Images of the split (Parquet), with --objects.")]

ModelFile = Annotated[Path, typer.Option(help="The context model (.safetensors).")]
LeaveOneOutModel = Annotated[
    Path, typer.Option(help="The context model (.safetensors), one that leaves out the class it is asked about.")
]
Bottleneck = Annotated[int, typer.Option(min=1, help="Of a sweep, the variant to use.")]
CalibrationTable = Annotated[Path, typer.Option(help="The model's log-odds on held-out scenes (Parquet).")]
CalibrationClasses = Annotated[
    int, typer.Option(min=1, help="Calibrate on held-out scenes of at least this many classes, as in the listing.")
]

Detections = Annotated[Path, typer.Option(help="Boxes of the detector (Parquet).")]
OptionalDetections = Annotated[
    Path | None, typer.Option(help="Boxes of a detector (Parquet). Without them, context alone judges.")
]
ImageReport = Annotated[Path, typer.Option(help="Which images the detector has run on (CSV).")]
OptionalImageReport = Annotated[
    Path | None, typer.Option(help="Which images the detector has run on (CSV), with --detections.")
]
ClassScores = Annotated[Path, typer.Option(help="Largest score of each class in each image (Parquet).")]
Unseen = Annotated[
    Path | None,
    typer.Option(help="Ids of the images that the detector was not trained on, a JSON list; they are measured apart."),
]
Thresholds = Annotated[list[float], typer.Option(min=0, max=1, help="Score above which a detection counts; repeat.")]

Folds = Annotated[int, typer.Option(min=2, help="Parts of the images; each is judged by a fit to the others.")]
FoldSeed = Annotated[int, typer.Option(min=0, help="Seed of the division into folds.")]
Resamples = Annotated[int, typer.Option(min=2, help="Resamples of the images for the 95 % intervals.")]
BootstrapSeed = Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")]
Threads = Annotated[int, typer.Option(min=1, help="Processor cores to use.")]

FiguresTable = Annotated[Path, typer.Option(help="One figure a row (Parquet).")]
SameAsCsv = Annotated[Path, typer.Option(help="The same as CSV.")]

SameForLabelStudio = Annotated[
    Path | None,
    typer.Option(help="The same as tasks of Label Studio (JSON); its labelling configuration lies beside."),
]
SameForCvat = Annotated[Path | None, typer.Option(help="The same for CVAT (XML); the labels of a task lie beside.")]

AuditedAnnotations = Annotated[
    list[Path], typer.Option(help="Objects of the split (Parquet); repeat for a second split.")
]
AuditedImages = Annotated[list[Path], typer.Option(help="Images of the split (Parquet), in the same order.")]
AuditModels = Annotated[
    list[Path],
    typer.Option(help="The context model, one that leaves out the class it judges; of several, the best is taken."),
]
ObjectModel = Annotated[
    Path | None,
    typer.Option(
        help="A model of objects (.safetensors) that has not seen these images, such as an object_transformer."
    ),
]
ErrorRate = Annotated[
    float,
    typer.Option(min=0.0001, max=0.3, help="Share of annotations believed to be wrong before looking at the data."),
]
CrossFit = Annotated[
    bool,
    typer.Option("--cross-fit", help="The model has seen these images: fit it again, without each part of them."),
]

# Of check and watch.
ContextModelChoice = Annotated[
    str | None,
    typer.Option(help="A model that comes with the package or of the run, or a .safetensors file. Default: coco."),
]
RunFolder = Annotated[Path | None, typer.Option(help="Results of a run of the workflow, whose models are taken.")]
DetectorChoice = Annotated[
    str | None,
    typer.Option(
        help="yolox-nano (default), yolox-tiny or yolox-s, fetched once and verified, or an ONNX file. With files or lines "
        "of detections: whose they are.",
        show_default=False,
    ),
]
Family = Annotated[
    DetectorFamily | None, typer.Option(help="How the output of an ONNX file is laid out. Default: yolox.")
]
ClassNames = Annotated[
    Path | None, typer.Option(help="Class names of an ONNX file, one a line or YAML. Default: those in the file.")
]
OwnCalibration = Annotated[
    Path | None, typer.Option(help="Calibration of the model (Parquet) that takes the place of its own.")
]
AllThreads = Annotated[int | None, typer.Option(min=1, help="Processor cores to use. Default: all.")]
