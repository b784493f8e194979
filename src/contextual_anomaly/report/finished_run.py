"""Read what a finished run has left in its results folder, for the report."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from contextual_anomaly import tables
from contextual_anomaly.detection.detections import read_image_report
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.models.registry import load_model
from contextual_anomaly.models.store import read_model
from contextual_anomaly.runtime.atomic import read_text, require_file
from contextual_anomaly.runtime.safe_text import from_cells
from contextual_anomaly.scenes import Scenes, read_scenes

SPLITS = ("train", "val")
PUBLISHED_PROTOCOL_FAMILIES = ("autoencoder", "frequency", "oracle")
"""The families that the published protocol is run with: the paper's, a baseline and a ceiling."""


@dataclass(frozen=True)
class FinishedRun:
    """A results folder, and the models, detectors and auditors that were run in it."""

    folder: Path
    families: dict[str, str]  # model -> family
    listings: list[str]  # models that list anomalies
    detectors: list[str]
    fetched: Path | None  # the table of images that were fetched one by one
    auditors: list[str] = field(default_factory=list)
    out_of_context: bool = False  # whether images that are out of context by nature were asked for
    object_judges: list[str] = field(default_factory=list)  # models that were asked about single objects
    watch: bool = False  # whether the promise of a watch was tried

    @cached_property
    def scenes(self) -> dict[str, Scenes]:
        """The scenes of both splits."""
        return {split: read_scenes(self.folder / "scenes" / f"{split}.parquet") for split in SPLITS}

    def unfiltered_scenes(self, split: str) -> Scenes:
        """Return the scenes of a split, images of a single class included."""
        return read_scenes(self.folder / f"scenes/{split}_unfiltered.parquet")

    def model(self, name: str) -> ContextModel:
        """Return a fitted model."""
        return load_model(self.folder / f"models/{name}.safetensors")

    @cached_property
    def annotations(self) -> pd.DataFrame:
        """`tables.ANNOTATIONS` of the validation split, with the name of each object's class in a column name."""
        objects = tables.read_table(self.folder / "annotations/val.parquet", tables.ANNOTATIONS).to_pandas()
        categories = tables.read_table(self.folder / "categories/val.parquet", tables.CATEGORIES).to_pandas()
        return objects.merge(categories[["category_id", "name"]], on="category_id")

    @cached_property
    def image_sizes(self) -> dict[int, tuple[int, int]]:
        """Width and height in pixels of the validation images by image_id, as the annotations give them."""
        columns = ("image_id", "width", "height")
        images = tables.read_table(self.folder / "images/val.parquet", tables.IMAGES, columns).to_pydict()
        return {i: (w, h) for i, w, h in zip(*(images[column] for column in columns), strict=True) if w and h}

    @property
    def sweeps(self) -> list[str]:
        """The autoencoders, which have several bottlenecks each."""
        return [name for name, family in self.families.items() if family == "autoencoder"]

    @cached_property
    def chosen_bottlenecks(self) -> dict[str, int]:
        """The bottleneck that stands for each sweep."""
        chosen = {}
        for name in self.sweeps:
            metadata, _ = read_model(self.folder / f"models/{name}.safetensors")
            chosen[name] = json.loads(metadata["family_settings"])["chosen_bottleneck"]
        return chosen

    def sees_itself(self, model: str) -> bool:
        """Return whether the model sees the class whose probability it gives, as the paper's autoencoder does."""
        return model in self.sweeps and not getattr(self.model(model), "leave_one_out", True)

    def label(self, model: str) -> str:
        """Return the name of a model in figures and tables."""
        return f"{model}, d = {self.chosen_bottlenecks[model]}" if model in self.sweeps else model

    def fit_seconds(self, model: str) -> float | None:
        """Return how long the fit took, all variants together; None where it was not measured."""
        return self._measured(f"models/{model}.timing.json", "fit_seconds")

    def milliseconds_per_scene(self, model: str) -> float | None:
        """Return how long the model takes for one scene; None where it was not measured."""
        return self._measured(f"experiments/corrected/{model}.timing.json", "milliseconds_per_scene")

    def _measured(self, name: str, key: str) -> float | None:
        value = self._json(self.folder / name).get(key)
        return None if value is None else float(value)

    def usage(self) -> pd.DataFrame:
        """Return time and memory of each step of the workflow that measured them.

        Returns:
            Columns step, seconds, peak_memory_mb (of the step and its child processes).
        """
        rows = []
        for path in sorted((self.folder / "logs").rglob("*.usage.json")):
            if not path.stat().st_size:
                continue  # Snakemake leaves an empty file where it takes a step's results from its cache.
            usage = self._json(path)
            step = path.name.removesuffix(".usage.json").replace(".", " ")
            rows.append((step, usage.get("seconds"), usage.get("peak_memory_mb")))
        columns = ["step", "seconds", "peak_memory_mb"]
        return pd.DataFrame(rows, columns=columns).astype({"seconds": float, "peak_memory_mb": float})

    @staticmethod
    def _json(path: Path) -> dict:
        if not path.is_file():
            return {}
        try:
            return json.loads(read_text(path, "a file of a step"))
        except ValueError as error:
            raise UserError(f"{path}: not a readable JSON file ({error}). Delete it and run again.") from error

    def anomalies(self, model: str) -> pd.DataFrame:
        """Return `tables.ANOMALIES` of a model."""
        return tables.read_table(self.folder / "anomalies" / f"{model}.parquet", tables.ANOMALIES).to_pandas()

    def odd_objects(self, model: str) -> tuple[pd.DataFrame, str]:
        """Return `tables.ODD_OBJECTS` of a model, and what it is told of an object: "box and company" or "company"."""
        table = tables.read_table(self.folder / f"experiments/objects/{model}.odd.parquet", tables.ODD_OBJECTS)
        return table.to_pandas(), tables.metadata_of(table)["given"]

    def history(self, model: str) -> pd.DataFrame:
        """Return the losses of a sweep, in columns bottleneck, seed, epoch, loss and val_loss."""
        return self.csv(f"models/{model}.history.csv")

    @property
    def in_published(self) -> list[str]:
        """The models that the published protocol was run with."""
        return [name for name, family in self.families.items() if family in PUBLISHED_PROTOCOL_FAMILIES]

    def summary(self, protocol: str) -> pd.DataFrame:
        """Return `tables.SUMMARY` of all models.

        Args:
            protocol: "published", "corrected" or "objects".
        """
        folder = self.folder / "experiments" / protocol
        models = {"published": self.in_published, "objects": self.object_judges}.get(protocol, list(self.families))
        if not models:
            return tables.empty_table(tables.SUMMARY).to_pandas()
        parts = [tables.read_table(folder / f"{model}.summary.parquet", tables.SUMMARY) for model in models]
        return pd.concat([part.to_pandas() for part in parts], ignore_index=True)

    def draws(self, model: str) -> pd.DataFrame:
        """Return each draw of the published protocol.

        Returns:
            Columns experiment, bottleneck, weight_seed, draw, found, trials.
        """
        return tables.read_table(self.folder / f"experiments/published/{model}.draws.parquet", tables.DRAWS).to_pandas()

    def csv(self, name: str) -> pd.DataFrame:
        """Return a CSV table of the results folder.

        Raises:
            UserError: The file is missing, damaged, or has other columns.
        """
        path = require_file(self.folder / name, "a table of an earlier stage")
        try:
            frame = from_cells(pd.read_csv(path, keep_default_na=False, na_values=[""]))
        except ValueError as error:
            raise UserError(f"{path}: not a readable CSV file ({error}). Delete it and run again.") from error
        if columns := tables.csv_columns(path):
            tables.check_csv(frame, columns, path)
        return frame

    def optional_csv(self, name: str) -> pd.DataFrame | None:
        """Return a CSV table of the results folder, None where it is missing or empty."""
        path = self.folder / name
        return self.csv(name) if path.is_file() and path.stat().st_size else None

    def missing_images(self) -> tuple[int, list[str]]:
        """Return how many images were fetched one by one, and the names of those that no server has."""
        if self.fetched is None:
            return 0, []
        rows = read_image_report(self.fetched, ("present", "missing", "failed"))
        return len(rows), rows.loc[rows["status"] == "missing", "file_name"].tolist()
