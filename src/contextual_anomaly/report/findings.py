"""What this reproduction found out about the original, each finding with the figures of the run that show it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from contextual_anomaly.report.html_tables import shown, with_interval
from contextual_anomaly.report.published_figures import EXPERIMENT_1
from contextual_anomaly.report.results import Results

PUBLISHED, LONGER, EVERY_IMAGE = "published", "longer", "every_image"
"""Sweeps of workflow/config/coco2017.yaml: the original, with 1,500 epochs, and on images of a single class too."""
POSITIONS, RAREST = "inject_20_least_common_label", "inject_20_rarest"
REMOVE, REMOVE_ALL = "remove", "remove_all_images"
UNITS = 10  # the size that the original chose


@dataclass(frozen=True)
class Finding:
    """A sentence, the figures that show it, and what they mean."""

    title: str
    text: str
    table: dict


class Findings:
    """All findings that a run has the figures for."""

    def __init__(self, results: Results, published: pd.DataFrame, corrected: pd.DataFrame) -> None:
        self.results = results
        self.published = published[published["metric"] == "found"]
        self.corrected = corrected

    def all(self) -> list[Finding]:
        """What is injected, how it is measured, how it is trained; what a run has no figures for is left out."""
        found = []
        if self._has_units(PUBLISHED):
            found += [self.positions(), self.false_alarms()]
            found += [self.own_images()] if len(self._sizes_with_removals()) else []
            found += [self.epochs()] if self._has_units(LONGER) else []
            found += [self.single_class_images()] if self._has_units(EVERY_IMAGE) else []
        return found + [self.bought_with_recall(name) for name in self.results.detectors]

    def _sizes_with_removals(self) -> pd.Index:
        """Published sizes that reconstruct at least one image well enough to try removals on it."""
        found = self.found(PUBLISHED, REMOVE).dropna().index
        return found[found.isin(list(EXPERIMENT_1[REMOVE]))]

    def _has_units(self, model: str) -> bool:
        return UNITS in self.found(model, "inject_any").index

    def found(self, model: str, experiment: str) -> pd.Series:
        """Per cent found, by bottleneck; mean over weight seeds."""
        rows = self.published[(self.published["model"] == model) & (self.published["experiment"] == experiment)]
        return 100 * rows.groupby("bottleneck", dropna=False)["value"].mean()

    def trials(self, model: str, experiment: str) -> pd.Series:
        """Trials, by bottleneck; mean over weight seeds."""
        rows = self.published[(self.published["model"] == model) & (self.published["experiment"] == experiment)]
        return rows.groupby("bottleneck", dropna=False)["trials"].mean()

    def measured(self, model: str, experiment: str, metric: str) -> float:
        """A figure of the corrected protocol, in per cent, with ten units where the model has units."""
        rows = self.corrected
        same = (rows["model"] == model) & (rows["experiment"] == experiment) & (rows["metric"] == metric)
        return 100 * rows[same & rows["bottleneck"].isin([UNITS, np.nan])]["value"].mean()

    def positions(self) -> Finding:
        """Positions in the list of ids, taken for class indices."""
        train = self.results.scenes["train"]
        frequency = (train.counts > 0).sum(0)
        order = np.argsort(frequency, kind="stable")  # the rarest first
        rank = np.empty(len(order), int)
        rank[order] = np.arange(1, len(order) + 1)
        injected = list(train.classes[:19])
        truly = sum(rank[:19] <= 20)
        table = beside(
            {
                "positions 0 to 18, %": self.found(PUBLISHED, POSITIONS),
                "true 20 rarest, %": self.found(PUBLISHED, RAREST),
            }
        )
        first = [self.measured(model, "inject_rarest", "hit_at_1") for model in ("frequency", PUBLISHED)]
        return Finding(
            "Positions were used as class indices",
            f"The “20 least common” classes that the original injects are the first {len(injected)} of its list, "
            f"{injected[0]} to {injected[-1]}. Counted from the rarest of {len(rank)}, {injected[0]} is number {rank[0]} and "
            f"the middle one of them number {int(np.median(rank[:19]))}; only {truly} are among the true 20 rarest "
            f"({', '.join(train.classes[c] for c in order[:20])}). With the true ones, the right column would have been "
            "published. "
            f"Asked which class was added, class frequency alone names the right one in {first[0]:.1f} % of images, the "
            f"autoencoder with {UNITS} units in {first[1]:.1f} %: what is rare needs no context to look odd.",
            table,
        )

    def false_alarms(self) -> Finding:
        """No term for genuine objects that are flagged."""
        rows = []
        for model, name in (("frequency", "class frequency"), (PUBLISHED, f"autoencoder, d = {UNITS}")):
            by_published = self.found(model, "inject_any")
            value = by_published.loc[UNITS] if UNITS in by_published.index else by_published.mean()
            figures = [
                self.measured(model, "inject_uniform", metric) for metric in ("detected", "false_alarms", "auroc")
            ]
            rows.append((name, value, *figures[:2], figures[2] / 100))
        columns = [
            "model",
            "published measure, any class, %",
            "added objects flagged, %",
            "genuine objects flagged, %",
            "AUROC",
        ]
        table = pd.DataFrame(rows, columns=columns)
        return Finding(
            "Nothing counts false alarms",
            "An added class counts as found where its expectation is below one half. Class frequency expects no class that "
            f"much and so “finds” {table.iloc[0, 1]:.1f} %, but it flags {table.iloc[0, 3]:.0f} % of the genuine objects too. "
            f"The autoencoder flags {table.iloc[1, 3]:.0f} % of them. AUROC, the probability that an added object looks odder "
            "than a genuine one, tells the two apart.",
            shown(table, dict(zip(columns[1:], (".1f", ".1f", ".1f", ".3f"), strict=True))),
        )

    def own_images(self) -> Finding:
        """Each autoencoder filters its own removal images."""
        columns = {
            "trials on its own images": self.trials(PUBLISHED, REMOVE),
            "found there, %": self.found(PUBLISHED, REMOVE),
            "trials on all images": self.trials(PUBLISHED, REMOVE_ALL),
            "found on all, %": self.found(PUBLISHED, REMOVE_ALL),
        }
        found, everywhere = columns["found there, %"].dropna(), columns["found on all, %"]
        small, large = self._sizes_with_removals()[[0, -1]]
        return Finding(
            "Each autoencoder chooses the images of its removals",
            "Removals are tried only on images that the autoencoder at hand reconstructs well, so that each is measured on "
            f"other images: with {small:.0f} units on {columns['trials on its own images'][small]:,.0f} trials, with "
            f"{large:.0f} on {columns['trials on its own images'][large]:,.0f}. The published fall from few units to many is "
            f"in part this choice: from {found[small]:.1f} to {found[large]:.1f} % on their own images, from "
            f"{everywhere[small]:.1f} to {everywhere[large]:.1f} % on the same images for all.",
            beside(columns, {name: ",.0f" for name in columns if "trials" in name}),
        )

    def epochs(self) -> Finding:
        """150 epochs against 1,500."""
        epochs = {name: int(self.results.history(name)["epoch"].max()) for name in (PUBLISHED, LONGER)}
        columns: dict[str, pd.Series] = {}
        for experiment, what in (("inject_any", "any class"), (REMOVE, "remove")):
            columns[f"{what}: paper, %"] = pd.Series({d: mean for d, (mean, _, _) in EXPERIMENT_1[experiment].items()})
            for name in (PUBLISHED, LONGER):
                columns[f"{what}: {epochs[name]:,} epochs, %"] = self.found(name, experiment)
        columns = {
            name: column[column.index.isin(self.found(LONGER, REMOVE).index)] for name, column in columns.items()
        }
        any_class = [self.found(name, "inject_any")[UNITS] for name in (PUBLISHED, LONGER)]
        losses = [self._final_loss(name) for name in (PUBLISHED, LONGER)]
        return Finding(
            f"{epochs[PUBLISHED]:,} epochs, not {epochs[LONGER]:,}",
            f"The published figures are those of {epochs[PUBLISHED]} epochs; the code says {epochs[LONGER]:,} today. Trained "
            f"that long, the autoencoder of {UNITS} units finds {any_class[1]:.1f} % of added classes in place of "
            f"{any_class[0]:.1f} %, while its validation loss goes from {losses[0]:.4f} to {losses[1]:.4f}: what reconstructs "
            "better copies what was added better, too.",
            beside(columns),
        )

    def _final_loss(self, model: str) -> float:
        history = self.results.history(model)
        last = history[(history["epoch"] == history["epoch"].max()) & (history["bottleneck"] == UNITS)]
        return last["val_loss"].mean()

    def single_class_images(self) -> Finding:
        """Training only on images of several classes."""
        several, every = len(self.results.scenes["train"].image_ids), len(self.results.every_scene("train").image_ids)
        rows = []
        for name, how in ((PUBLISHED, "images of several classes"), (EVERY_IMAGE, "every image")):
            auroc, removed = self.measured(name, "inject_uniform", "auroc"), self.measured(name, "remove", "hit_at_5")
            rows.append((how, self.found(name, "inject_any")[UNITS], auroc / 100, removed, self._company(name)))
        columns = [
            "learnt from",
            "published measure, any class, %",
            "AUROC, any class",
            "removed class among first 5, %",
            "other classes expected where there is one",
        ]
        company = [row[-1] for row in rows]
        return Finding(
            "Only images of several classes are learnt from",
            f"Of {every:,} training images with one of the classes, the original learns from the {several:,} that show "
            "several, and is judged on such images only. Shown an image of a single class, its autoencoder of "
            f"{UNITS} units expects {company[0]:.2f} other classes that are not there, one that learnt from every image "
            f"{company[1]:.2f}. On images of several classes that costs: AUROC {rows[1][2]:.3f} in place of {rows[0][2]:.3f}.",
            shown(
                pd.DataFrame(rows, columns=columns), dict(zip(columns[1:], (".1f", ".3f", ".1f", ".2f"), strict=True))
            ),
        )

    def _company(self, name: str) -> float:
        """How many absent classes are expected, summed up, in validation images of a single class."""
        scenes, model = self.results.every_scene("val"), self.results.model(name)
        alone = scenes.presence[(scenes.counts > 0).sum(1) == 1]
        members = [index for index, member in enumerate(model.members) if member.bottleneck == UNITS]
        return float((model.expected(alone)[members] * (1 - alone)).sum(2).mean())

    def bought_with_recall(self, detector: str) -> Finding:
        """Precision bought with recall in experiment 2."""
        summary = self.results.csv(f"experiments/rescoring/{detector}.summary.csv")
        of = {arm: rows.set_index("threshold") for arm, rows in summary.groupby("arm")}
        alone, gate = of["detector"], of["gate"]
        table = pd.DataFrame(
            {
                "threshold": gate.index,
                "precision won": (gate["precision"] - alone["precision"]).to_numpy(),
                "recall lost": (alone["recall"] - gate["recall"]).to_numpy(),
                "precision won at equal recall": [
                    with_interval(*v) for v in gate[["gain", "gain_low", "gain_high"]].to_numpy()
                ],
            }
        )
        at = 0.25 if 0.25 in gate.index else gate.index[0]
        row = table.set_index("threshold").loc[at]
        return Finding(
            f"Precision is bought with recall ({detector})",
            f"At threshold {at:g} the gate wins {row['precision won']:.3f} of precision and loses {row['recall lost']:.3f} of "
            "recall, which the paper does not state. A higher threshold without any context buys precision as well; at equal recall "
            f"the gate's differs from it by {row['precision won at equal recall']}.",
            shown(table, {"precision won": "+.3f", "recall lost": ".3f"}),
        )


def beside(columns: dict[str, pd.Series], formats: dict[str, str] | None = None) -> dict:
    """Columns over the number of units, one decimal."""
    table = pd.DataFrame(columns).dropna(how="all").rename_axis("d").reset_index()
    return shown(table.astype({"d": int}), dict.fromkeys(columns, ".1f") | (formats or {}))
