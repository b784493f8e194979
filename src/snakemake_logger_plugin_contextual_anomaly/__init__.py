"""Snakemake finds its plugins by the name of a top-level package; `contextual_anomaly.workflow.run_log` is what it loads."""

from contextual_anomaly.workflow.run_log import LogHandler

__all__ = ["LogHandler"]
