"""Whether a watch keeps its promise, beside the usual ways to judge a video frame by frame."""

from typing import Any

import pandas as pd

from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.frames import groups_of, rows_of
from contextual_anomaly.report.html_tables import html_table


def chapter(run: FinishedRun) -> list[dict[str, Any]]:
    """Return what the template shows: a part for each footage, its table and what was filmed."""
    results = run.csv("experiments/watch.csv")
    return [
        {
            "footage": footage,
            "hours": float(rows["hours"].max()),
            "planted": int(rows.loc[rows["kind"] == "all", "planted"].max()),
            "table": html_table(_table(rows)),
        }
        for footage, rows in groups_of(results, "footage")
    ]


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    together = rows[rows["kind"] == "all"]
    recalls = {(row.rule, row.promised if row.promised > 0 else None, row.kind): row.recall for row in rows_of(rows)}
    cells = []
    for row in rows_of(together):
        recall = {
            f"recall, {kind}": _share(recalls[row.rule, row.promised if row.promised > 0 else None, kind])
            for kind in ("unexpected", "missing")
        }
        low, high = row.false_alarms_low, row.false_alarms_high
        cells.append(
            {
                "rule": row.rule,
                "promised an hour": f"≤ {row.promised:g}" if row.promised > 0 else "–",
                "false alarms an hour": f"{row.false_alarms_per_hour:.2f} [{low:.2f}, {high:.2f}]",
                "recall": f"{_share(row.recall)} [{_share(row.recall_low)}, {_share(row.recall_high)}]"
                if row.planted
                else "–",
                **recall,
                "delay": f"{row.delay:.1f} s [{row.delay_low:.1f}, {row.delay_high:.1f}]" if row.found else "–",
            }
        )
    return pd.DataFrame(cells)


def _share(value: float) -> str:
    return f"{100 * value:.0f} %" if value == value else "–"  # NaN is not itself
