"""The typed configuration: names, types and bounds of every setting, and their defaults.

Only the Snakefile reads it; each command takes what it needs as options. `config.yaml` documents the same defaults with
a comment each, and `workflow/schemas/config.schema.json` is this file as JSON schema; tests compare the three.
"""

import copy
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from contextual_anomaly.errors import UserError
from contextual_anomaly.models.families import autoencoder, ensemble, masked, object_transformer
from contextual_anomaly.models.registry import configurable_families, family, family_names
from contextual_anomaly.models.settings import Count, Name, Section, Seed, Share
from contextual_anomaly.pretrained.detectors import DETECTORS as NAMED_DETECTORS
from contextual_anomaly.runtime.choices import (
    HELD_OUT_EVERY,
    ORACLES,
    Backend,
    DatasetKind,
    DetectorFamily,
    ImageDownload,
    Resize,
)
from contextual_anomaly.runtime.renamed import renamed_settings
from contextual_anomaly.runtime.safe_text import short_repr
from contextual_anomaly.runtime.yaml_text import NotYaml, read_yaml

LOCAL_COPY_VARIABLE = "CONTEXTUAL_ANOMALY_DATA"
"""The environment variable that gives `dataset.local_copy` where the configuration leaves it empty."""

OWN_MIN_STEPS = 1_000
"""Training steps of masked networks at least, for own data, which may be small."""

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Folder = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]+$")]


def _without_braces(path: str) -> str:
    if "{" in path or "}" in path:
        raise ValueError(
            "a path with braces was found, which Snakemake would take for wildcards; rename the folder or file"
        )
    return path


InputPath = Annotated[str, AfterValidator(_without_braces)]
"""A file or folder of the user; spaces, quotes and dollar signs are fine."""


if TYPE_CHECKING:
    ModelSettings = Section
else:  # put together at run time: one class for each family
    ModelSettings = Annotated[
        Union[tuple(module.Settings for module in configurable_families().values())],  # noqa: UP007
        Field(discriminator="family"),
    ]
    """The settings of any family."""


class Splits(Section):
    """Which image belongs to which split."""

    table: InputPath = ""
    train: Annotated[str, Field(min_length=1)] = "train"
    val: Annotated[str, Field(min_length=1)] = "val"


class Dataset(Section):
    """The data."""

    name: Annotated[str, Field(min_length=1)] = "synthetic world"
    kind: Annotated[DatasetKind, Field(strict=False)] = DatasetKind.synthetic
    local_copy: InputPath = ""
    train_annotations: InputPath = "annotations/instances_train2017.json"
    val_annotations: InputPath = "annotations/instances_val2017.json"
    val_images: InputPath = "val2017"
    splits: Splits = Splits()
    strict: bool = False


class Download(Section):
    """One file of the network."""

    addresses: Annotated[list[Annotated[str, Field(pattern=r"^https?://\S+$")]], Field(min_length=1)]
    size: Count
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Downloads(Section):
    """COCO from the network. Checksums agree in several independent public sources."""

    folder: Folder = "data"
    images: Annotated[ImageDownload, Field(strict=False)] = ImageDownload.none
    subset: Count = 400
    connections: Annotated[int, Field(ge=1, le=64)] = 8
    hosts: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]+$")]] = []
    max_image_megabytes: Count = 200
    # TLS first. COCO's host has no valid certificate, a bucket's name with dots in it; the same bucket has one at
    # s3.amazonaws.com, and the plain address is the fallback: the checksum decides.
    files: dict[FileName, Download] = {
        "annotations_trainval2017.zip": Download(
            addresses=[
                "https://s3.amazonaws.com/images.cocodataset.org/annotations/annotations_trainval2017.zip",
                "http://images.cocodataset.org/annotations/annotations_trainval2017.zip",
            ],
            size=252_907_541,
            sha256="113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
        ),
        "val2017.zip": Download(
            addresses=[
                "https://s3.amazonaws.com/images.cocodataset.org/zips/val2017.zip",
                "http://images.cocodataset.org/zips/val2017.zip",
            ],
            size=815_585_330,
            sha256="4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
        ),
        "yolov3.weights": Download(
            addresses=[
                "https://pjreddie.com/media/files/yolov3.weights",
                "https://data.pjreddie.com/files/yolov3.weights",
                "http://pjreddie.com/media/files/yolov3.weights",
            ],
            size=248_007_048,
            sha256="523e4e69e1d015393a1b0a441cef1d9c7659e3eb2d7e15f793f060a21b32f297",
        ),
        "yolov3.cfg": Download(
            addresses=[
                "https://raw.githubusercontent.com/pjreddie/darknet/master/cfg/yolov3.cfg",
                "https://github.com/pjreddie/darknet/raw/master/cfg/yolov3.cfg",
            ],
            size=8_342,
            sha256="22489ea38575dfa36c67a90048e8759576416a79d32dc11e15d2217777b9a953",
        ),
        "coco.names": Download(
            addresses=[
                "https://raw.githubusercontent.com/pjreddie/darknet/master/data/coco.names",
                "https://github.com/pjreddie/darknet/raw/master/data/coco.names",
            ],
            size=625,
            sha256="634a1132eb33f8091d60f2c346ababe8b905ae08387037aed883953b7329af84",
        ),
    }


