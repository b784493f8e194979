"""What a run of the workflow prints: which step of how many, what came out of it, and how long it took.

A logger plugin of Snakemake (`--logger contextual-anomaly`, which the profiles select). Snakemake's own log, with the
reason and all files of each step, is in `.snakemake/log`; `--verbose` prints that in place of this.
"""

import re
import sys
from dataclasses import dataclass, field
from logging import LogRecord
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from contextual_anomaly.runtime.safe_text import printable

# Messages of Snakemake without an event of their own that a person who waits for results does not need.
NOISE = re.compile(
    r"Building DAG|Assuming unrestricted|Using shell|Provided |Conda environments: ignored|Singularity containers"
    r"|Group jobs: inactive|Select jobs to execute|Execute \d+ jobs|Removing output files of failed job"
    r"|Cannot restore "
    r"|Exiting because a job execution failed|Shutting down, this might|At least one job did not complete"
    r"|Reasons:|RuleException:\nCalledProcessError|WorkflowError:\nAt least one job did not complete|Elapsed time"
    r"|Complete log\(s\)|Updating |localrules directive|Storing output in cache|Will exit after finishing|host: |None$|\s*$"
)
TIMING = re.compile(r"(finished|fitted) in [\d.]+ s")
LINES_OF_A_FAILURE = 20
TO_OPEN = {
    "world_images": "",
    "scenes": "class_counts.csv",
    "list_anomalies": ".txt",
    "audit_annotations": ".csv",
    "write_report": ".html",
}
"""By rule: how the name of the output ends that a person can look at while the run goes on."""


@dataclass
class Job:
    """A step that has been started."""

    name: str
    started: float
    logs: list[str]
    is_target: bool
    """Whether the rule only names files of other rules."""
    to_open: str | None
    """An output that a person can look at."""


@dataclass
class Progress:
    """What has happened so far, and the lines to print about it."""

    total: int = 0
    done: int = 0
    started: float = 0
    jobs: dict[int, Job] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    """By job: what went wrong, printed at the end unless a later attempt ends well."""

    def plan(self, counts: dict[str, int]) -> str:
        """Return how many steps there are to do.

        Args:
            counts: number of jobs of each rule, and their "total".
        """
        self.total = counts.get("total", 0)
        return f"{self.total} steps to do."

    def start(
        self, number: int, rule: str, wildcards: dict[str, Any], logs: list[str], output: list[str], now: float
    ) -> str | None:
        """Note that a job starts; return the line to print, or None for a rule without a command."""
        self.started = self.started or now
        name = " ".join([rule, *(str(value) for value in wildcards.values())])
        logs = [log for log in logs if log.endswith(".log")]
        to_open = next((path for path in output if rule in TO_OPEN and path.endswith(TO_OPEN[rule])), None)
        job = self.jobs[number] = Job(name, now, logs, not output, to_open)
        return None if job.is_target else f"{self._place()} {name} …"

    def finish(self, number: int, now: float) -> str | None:
        """Note that a job has ended well; return the line to print, or None if there is nothing to say."""
        self.done += 1
        self.failures.pop(number, None)
        job = self.jobs.get(number)
        if job is None or job.is_target:
            return f"Done in {duration(now - self.started)}." if self.done == self.total else None
        result = last_result(job.logs).removeprefix(f"{job.name.rpartition(' ')[2]}: ")
        line = f"{self._place()} {job.name}: {result + ' ' if result else ''}({duration(now - job.started)})"
        return f"{line}: {job.to_open} is ready to open" if job.to_open else line

    def fail(self, number: int, rule: str, logs: list[str], command: str | None) -> str:
        """Note that a job has failed; return the line to print now."""
        name = self.jobs[number].name if number in self.jobs else rule
        self.failures[number] = explain_failure(name, logs, command)
        return f"{self._place()} {name} failed"

    def _place(self) -> str:
        width = len(str(self.total))
        return f"[{self.done:>{width}}/{self.total}]"


def duration(seconds: float) -> str:
    """Return a time as a person writes it: "0.4 s", "75 s", "12 min", "3.5 h"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def last_result(logs: list[str]) -> str:
    """Return the last line of a command's log that says something apart from its time; empty where there is none."""
    lines = [line for log in logs for line in _lines(log) if line.strip() and not TIMING.match(line)]
    return lines[-1].strip() if lines else ""


