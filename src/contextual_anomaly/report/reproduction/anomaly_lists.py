"""The published list of anomalies beside those of our autoencoders of the same size."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.report.reproduction.published_anomalies import MISSING, UNEXPECTED
from contextual_anomaly.scenes import Scenes
from contextual_anomaly.stats.log_odds import logit

KINDS = ("unexpected", "missing")
ROUNDED = 5e-7  # the published outputs have six decimals


@dataclass(frozen=True)
class Thresholds:
    """The outputs of an autoencoder below or above which a class is listed."""

    name: str
    unexpected_below: float
    missing_above: float


LIST = Thresholds("as in the published list", 0.001, 0.9)
"""The published list holds no output between 0.001 and 0.9, so it was made with these thresholds."""
CODE = Thresholds("as in the code", 0.01, 0.85)
"""The thresholds of the published code."""


@dataclass(frozen=True)
class AnomalyLists:
    """The published flags whose class and image are in the scenes, and the outputs of S variants for every class."""

    flags: pd.DataFrame  # image_id, kind, category, published (output of the original's autoencoder), row, column
    presence: np.ndarray  # [N, C]
    output: np.ndarray  # [S, N, C], of one weight seed each

    @classmethod
    def of(cls, model: ContextModel, scenes: Scenes, bottleneck: int) -> "AnomalyLists":
        """Return the lists of all weight seeds of one size.

        Args:
            model: A sweep.
            scenes: The validation scenes.
            bottleneck: The size.
        """
        flags = pd.DataFrame(
            [
                (image, kind, category, published)
                for kind, lists in zip(KINDS, (UNEXPECTED, MISSING), strict=True)
                for category, images in lists.items()
                for image, published in images.items()
            ],
            columns=["image_id", "kind", "category", "published"],
        )
        flags["row"] = pd.Index(scenes.image_ids).get_indexer(pd.Index(flags["image_id"]))
        flags["column"] = pd.Index(scenes.classes).get_indexer(pd.Index(flags["category"]))
        flags = flags[(flags["row"] >= 0) & (flags["column"] >= 0)].reset_index(drop=True)
        variants = [index for index, variant in enumerate(model.variants) if variant.bottleneck == bottleneck]
        return cls(flags, scenes.presence, model.predict_proba(scenes.presence)[variants])

    def flagged(self, kind: str, at: Thresholds) -> np.ndarray:
        """Return [S, N, C] bool, the flags of our own lists."""
        if kind == "missing":
            return (self.presence == 0) & (self.output > at.missing_above)
        return (self.presence > 0) & (self.output < at.unexpected_below)

    def each(self, at: Thresholds) -> pd.DataFrame:
        """Return one published flag a row.

        Returns:
            Columns image_id, kind, category, published, output (median over weight seeds), difference (of the mean
            log-odds from the published, in standard deviations over weight seeds) and flagged_by (number of seeds).
        """
        flags = self.flags
        ours = self.output[:, flags["row"], flags["column"]]
        odds = logit(ours, ROUNDED)
        count = [
            self.flagged(kind, at)[:, row, column].sum()
            for kind, row, column in zip(flags["kind"], flags["row"], flags["column"], strict=True)
        ]
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = odds.std(0, ddof=1) if len(odds) > 1 else np.full(len(flags), np.nan)
            difference = (odds.mean(0) - logit(flags["published"].to_numpy(), ROUNDED)) / spread
        columns = {"output": np.median(ours, axis=0), "difference": difference, "flagged_by": count}
        return flags.drop(columns=["row", "column"]).assign(**columns)

    def counts(self, at: Thresholds) -> pd.DataFrame:
        """Return how far the lists agree, for each kind and for both together.

        Returns:
            Columns kind, published (flags), ours (flags of a seed, mean over seeds), found (of the published by a seed,
            mean), by_one (by at least one seed), by_all, other_seed (share of a seed's flags that another seed has too,
            mean over pairs). The last says what to expect of two lists that differ in nothing but their seeds.
        """
        each = self.each(at)
        rows = []
        for kinds in (("unexpected",), ("missing",), KINDS):
            ours = np.concatenate([self.flagged(kind, at).reshape(len(self.output), -1) for kind in kinds], axis=1)
            by = each.loc[each["kind"].isin(kinds), "flagged_by"]
            seeds = len(ours)
            same = ours.astype(np.float32) @ ours.T.astype(np.float32)  # [S, S] flags in common
            own = np.diag(same)
            pairs = ~np.eye(seeds, dtype=bool)
            shares = (same / np.maximum(own, 1)[:, None])[pairs]
            rows.append(
                (
                    "both" if len(kinds) > 1 else kinds[0],
                    len(by),
                    own.mean(),
                    by.sum() / seeds,
                    (by > 0).sum(),
                    (by == seeds).sum(),
                    shares.mean() if len(shares) else np.nan,
                )
            )
        return pd.DataFrame(rows, columns=["kind", "published", "ours", "found", "by_one", "by_all", "other_seed"])