class World(Section):
    """The synthetic world."""

    seed: Seed = 0
    train_images: Count = 40_000
    val_images: Count = 4_000
    rendered_images: Count = 400
    video_seconds: Count = 60
    detector_train_steps: Annotated[int, Field(ge=0)] = 0
    detector_train_images: Annotated[int, Field(ge=40)] = 14_000


class SceneSettings(Section):
    """Encoding."""

    include_person: bool | None = None
    minimum_classes: Count = 2
    held_out_every: Annotated[int, Field(ge=2)] = HELD_OUT_EVERY


class Anomalies(Section):
    """The listing."""

    models: Annotated[list[Name], Field(min_length=1)] = ["ensemble", "published"]
    unexpected_rate: Share = 0.01
    missing_rate: Share = 0.001
    missing_above: Share = 0.85
    unexpected_below: Share = 0.01


class Experiments(Section):
    """Injection and removal."""

    seed: Seed = 0
    n_draws_published: Count = 20
    n_draws_corrected: Count = 3
    changed_objects: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    n_resamples: Count = 500
    out_of_context: InputPath = ""


class Detector(Section):
    """One detector: a network that is run, or the results of one that another program ran."""

    name: Name
    family: Annotated[DetectorFamily | None, Field(strict=False)] = None
    weights: InputPath = ""
    cfg: InputPath = ""
    input_size: Annotated[int, Field(ge=0)] = 0
    class_names: InputPath = ""
    resize: Annotated[Resize, Field(strict=False)] = Resize.letterbox
    results: InputPath = ""
    images: InputPath = ""
    unseen: InputPath = ""

    @model_validator(mode="after")
    def _network_or_results(self) -> "Detector":
        of_network = ("family", "weights", "cfg", "input_size", "class_names")
        if self.results and (given := [name for name in of_network if getattr(self, name)]):
            raise ValueError(f"{self.name!r} has results, so no network is run: leave out {', '.join(given)}")
        if not self.results and self.family is None:
            raise ValueError(f"{self.name!r} needs the family of its network, or the file of its results")
        if self.images and not self.results:
            raise ValueError(f"{self.name!r} has a list of images, which only results need")
        return self

    @model_validator(mode="after")
    def _darknet_has_both_files(self) -> "Detector":
        if self.weights.endswith(".weights") and not self.cfg:
            raise ValueError(f"{self.name!r} has Darknet weights, {self.weights}, so its cfg is needed as well")
        if self.cfg and (not self.weights or self.family is not DetectorFamily.darknet):
            raise ValueError(f"{self.name!r} has a cfg, so its family is darknet and it needs weights as well")
        if self.weights in NAMED_DETECTORS and self.family is not NAMED_DETECTORS[self.weights].family:
            raise ValueError(f"{self.weights} is of the family {NAMED_DETECTORS[self.weights].family}")
        if self.input_size and not self.weights:
            raise ValueError(
                f"{self.name!r} has an input_size, but the synthetic world's own detector has a fixed size"
            )
        return self


class Detection(Section):
    """Running detectors."""

    detectors: list[Detector] = [Detector(name="world", family=DetectorFamily.yolov8)]
    score_threshold: Share = 0.01
    nms_threshold: Share = 0.5
    shards: Count = 1
    batch_size: Count = 1
    backend: Annotated[Backend, Field(strict=False)] = Backend.cpu

    @model_validator(mode="after")
    def _names_differ(self) -> "Detection":
        names = [detector.name for detector in self.detectors]
        if len(set(names)) < len(names):
            raise ValueError(f"two detectors have the same name: {names}")
        return self


class Rescoring(Section):
    """Context judging weak detections."""

    model: Name = "published"
    thresholds: Annotated[list[Share], Field(min_length=1)] = [
        0.05,
        0.1,
        0.15,
        0.2,
        0.25,
        0.3,
        0.35,
        0.4,
        0.45,
        0.5,
        0.9,
    ]
    keep_above: Share = 0.5
    context_threshold: Share = 0.1
    minimum_classes: Count = 3
    fusion_model: Name = "masked"
    folds: Annotated[int, Field(ge=2)] = 5
    object_model: Name | Literal[""] = "auto"


