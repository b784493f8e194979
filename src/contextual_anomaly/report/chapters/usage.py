"""Timings: how long each step of the workflow took, and how much memory."""

from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.html_tables import html_table


def chapter(run: FinishedRun) -> dict | None:
    """Return what the template shows; None where nothing was measured."""
    usage = run.usage()
    if usage.empty:
        return None
    table = usage.rename(columns={"peak_memory_mb": "peak memory, MB"})
    return {
        "table": html_table(table, {"seconds": ".1f", "peak memory, MB": ",.0f"}),
        "total": float(usage["seconds"].sum()),
        "largest": float(usage["peak_memory_mb"].max()),
    }
