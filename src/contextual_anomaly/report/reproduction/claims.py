"""Claims about the original, each with the figures of this run that support it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.frames import intervals
from contextual_anomaly.report.html_tables import Table, html_table
from contextual_anomaly.report.reproduction.published_figures import EXPERIMENT_1

PUBLISHED, LONGER, EVERY_IMAGE = "published", "longer", "every_image"
"""Sweeps of workflow/config/coco2017.yaml: the original, with 1,500 epochs, and on images of a single class too."""
POSITIONS, RAREST = "inject_20_least_common_label", "inject_20_rarest"
REMOVE, REMOVE_ALL = "remove", "remove_all_images"
INJECTED = slice(19)  # the positions behind POSITIONS
UNITS = 10  # the size that the original chose
SAME_THRESHOLD, SAME_RECALL = "precision_gain_same_threshold", "precision_gain_same_recall"


@dataclass(frozen=True)
class Claim:
    """One claim about the original."""

    title: str
    text: str
    table: Table
    details: tuple[str, Table] | None = None  # a heading, and a table that is folded away


class Claims:
    """All claims that a run has the figures for.

    Args:
        run: The finished run.
        published: `tables.SUMMARY` of the published protocol.
        corrected: `tables.SUMMARY` of the corrected protocol.
    """

    def __init__(self, run: FinishedRun, published: pd.DataFrame, corrected: pd.DataFrame) -> None:
        """Keep the figures of both protocols."""
        self.run = run
        self.published = published[published["metric"] == "found"]
        self.corrected = corrected

    def all(self) -> list[Claim]:
        """Return the claims on injection, measures, training and rescoring that the run has the figures for."""
        claims = []
        if self._has_units(PUBLISHED):
            claims += [self.positions(), self.false_alarms()]
            claims += [self.own_images()] if len(self._sizes_with_removals()) else []
            claims += [self.epochs()] if self._has_units(LONGER) else []
            claims += [self.single_class_images()] if self._has_units(EVERY_IMAGE) else []
        return claims + [self.bought_with_recall(name) for name in self.run.detectors]

    def _sizes_with_removals(self) -> list[int]:
        """Return published sizes that reconstruct at least one image well enough to try removals on it."""
        found = self.found(PUBLISHED, REMOVE).dropna()
        return [size for size in found.index if size in EXPERIMENT_1[REMOVE]]

    def _has_units(self, model: str) -> bool:
        return UNITS in self.found(model, "inject_any").index

    def _variants(self, model: str, experiment: str) -> pd.DataFrame:
        rows = self.published
        return rows[(rows["model"] == model) & (rows["experiment"] == experiment)]

    def found(self, model: str, experiment: str) -> pd.Series:
        """Return per cent found by bottleneck, mean over weight seeds."""
        return 100 * self._variants(model, experiment).groupby("bottleneck", dropna=False)["value"].mean()

    def with_spread(self, model: str, experiment: str) -> pd.Series:
        """Return per cent found by bottleneck as text, mean ± standard deviation over weight seeds."""
        seeds = self._variants(model, experiment).groupby("bottleneck", dropna=False)["value"]
        figures = pd.DataFrame({"mean": 100 * seeds.mean(), "std": 100 * seeds.std()}).dropna(subset="mean")
        texts = [plus_minus(mean, std, ".1f") for mean, std in figures.to_numpy()]
        return pd.Series(texts, index=figures.index, dtype=object)

    def trials(self, model: str, experiment: str) -> pd.Series:
        """Return trials by bottleneck, mean over weight seeds."""
        return self._variants(model, experiment).groupby("bottleneck", dropna=False)["trials"].mean()

    def measured(self, model: str, experiment: str, metric: str) -> pd.Series:
        """Return a figure of the corrected protocol for each weight seed, with ten units where the model has units."""
        rows = self.corrected
        same = (rows["model"] == model) & (rows["experiment"] == experiment) & (rows["metric"] == metric)
        return rows[same & rows["bottleneck"].isin([UNITS, np.nan])]["value"]

    def positions(self) -> Claim:
        """Return the claim that positions in the list of ids were taken for class indices."""
        train = self.run.scenes["train"]
        frequency = (train.counts > 0).sum(0)
        order = np.argsort(frequency, kind="stable")  # the rarest first
        rank = np.empty(len(order), int)
        rank[order] = np.arange(1, len(order) + 1)
        injected = train.classes[INJECTED]
        truly = (rank[INJECTED] <= 20).sum()
        table = beside(
            {
                "positions 0 to 18, %": self.with_spread(PUBLISHED, POSITIONS),
                "true 20 rarest, %": self.with_spread(PUBLISHED, RAREST),
            }
        )
        first = [
            100 * self.measured(model, "inject_rarest", "recall_at_1").mean() for model in ("frequency", PUBLISHED)
        ]
        return Claim(
            "Positions were used as class indices",
            f"The “20 least common” classes that the original injects are the first {len(injected)} of its list, "
            f"{injected[0]} to {injected[-1]}. Counted from the rarest of {len(rank)}, {injected[0]} is number {rank[0]} "
            f"and the middle one of them number {int(np.median(rank[INJECTED]))}; only {truly} are among the true 20 "
            f"rarest ({', '.join(train.classes[c] for c in order[:20])}). The right column shows what would have been "
            "published for the true ones. Which class was added? Class frequency alone names the right one in "
            f"{first[0]:.1f} % of images, the autoencoder with {UNITS} units in {first[1]:.1f} %: a rare class needs no "
            "context to look unexpected.",
            table,
            ("The classes that were injected", self._injected(train.classes, frequency, rank)),
        )

    @staticmethod
    def _injected(classes: tuple[str, ...], frequency: np.ndarray, rank: np.ndarray) -> Table:
        """Return the injected classes beside as many of the rarest ones."""
        order = np.argsort(rank)
        columns = {
            "position": range(len(classes[INJECTED])),
            "injected": classes[INJECTED],
            "training images": frequency[INJECTED],
            "number from the rarest": rank[INJECTED],
            "the true rarest": [classes[c] for c in order[INJECTED]],
            "training images ": frequency[order[INJECTED]],
        }
        return html_table(pd.DataFrame(columns), {"training images": ",.0f", "training images ": ",.0f"})

    def false_alarms(self) -> Claim:
        """Return the claim that no measure counts genuine objects that are flagged."""
        rows, flagged = [], []
        for model, name in (("frequency", "class frequency"), (PUBLISHED, f"autoencoder, d = {UNITS}")):
            by_published = self.with_spread(model, "inject_any")
            found = by_published.loc[UNITS] if UNITS in by_published.index else by_published.iloc[0]
            tpr, fpr, auroc = (self.measured(model, "inject_uniform", metric) for metric in ("tpr", "fpr", "auroc"))
            flagged.append(100 * fpr.mean())
            rows.append(
                (name, found, over_seeds(100 * tpr, ".1f"), over_seeds(100 * fpr, ".1f"), over_seeds(auroc, ".3f"))
            )
        columns = [
            "model",
            "published measure, any class, %",
            "added objects flagged, %",
            "genuine objects flagged, %",
            "AUROC",
        ]
        return Claim(
            "Nothing counts false alarms",
            "An added class counts as found if the model's output for it is below one half. Class frequency has no output "
            f"as high as that and so “finds” {rows[0][1]} %, but it flags {flagged[0]:.0f} % of the genuine objects too. "
            f"The autoencoder flags {flagged[1]:.0f} % of them. AUROC tells the two apart: it is the probability that an "
            "added object looks more unexpected than a genuine one.",
            html_table(pd.DataFrame(rows, columns=columns), dict.fromkeys(columns[1:], "")),
        )

    def own_images(self) -> Claim:
        """Return the claim that each autoencoder selects the images of its own removals."""
        columns = {
            "trials on its own images": self.trials(PUBLISHED, REMOVE),
            "found there, %": self.with_spread(PUBLISHED, REMOVE),
            "trials on all images": self.trials(PUBLISHED, REMOVE_ALL),
            "found on all, %": self.with_spread(PUBLISHED, REMOVE_ALL),
        }
        trials, found = columns["trials on its own images"], self.found(PUBLISHED, REMOVE)
        everywhere = self.found(PUBLISHED, REMOVE_ALL)
        sizes = self._sizes_with_removals()
        small, large = sizes[0], sizes[-1]
        return Claim(
            "Each autoencoder chooses the images of its removals",
            "Removals are tried only on images that the autoencoder reconstructs well, so each size is measured on other "
            f"images: {small:.0f} units on {trials[small]:,.0f} trials, {large:.0f} units on {trials[large]:,.0f}. This "
            f"choice explains a part of the published fall from few units to many: from {found[small]:.1f} to "
            f"{found[large]:.1f} % on their own images, from {everywhere[small]:.1f} to {everywhere[large]:.1f} % on the "
            "same images for all.",
            beside(columns, {name: ",.0f" for name in columns if "trials" in name}),
        )

    def epochs(self) -> Claim:
        """Return the claim that 150 epochs were trained, not the 1,500 of the code."""
        epochs = {name: int(self.run.history(name)["epoch"].max()) for name in (PUBLISHED, LONGER)}
        columns: dict[str, pd.Series] = {}
        for experiment, title in (("inject_any", "any class"), (REMOVE, "remove")):
            columns[f"{title}: paper, %"] = pd.Series({d: mean for d, (mean, _, _) in EXPERIMENT_1[experiment].items()})
            for name in (PUBLISHED, LONGER):
                columns[f"{title}: {epochs[name]:,} epochs, %"] = self.with_spread(name, experiment)
        sizes = self.found(LONGER, REMOVE).index
        columns = {name: column[column.index.isin(sizes)] for name, column in columns.items()}
        any_class = [self.found(name, "inject_any")[UNITS] for name in (PUBLISHED, LONGER)]
        losses = [self._final_loss(name) for name in (PUBLISHED, LONGER)]
        return Claim(
            f"{epochs[PUBLISHED]:,} epochs, not {epochs[LONGER]:,}",
            f"The published figures are those of {epochs[PUBLISHED]} epochs; the code says {epochs[LONGER]:,} today. Trained "
            f"that long, the autoencoder of {UNITS} units finds {any_class[1]:.1f} % of added classes in place of "
            f"{any_class[0]:.1f} %, while its validation loss goes from {losses[0]:.4f} to {losses[1]:.4f}. An autoencoder "
            "that reconstructs better also reproduces an added class better.",
            beside(columns),
        )

    def _final_loss(self, model: str) -> float:
        history = self.run.history(model)
        last = history[(history["epoch"] == history["epoch"].max()) & (history["bottleneck"] == UNITS)]
        return float(last["val_loss"].mean())

    def single_class_images(self) -> Claim:
        """Return the claim that training leaves out images of a single class."""
        several = len(self.run.scenes["train"].image_ids)
        every = len(self.run.unfiltered_scenes("train").image_ids)
        rows, company, aurocs = [], [], []
        for name, trained_on in ((PUBLISHED, "images of several classes"), (EVERY_IMAGE, "every image")):
            auroc, recall = self.measured(name, "inject_uniform", "auroc"), self.measured(name, "remove", "recall_at_5")
            predicted = self.predicted_company(name)
            company.append(predicted.mean())
            aurocs.append(auroc.mean())
            rows.append(
                (
                    trained_on,
                    self.with_spread(name, "inject_any").loc[UNITS],
                    over_seeds(auroc, ".3f"),
                    over_seeds(100 * recall, ".1f"),
                    over_seeds(predicted, ".2f"),
                )
            )
        columns = [
            "trained on",
            "published measure, any class, %",
            "AUROC, any class",
            "removed class among first 5, %",
            "other classes predicted where there is one class",
        ]
        return Claim(
            "Training leaves out images of a single class",
            f"Of {every:,} training images with one of the classes, the original learns from the {several:,} that show "
            "several, and is tested on such images only. For an image of a single class, its autoencoder of "
            f"{UNITS} units predicts {company[0]:.2f} other classes that are absent; one that was trained on every image "
            f"predicts {company[1]:.2f}. The price is paid on images of several classes: AUROC {aurocs[1]:.3f} in place of "
            f"{aurocs[0]:.3f}.",
            html_table(pd.DataFrame(rows, columns=columns), dict.fromkeys(columns[1:], "")),
        )

    def predicted_company(self, name: str) -> pd.Series:
        """Return the sum of outputs for absent classes in validation images of a single class, for each weight seed."""
        scenes, model = self.run.unfiltered_scenes("val"), self.run.model(name)
        alone = scenes.presence[(scenes.counts > 0).sum(1) == 1]
        variants = [index for index, variant in enumerate(model.variants) if variant.bottleneck == UNITS]
        return pd.Series((model.predict_proba(alone)[variants] * (1 - alone)).sum(2).mean(1))

    def rescored(self, detector: str) -> pd.DataFrame:
        """Return the summary of experiment 2 for a detector."""
        return self.run.csv(f"experiments/rescoring/{detector}.summary.csv")

    def bought_with_recall(self, detector: str) -> Claim:
        """Return the claim that experiment 2 buys precision with recall."""
        methods = {
            str(method): rows.set_index("threshold") for method, rows in self.rescored(detector).groupby("method")
        }
        alone, gate = methods["detector"], methods["gate"]
        lost = (alone["recall"] - gate["recall"]).to_numpy()
        table = pd.DataFrame(
            {
                "threshold": gate.index,
                "precision gained": intervals(gate, SAME_THRESHOLD, f"{SAME_THRESHOLD}_low", f"{SAME_THRESHOLD}_high"),
                "recall lost": lost,
                "precision gained at equal recall": intervals(
                    gate, SAME_RECALL, f"{SAME_RECALL}_low", f"{SAME_RECALL}_high"
                ),
            }
        )
        row = gate.index.tolist().index(0.25) if 0.25 in gate.index else 0
        return Claim(
            f"Precision is bought with recall ({detector})",
            f"At threshold {gate.index[row]:g} the gate gains {gate[SAME_THRESHOLD].iloc[row]:.3f} of precision and loses "
            f"{lost[row]:.3f} of recall, which the paper does not state. A higher threshold without any context buys "
            "precision as well; at equal recall the difference between the gate and the detector alone is "
            f"{table['precision gained at equal recall'].iloc[row]}.",
            html_table(table, dict.fromkeys(table.columns[1:], ".3f")),
        )


def beside(columns: Mapping[str, pd.Series], formats: dict[str, str] | None = None) -> Table:
    """Return columns over the number of units as a table, with one decimal."""
    table = pd.DataFrame(dict(columns)).dropna(how="all").rename_axis("d").reset_index()
    return html_table(table.astype({"d": int}), dict.fromkeys(columns, ".1f") | (formats or {}))


def plus_minus(mean: float, std: float, specification: str) -> str:
    """Return mean ± standard deviation as text, as 70.1 ± 0.8; the mean alone where there is one seed."""
    return format(mean, specification) if np.isnan(std) else f"{mean:{specification}} ± {std:{specification}}"


def over_seeds(values: pd.Series, specification: str) -> str:
    """Return mean ± standard deviation over weight seeds as text."""
    return plus_minus(float(values.mean()), float(values.std()), specification)