class Audit(Section):
    """Probable annotation errors."""

    model: Name = "auto"
    error_rate: Annotated[float, Field(gt=0, le=0.3)] = 0.02
    min_score: Share = 0.2
    max_issues: Count = 500
    label_noise: Annotated[float, Field(gt=0, le=0.15)] = 0.03


class Watch(Section):
    """Whether a watch keeps its promise."""

    cameras: Count = 2
    seconds: Annotated[float, Field(ge=1)] = 300
    frames_per_second: Annotated[float, Field(gt=0)] = 1
    anomalies_per_hour: Annotated[float, Field(ge=0)] = 20
    calibration_images: Count = 1_500
    calibration_seconds: Annotated[float, Field(ge=1)] = 300
    own_seconds: Annotated[float, Field(ge=0)] = 0
    pixel_seconds: Annotated[float, Field(ge=0)] = 30
    promises: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] = [0.1, 1, 10]


class Pretrained(Section):
    """Models that are packaged for others."""

    models: dict[Name, Name] = {}
    data_licence: str = ""


class Report(Section):
    """The report."""

    gallery: Annotated[int, Field(ge=0)] = 12


def _default_models() -> dict[str, Section]:
    """One of each family, and what the ensemble is made of."""
    alone = ("frequency", "naive_bayes", "chow_liu", "ease", "pairwise", "mixture")
    return {
        **{name: family(name).Settings(family=name) for name in alone},
        "published": autoencoder.Settings(family="autoencoder", objective="published", weight_seeds=[0, 1], epochs=100),
        "denoising": autoencoder.Settings(
            family="autoencoder",
            objective="denoising",
            bottlenecks=[10, 64],
            weight_seeds=[0, 1],
            epochs=20,
            single_class_images=True,
            chosen_bottleneck=64,
        ),
        "masked": masked.Settings(family="masked"),
        "masked_geometry": masked.Settings(family="masked", geometry=True),
        "ensemble": ensemble.Settings(
            family="ensemble", estimators=["pairwise", "mixture", "masked", "masked_geometry"]
        ),
    }


class Configuration(Section):
    """Everything that can be set."""

    results: Folder = "results"
    dataset: Dataset = Dataset()
    downloads: Downloads = Downloads()
    world: World = World()
    scenes: SceneSettings = SceneSettings()
    models: Annotated[dict[Name, ModelSettings], Field(min_length=1)] = _default_models()
    anomalies: Anomalies = Anomalies()
    experiments: Experiments = Experiments()
    detection: Detection = Detection()
    rescoring: Rescoring = Rescoring()
    audit: Audit = Audit()
    watch: Watch = Watch()
    pretrained: Pretrained = Pretrained()
    report: Report = Report()

    @field_validator("models", mode="before")
    @classmethod
    def _without_removed(cls, models: Any) -> Any:
        # A later configuration file removes a sweep with `name: null`; files are merged before they come here.
        return {k: v for k, v in models.items() if v is not None} if isinstance(models, dict) else models

    @model_validator(mode="after")
    def _parts_fit(self) -> "Configuration":
        for name in ORACLES:
            if name in self.models:
                raise ValueError(f"models: the name {name!r} belongs to the synthetic world's own, choose another")
        for name, settings in self.models.items():
            for part in getattr(settings, "estimators", []):
                if part not in self.models or hasattr(self.models[part], "estimators"):
                    fit = sorted(other for other in self.models if not hasattr(self.models[other], "estimators"))
                    raise ValueError(
                        f"models.{name}.estimators: {part!r} is not a model to put together, only {fit} are"
                    )
        known = {*self.models} | (set(ORACLES) if self.dataset.kind is DatasetKind.synthetic else set())
        asked = [("anomalies.models", name) for name in self.anomalies.models]
        asked += [(f"pretrained.models.{packaged}", name) for packaged, name in self.pretrained.models.items()]
        asked += [("rescoring.model", self.rescoring.model), ("rescoring.fusion_model", self.rescoring.fusion_model)]
        for where, name in [*asked, ("audit.model", self.audit.model)]:
            if name not in known and (where, name) != ("audit.model", "auto"):
                raise ValueError(f"{where}: there is no model {name!r}, only {sorted(known)}")
        of_objects = [
            name for name, settings in self.models.items() if isinstance(settings, object_transformer.Settings)
        ]
        if self.rescoring.object_model not in ("auto", "", *of_objects):
            raise ValueError(
                f"rescoring.object_model: {self.rescoring.object_model!r} is no model of the family object_transformer, "
                f"only {of_objects} are"
            )
        if self.dataset.kind is not DatasetKind.synthetic:
            for detector in self.detection.detectors:
                if not detector.weights and not detector.results:
                    raise ValueError(
                        f"detection.detectors: {detector.name!r} has no weights; only the synthetic world builds its "
                        "own. Give an ONNX file or a file of results, or set detection.detectors to []"
                    )
        return self


