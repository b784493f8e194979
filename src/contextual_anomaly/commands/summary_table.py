"""`contextual-anomaly summary-table`: the headline figures of one run or of several as a table in Markdown."""

from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.report.summary_tables import SummaryTable
from contextual_anomaly.report.summary_tables import summary_table as markdown_table


def summary_table(
    summaries: Annotated[list[Path], typer.Argument(help="The file summary.json of one run or of several.")],
    table: Annotated[SummaryTable, typer.Option(help="Which table.")] = SummaryTable.corrected,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Write the 95 % intervals behind the figures.")
    ] = False,
) -> None:
    """Print headline figures as a Markdown table, to compare runs.

    Example: `contextual-anomaly summary-table results/summary.json --table corrected`
    """
    from contextual_anomaly.report.summary import read_summary

    typer.echo(markdown_table({str(path.parent): read_summary(path) for path in summaries}, table, intervals))
