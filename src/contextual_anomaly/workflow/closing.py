"""What a person reads on the screen when a run has ended well: where the report is, what it found, what to try next."""

import csv
import os
import sys
from pathlib import Path

from contextual_anomaly.runtime.safe_text import from_cell


def closing_message(results: Path, model: str, auditor: str, is_synthetic: bool) -> str:
    """Return the last lines of a run that has written its report.

    Args:
        results: the folder of the run.
        model: the model whose list of anomalies comes first.
        auditor: the detector that judges the annotations, or "context".
        is_synthetic: whether the data were the synthetic world's.
    """
    lines = [f"The report: {results / 'report.html'}"]
    anomalies = _rows(results / "anomalies" / f"{model}.csv")
    findings = _rows(results / "audit" / f"{auditor}.csv")
    for kind, words in (("unexpected", "Most unexpected object"), ("missing", "Most probable missing object")):
        rows = [row for row in anomalies if row["kind"] == kind]
        if rows:
            lines.append(
                f"  {words}: {rows[0]['category']} in {rows[0]['file_name']}, probability "
                f"{float(rows[0]['probability']):.2g} ({len(rows):,} listed)"
            )
    if findings:
        first = findings[0]
        given, predicted = first["given_label"], first["predicted_label"]
        what = {
            "overlooked": f"an overlooked {predicted}",
            "swapped": f"{given}, which may be {predicted},",
            "spurious": f"{given}, where there may be none,",
            "misplaced": f"{given}, whose box may be wrong,",
            "duplicate": f"{given}, which may be annotated twice,",
        }[first["kind"]]
        lines.append(
            f"  Likeliest annotation error: {what} in {first['file_name']}, probability "
            f"{float(first['probability']):.2g} ({len(findings):,} listed)"
        )
    lines.append(f"Try next{_activation()}:")
    if is_synthetic:
        for_what = {f"contextual-anomaly predict --run {results} cup fork knife surfboard": "ask about a scene"}
        for video in sorted((results / "world").glob("*.mp4"))[:1]:
            watch = f"contextual-anomaly watch {video} --run {results} --false-alarms-per-hour 20"
            for_what[watch] = "watch a video of this world"
        issues = "contextual-anomaly find-label-issues ANNOTATIONS --html issues.html"
        for_what[issues] = "the errors in your own annotations"
        for_what["snakemake --cores all --configfile workflow/config/coco2017.yaml"] = "the same on COCO 2017"
        width = max(map(len, for_what))
        lines += [f"  {command:<{width}}    {purpose}" for command, purpose in for_what.items()]
    else:
        lines.append(f"  contextual-anomaly predict --run {results} CLASS CLASS CLASS")
        lines.append(f"  the list of probable annotation errors: {results / 'audit' / f'{auditor}.csv'}")
    return "\n".join(lines)


def _activation() -> str:
    """Return how to have the commands on the path, where `make` made an environment that is not active."""
    own = Path(sys.prefix)
    if "VIRTUAL_ENV" in os.environ or not own.is_relative_to(Path.cwd()):
        return ""
    return f" (after: source {own.relative_to(Path.cwd()) / 'bin/activate'})"


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: from_cell(text) for name, text in row.items()} for row in csv.DictReader(file)]