def read_config(values: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Configuration:
    """The configuration of Snakemake's ``config`` dictionary.

    Raises:
        UserError: a setting is unknown, of the wrong type, out of its bounds, or a data folder is not given.
    """
    # A section without settings, "dataset:", is as good as none.
    values = {name: copy.deepcopy(value) for name, value in values.items() if value is not None}
    if renamed := renamed_settings(values):
        raise UserError("configuration: " + "; ".join(renamed))
    try:
        try:
            settings = Configuration.model_validate(values)
        except ValidationError as error:
            _read_numbers(values, error)
            settings = Configuration.model_validate(values)
    except ValidationError as error:
        problems = [_explain(problem) for problem in error.errors()]
        raise UserError("configuration: " + "; ".join(problems)) from None
    if settings.scenes.include_person is None:
        included = settings.dataset.kind is DatasetKind.own
        scenes = settings.scenes.model_copy(update={"include_person": included})
        settings = settings.model_copy(update={"scenes": scenes})
    if settings.dataset.kind is DatasetKind.own:
        models = {
            name: model.model_copy(update={"min_steps": OWN_MIN_STEPS})
            if isinstance(model, masked.Settings | object_transformer.Settings) and model.min_steps is None
            else model
            for name, model in settings.models.items()
        }
        settings = settings.model_copy(update={"models": models})
    if settings.dataset.kind is DatasetKind.synthetic:
        return settings
    folder = settings.dataset.local_copy or environment.get(LOCAL_COPY_VARIABLE, "")
    if set(folder) & set("{}"):
        raise UserError(
            f"configuration: {LOCAL_COPY_VARIABLE} is {folder!r}: a path with braces, which Snakemake would take for wildcards; rename the folder."
        )
    if folder and not Path(folder).is_dir():
        raise UserError(
            f"configuration: dataset.local_copy {folder!r} is not a folder. An archive is found in its folder, by the "
            "name that COCO gave it: annotations_trainval2017.zip, val2017.zip."
        )
    if settings.dataset.kind is DatasetKind.own:
        if not folder:
            raise UserError(
                "configuration: dataset.kind is 'own', so a folder with the annotations is needed: "
                f"set dataset.local_copy, or the environment variable {LOCAL_COPY_VARIABLE}."
            )
        for setting in ("train_annotations", "val_annotations"):
            name = getattr(settings.dataset, setting)
            path = Path(folder) / name
            if not path.exists() and (name or setting == "train_annotations"):
                raise UserError(f"configuration: dataset.{setting}: there is no file {path}.")
    elif not settings.dataset.val_annotations or not settings.dataset.train_annotations:
        raise UserError(
            "configuration: dataset.train_annotations and dataset.val_annotations: COCO has a file for each."
        )
    return settings.model_copy(update={"dataset": settings.dataset.model_copy(update={"local_copy": folder})})


def _read_numbers(values: dict[str, Any], error: ValidationError) -> None:
    """Turn text into numbers where numbers are wanted: `--config 'world={seed: 3}'` comes as text from Snakemake."""
    for problem in error.errors():
        if problem["type"] not in ("int_type", "float_type", "bool_type") or not isinstance(problem["input"], str):
            continue
        *parents, last = _path(problem)
        parent: Any = values
        for part in parents:
            parent = parent[part]
        with suppress(NotYaml):  # then it is text, and the message says so
            parent[last] = read_yaml(problem["input"])


def _path(problem: Mapping[str, Any]) -> tuple:
    """Where a problem is, as the file has it: Pydantic puts a model's family between its name and its setting."""
    loc = problem["loc"]
    return loc[:2] + loc[3:] if loc[:1] == ("models",) and len(loc) > 2 and loc[2] in family_names() else loc


def _explain(problem: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in _path(problem))
    if problem["type"] == "extra_forbidden":
        return f"there is no setting {where}; config.yaml lists them all"
    if problem["type"] == "value_error":
        return f"{where}: {problem['ctx']['error']}" if where else str(problem["ctx"]["error"])
    return f"{where}: {problem['msg']}, found {short_repr(problem['input'])}"