def explain_failure(name: str, logs: list[str], command: str | None) -> str:
    """Return what went wrong in a job: the command's own message, or the end of its logs, and where the logs are."""
    logs = [log for log in logs if not log.endswith(".usage.json")]
    parts = [f"{name} failed."]
    for log in logs:
        lines = _lines(log)
        errors = [i for i, line in enumerate(lines) if line.startswith("error:")]
        parts += [f"  {line}" for line in (lines[errors[-1] :] if errors else lines[-LINES_OF_A_FAILURE:])]
    if len(parts) == 1 and command:
        parts.append(f"  The command ended with an error and no message: {' '.join(command.split())}")
    if logs:
        parts.append(f"  Log: {', '.join(logs)}")
    return "\n".join(parts)


def has_error(logs: list[str]) -> bool:
    """Return whether one of the logs holds a command's error message."""
    return any(line.startswith("error:") for log in logs for line in _lines(log))


def _lines(log: str) -> list[str]:
    try:
        return Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


class LogHandler(LogHandlerBase):
    """Prints one line where a step starts, one where it ends, and at the very end what went wrong."""

    @property
    def writes_to_stream(self) -> bool:
        """Return True: this takes the place of Snakemake's own output."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Return False."""
        return False

    @property
    def has_filter(self) -> bool:
        """Return False: Snakemake's filter, which knows --quiet and --printshellcmds, comes first."""
        return False

    @property
    def has_formatter(self) -> bool:
        """Return False: what is not an event of a step is written as Snakemake writes it."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """Return False."""
        return False

    def __post_init__(self) -> None:
        """Start with nothing done; Snakemake's base class calls this."""
        self.progress = Progress()
        self.last_words: list[str] = []

    def emit(self, record: LogRecord) -> None:
        """Print what a record of Snakemake has to tell."""
        try:
            verbose = self.common_settings.verbose or self.common_settings.debug_dag
            text = self.format(record) if verbose else self._text(record)
            if text:
                self._print(text)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Print what went wrong, as the last thing on the screen."""
        for text in (*self.progress.failures.values(), *self.last_words):
            self._print(text)
        self.progress.failures.clear()
        self.last_words.clear()
        super().close()

    def _print(self, text: str) -> None:
        print(printable(text), file=sys.stdout if self.common_settings.stdout else sys.stderr, flush=True)

    def _text(self, record: Any) -> str | None:
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO:
            return self.format(record) if self.common_settings.dryrun else self.progress.plan(record.stats)
        if event == LogEvent.JOB_INFO:
            if self.common_settings.dryrun:
                output = f"\n    output: {', '.join(record.output)}" if record.output else ""
                return f"rule {record.rule_name}:{output}"
            job = record.jobid, record.rule_name, record.wildcards, record.log, record.output
            return self.progress.start(*job, record.created)
        if event == LogEvent.JOB_FINISHED:
            return self.progress.finish(record.job_id, record.created)
        if event == LogEvent.JOB_ERROR:
            if record.indent:  # a job of a group
                return None
            return self.progress.fail(record.jobid, record.rule_name, record.log, record.shellcmd)
        if event == LogEvent.GROUP_ERROR:
            # The jobs of a group that have not been at fault are reported as well: those with an error in their log are.
            infos = record.job_error_info
            infos = [info for info in infos if has_error(info["log"])] or infos
            lines = [
                self.progress.fail(info["jobid"], info["rule_name"], [*info["log"], *record.aux_logs], None)
                for info in infos
            ]
            return "\n".join(lines)
        if event == LogEvent.SHELLCMD:
            return self.format(record)  # the filter lets it pass with --printshellcmds alone
        if event is not None and event != LogEvent.ERROR:
            return None
        text = self.format(record)
        if NOISE.match(text):
            return None
        if event == LogEvent.ERROR:
            # Of a mistake in the settings, the line of the Snakefile says nothing to the person who made it.
            mistake = re.search(r"^configuration: .*", text, re.MULTILINE)
            self.last_words.append(mistake[0] if mistake else text)
            return None
        return text
