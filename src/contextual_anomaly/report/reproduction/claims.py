"""What this reproduction found out about the original, each claim with the figures of the run that show it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.html_tables import shown, with_interval
from contextual_anomaly.report.reproduction.published_figures import EXPERIMENT_1

PUBLISHED, LONGER, EVERY_IMAGE = "published", "longer", "every_image"
"""Sweeps of workflow/config/coco2017.yaml: the original, with 1,500 epochs, and on images of a single class too."""
POSITIONS, RAREST = "inject_20_least_common_label", "inject_20_rarest"
REMOVE, REMOVE_ALL = "remove", "remove_all_images"
INJECTED = slice(19)  # the positions behind the first of these
UNITS = 10  # the size that the original chose


@dataclass(frozen=True)
class Claim:
    """A sentence, the figures that show it, and what they mean."""

    title: str
    text: str
    table: dict
    details: tuple[str, dict] | None = None  # a heading, and a table that not everybody looks at


class Claims:
    """All claims that a run has the figures for."""

    def __init__(self, results: FinishedRun, published: pd.DataFrame, corrected: pd.DataFrame) -> None:
        self.results = results
        self.published = published[published["metric"] == "found"]
        self.corrected = corrected

    def all(self) -> list[Claim]:
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

    def with_spread(self, model: str, experiment: str) -> pd.Series:
        """Per cent found, by bottleneck, as text: mean ± standard deviation over weight seeds."""
        rows = self.published[(self.published["model"] == model) & (self.published["experiment"] == experiment)]
        seeds = rows.groupby("bottleneck", dropna=False)["value"]
        mean, std = 100 * seeds.mean(), 100 * seeds.std()
        return pd.Series({d: plus_minus(mean[d], std[d], ".1f") for d in mean.dropna().index}, dtype=object)

    def trials(self, model: str, experiment: str) -> pd.Series:
        """Trials, by bottleneck; mean over weight seeds."""
        rows = self.published[(self.published["model"] == model) & (self.published["experiment"] == experiment)]
        return rows.groupby("bottleneck", dropna=False)["trials"].mean()

    def measured(self, model: str, experiment: str, metric: str) -> pd.Series:
        """A figure of the corrected protocol for each weight seed, with ten units where the model has units."""
        rows = self.corrected
        same = (rows["model"] == model) & (rows["experiment"] == experiment) & (rows["metric"] == metric)
        return rows[same & rows["bottleneck"].isin([UNITS, np.nan])]["value"]

    def positions(self) -> Claim:
        """Positions in the list of ids, taken for class indices."""
        train = self.results.scenes["train"]
        frequency = (train.counts > 0).sum(0)
        order = np.argsort(frequency, kind="stable")  # the rarest first
        rank = np.empty(len(order), int)
        rank[order] = np.arange(1, len(order) + 1)
        injected = train.classes[INJECTED]
        truly = sum(rank[INJECTED] <= 20)
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
            f"{injected[0]} to {injected[-1]}. Counted from the rarest of {len(rank)}, {injected[0]} is number {rank[0]} and "
            f"the middle one of them number {int(np.median(rank[INJECTED]))}; only {truly} are among the true 20 rarest "
            f"({', '.join(train.classes[c] for c in order[:20])}). With the true ones, the right column would have been "
            "published. "
            f"Asked which class was added, class frequency alone names the right one in {first[0]:.1f} % of images, the "
            f"autoencoder with {UNITS} units in {first[1]:.1f} %: what is rare needs no context to look odd.",
            table,
            ("The classes that were injected", self._injected(train.classes, frequency, rank)),
        )

    @staticmethod
    def _injected(classes: tuple[str, ...], frequency: np.ndarray, rank: np.ndarray) -> dict:
        """The first of the list, beside those that are as many from the rarest."""
        order = np.argsort(rank)
        columns = {
            "position": range(len(classes[INJECTED])),
            "injected": classes[INJECTED],
            "training images": frequency[INJECTED],
            "number from the rarest": rank[INJECTED],
            "the true rarest": [classes[c] for c in order[INJECTED]],
            "training images ": frequency[order[INJECTED]],
        }
        return shown(pd.DataFrame(columns), {"training images": ",.0f", "training images ": ",.0f"})

    def false_alarms(self) -> Claim:
        """No term for genuine objects that are flagged."""
        rows, flagged = [], []
        for model, name in (("frequency", "class frequency"), (PUBLISHED, f"autoencoder, d = {UNITS}")):
            by_published = self.with_spread(model, "inject_any")
            value = by_published.loc[UNITS] if UNITS in by_published.index else by_published.iloc[0]
            figures = [self.measured(model, "inject_uniform", metric) for metric in ("tpr", "fpr", "auroc")]
            flagged.append(100 * figures[1].mean())
            rows.append(
                (name, value, *(over_seeds(100 * f, ".1f") for f in figures[:2]), over_seeds(figures[2], ".3f"))
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
            "An added class counts as found where its expectation is below one half. Class frequency expects no class that "
            f"much and so “finds” {rows[0][1]} %, but it flags {flagged[0]:.0f} % of the genuine objects too. "
            f"The autoencoder flags {flagged[1]:.0f} % of them. AUROC, the probability that an added object looks odder "
            "than a genuine one, tells the two apart.",
            shown(pd.DataFrame(rows, columns=columns), dict.fromkeys(columns[1:], "")),
        )

    def own_images(self) -> Claim:
        """Each autoencoder filters its own removal images."""
        columns = {
            "trials on its own images": self.trials(PUBLISHED, REMOVE),
            "found there, %": self.with_spread(PUBLISHED, REMOVE),
            "trials on all images": self.trials(PUBLISHED, REMOVE_ALL),
            "found on all, %": self.with_spread(PUBLISHED, REMOVE_ALL),
        }
        found, everywhere = self.found(PUBLISHED, REMOVE), self.found(PUBLISHED, REMOVE_ALL)
        small, large = self._sizes_with_removals()[[0, -1]]
        return Claim(
            "Each autoencoder chooses the images of its removals",
            "Removals are tried only on images that the autoencoder at hand reconstructs well, so that each is measured on "
            f"other images: with {small:.0f} units on {columns['trials on its own images'][small]:,.0f} trials, with "
            f"{large:.0f} on {columns['trials on its own images'][large]:,.0f}. The published fall from few units to many is "
            f"in part this choice: from {found[small]:.1f} to {found[large]:.1f} % on their own images, from "
            f"{everywhere[small]:.1f} to {everywhere[large]:.1f} % on the same images for all.",
            beside(columns, {name: ",.0f" for name in columns if "trials" in name}),
        )

    def epochs(self) -> Claim:
        """150 epochs against 1,500."""
        epochs = {name: int(self.results.history(name)["epoch"].max()) for name in (PUBLISHED, LONGER)}
        columns: dict[str, pd.Series] = {}
        for experiment, what in (("inject_any", "any class"), (REMOVE, "remove")):
            columns[f"{what}: paper, %"] = pd.Series({d: mean for d, (mean, _, _) in EXPERIMENT_1[experiment].items()})
            for name in (PUBLISHED, LONGER):
                columns[f"{what}: {epochs[name]:,} epochs, %"] = self.with_spread(name, experiment)
        columns = {
            name: column[column.index.isin(self.found(LONGER, REMOVE).index)] for name, column in columns.items()
        }
        any_class = [self.found(name, "inject_any")[UNITS] for name in (PUBLISHED, LONGER)]
        losses = [self._final_loss(name) for name in (PUBLISHED, LONGER)]
        return Claim(
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

    def single_class_images(self) -> Claim:
        """Training only on images of several classes."""
        several, every = len(self.results.scenes["train"].image_ids), len(self.results.every_scene("train").image_ids)
        rows, company, auroc = [], [], []
        for name, how in ((PUBLISHED, "images of several classes"), (EVERY_IMAGE, "every image")):
            of_seeds = self.measured(name, "inject_uniform", "auroc"), self.measured(name, "remove", "recall_at_5")
            expected = self.company(name)
            company.append(expected.mean())
            auroc.append(of_seeds[0].mean())
            rows.append(
                (
                    how,
                    self.with_spread(name, "inject_any")[UNITS],
                    over_seeds(of_seeds[0], ".3f"),
                    over_seeds(100 * of_seeds[1], ".1f"),
                    over_seeds(expected, ".2f"),
                )
            )
        columns = [
            "learnt from",
            "published measure, any class, %",
            "AUROC, any class",
            "removed class among first 5, %",
            "other classes expected where there is one",
        ]
        return Claim(
            "Only images of several classes are learnt from",
            f"Of {every:,} training images with one of the classes, the original learns from the {several:,} that show "
            "several, and is judged on such images only. Shown an image of a single class, its autoencoder of "
            f"{UNITS} units expects {company[0]:.2f} other classes that are not there, one that learnt from every image "
            f"{company[1]:.2f}. On images of several classes that costs: AUROC {auroc[1]:.3f} in place of {auroc[0]:.3f}.",
            shown(pd.DataFrame(rows, columns=columns), dict.fromkeys(columns[1:], "")),
        )

    def company(self, name: str) -> pd.Series:
        """How many absent classes each weight seed expects, summed up, in validation images of a single class."""
        scenes, model = self.results.every_scene("val"), self.results.model(name)
        alone = scenes.presence[(scenes.counts > 0).sum(1) == 1]
        variants = [index for index, variant in enumerate(model.variants) if variant.bottleneck == UNITS]
        return pd.Series((model.predict_proba(alone)[variants] * (1 - alone)).sum(2).mean(1))

    def rescored(self, detector: str) -> pd.DataFrame:
        """What `rescoring.summary` says of a detector."""
        return self.results.csv(f"experiments/rescoring/{detector}.summary.csv")

    def bought_with_recall(self, detector: str) -> Claim:
        """Precision bought with recall in experiment 2."""
        of = {method: rows.set_index("threshold") for method, rows in self.rescored(detector).groupby("method")}
        alone, gate = of["detector"], of["gate"]
        table = pd.DataFrame(
            {
                "threshold": gate.index,
                "precision won": [
                    with_interval(*v)
                    for v in gate[
                        [
                            "precision_gain_same_threshold",
                            "precision_gain_same_threshold_low",
                            "precision_gain_same_threshold_high",
                        ]
                    ].to_numpy()
                ],
                "recall lost": (alone["recall"] - gate["recall"]).to_numpy(),
                "precision won at equal recall": [
                    with_interval(*v)
                    for v in gate[
                        [
                            "precision_gain_same_recall",
                            "precision_gain_same_recall_low",
                            "precision_gain_same_recall_high",
                        ]
                    ].to_numpy()
                ],
            }
        )
        at = 0.25 if 0.25 in gate.index else gate.index[0]
        row = table.set_index("threshold").loc[at]
        return Claim(
            f"Precision is bought with recall ({detector})",
            f"At threshold {at:g} the gate wins {gate['precision_gain_same_threshold'][at]:.3f} of precision and loses {row['recall lost']:.3f} of "
            "recall, which the paper does not state. A higher threshold without any context buys precision as well; at equal recall "
            f"the gate's differs from it by {row['precision won at equal recall']}.",
            shown(table, dict.fromkeys(table.columns[1:], ".3f")),
        )


def beside(columns: dict[str, pd.Series], formats: dict[str, str] | None = None) -> dict:
    """Columns over the number of units, one decimal."""
    table = pd.DataFrame(columns).dropna(how="all").rename_axis("d").reset_index()
    return shown(table.astype({"d": int}), dict.fromkeys(columns, ".1f") | (formats or {}))


def plus_minus(mean: float, std: float, how: str) -> str:
    """70.1 ± 0.8; without the second where there is one seed."""
    return format(mean, how) if np.isnan(std) else f"{mean:{how}} ± {std:{how}}"


def over_seeds(values: pd.Series, how: str) -> str:
    """Mean ± standard deviation over weight seeds."""
    return plus_minus(values.mean(), values.std(), how)
