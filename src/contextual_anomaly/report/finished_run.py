"""What a run has left in its results folder, read for the report."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from contextual_anomaly import tables
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.models.registry import load_model
from contextual_anomaly.models.store import read_model
from contextual_anomaly.runtime.atomic import require_file
from contextual_anomaly.scenes import Scenes, read_scenes

FINISHED = re.compile(r"^finished in ([\d.]+) s, peak memory (\d+) MB$")


@dataclass(frozen=True)
class FinishedRun:
    """A results folder, and which models and detectors were run in it."""

    folder: Path
    families: dict[str, str]  # model -> family
    listings: list[str]  # models that list anomalies
    detectors: list[str]
    fetched: Path | None  # the report of the images that were fetched one by one

    @cached_property
    def scenes(self) -> dict[str, Scenes]:
        """Train and val."""
        return {split: read_scenes(self.folder / "scenes" / f"{split}.parquet") for split in ("train", "val")}

    def every_scene(self, split: str) -> Scenes:
        """A split with the images of a single class."""
        return read_scenes(self.folder / f"scenes/{split}_unfiltered.parquet")

    def model(self, name: str) -> ContextModel:
        """A fitted model."""
        return load_model(self.folder / f"models/{name}.safetensors")

    @cached_property
    def annotations(self) -> pd.DataFrame:
        """Objects of val, with the names of their classes."""
        objects = tables.read_table(self.folder / "annotations/val.parquet", tables.ANNOTATIONS).to_pandas()
        categories = tables.read_table(self.folder / "categories/val.parquet", tables.CATEGORIES).to_pandas()
        return objects.merge(categories[["category_id", "name"]], on="category_id")

    @property
    def sweeps(self) -> list[str]:
        """The autoencoders, each of several bottlenecks."""
        return [name for name, family in self.families.items() if family == "autoencoder"]

    @cached_property
    def chosen_bottlenecks(self) -> dict[str, int]:
        """Of each sweep, the bottleneck that stands for it."""
        chosen = {}
        for name in self.sweeps:
            metadata, _ = read_model(self.folder / f"models/{name}.safetensors")
            chosen[name] = json.loads(metadata["family_settings"])["chosen_bottleneck"]
        return chosen

    def sees_itself(self, model: str) -> bool:
        """Whether a model sees the class that it is asked for, as the paper's autoencoder does."""
        return model in self.sweeps and not self.model(model).leave_one_out

    def label(self, model: str) -> str:
        """How a model is named in figures and tables."""
        return f"{model}, d = {self.chosen_bottlenecks[model]}" if model in self.sweeps else model

    def costs(self) -> dict[str, tuple[float | None, float | None]]:
        """Of each model, seconds that it took to fit and milliseconds of one answer, as its steps' logs tell."""
        return {
            model: (
                self._told(f"fit.{model}", r"^fitted in ([\d.]+) s$"),
                self._told(f"experiment_corrected.{model}", r"about one in ([\d.]+) ms$"),
            )
            for model in self.families
        }

    def _told(self, log: str, what: str) -> float | None:
        path = self.folder / f"logs/{log}.log"
        found = re.search(what, path.read_text(encoding="utf-8"), re.MULTILINE) if path.is_file() else None
        return float(found[1]) if found else None

    def anomalies(self, model: str) -> pd.DataFrame:
        """The listing of a model."""
        return tables.read_table(self.folder / "anomalies" / f"{model}.parquet", tables.ANOMALIES).to_pandas()

    def history(self, model: str) -> pd.DataFrame:
        """bottleneck, seed, epoch, loss, val_loss."""
        return self.csv(f"models/{model}.history.csv")

    @property
    def in_published(self) -> list[str]:
        """The models that the published protocol was run with."""
        return [n for n, family in self.families.items() if family in ("autoencoder", "frequency", "oracle")]

    def summary(self, protocol: str) -> pd.DataFrame:
        """`tables.SUMMARY` of all models of a protocol."""
        folder = self.folder / "experiments" / protocol
        models = self.in_published if protocol == "published" else self.families
        parts = [tables.read_table(folder / f"{model}.summary.parquet", tables.SUMMARY) for model in models]
        return pd.concat([part.to_pandas() for part in parts], ignore_index=True)

    def draws(self, model: str) -> pd.DataFrame:
        """experiment, bottleneck, weight_seed, draw, found, trials of the published protocol."""
        path = require_file(self.folder / f"experiments/published/{model}.draws.parquet", "the draws of experiment 1")
        return pd.read_parquet(path)

    def csv(self, name: str) -> pd.DataFrame:
        """A table of the results folder."""
        path = require_file(self.folder / name, "a table of an earlier stage")
        try:
            return pd.read_csv(path, keep_default_na=False, na_values=[""])
        except ValueError as error:
            raise UserError(f"{path}: not a readable CSV file ({error}). Delete it and run again.") from error

    def missing_images(self) -> tuple[int, list[str]]:
        """How many images were asked for one by one, and the names of those that no server has."""
        if self.fetched is None:
            return 0, []
        rows = pd.read_csv(require_file(self.fetched, "the report of fetch-images"))
        return len(rows), rows.loc[rows["status"] == "missing", "file_name"].tolist()

    def timings(self) -> pd.DataFrame:
        """step, seconds, peak_memory_mb of each log that tells them."""
        rows = []
        for log in sorted((self.folder / "logs").glob("*.log")):
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            told = FINISHED.match(lines[-1]) if lines else None
            if told:
                rows.append((log.stem.replace(".", " "), float(told[1]), int(told[2])))
        return pd.DataFrame(rows, columns=["step", "seconds", "peak_memory_mb"])
