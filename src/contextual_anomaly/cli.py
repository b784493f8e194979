"""The command line: `contextual-anomaly COMMAND --help` explains each command."""

import logging
import os
import sys
import time
import traceback
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated

from contextual_anomaly import __version__
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime import renamed
from contextual_anomaly.runtime.atomic import keep_digests
from contextual_anomaly.runtime.extras import installation_advice
from contextual_anomaly.runtime.progress import configure_logging
from contextual_anomaly.runtime.provenance import recorded
from contextual_anomaly.runtime.system_errors import in_words
from contextual_anomaly.runtime.threads import limit_threads
from contextual_anomaly.runtime.usage import peak_memory_mb, write_usage

logger = logging.getLogger(__name__)

FOR_PEOPLE = ("check", "watch", "predict", "find_label_issues", "models", "summary_table")
"""What a person uses, in the order of --help."""
STAGES = (
    "world_annotations",
    "world_images",
    "world_video",
    "world_detector",
    "download",
    "unpack",
    "fetch_images",
    "annotations",
    "scenes",
    "object_geometry",
    "fit",
    "world_oracle",
    "list_anomalies",
    "experiment_published",
    "experiment_corrected",
    "experiment_out_of_context",
    "experiment_objects",
    "compare_models",
    "darknet_to_onnx",
    "detect",
    "merge_detections",
    "read_detections",
    "evaluate_detector",
    "calibrate_detections",
    "package_model",
    "model_card",
    "rescore",
    "fuse",
    "rescore_boxes",
    "evaluate_rescoring",
    "audit",
    "evaluate_audit",
    "evaluate_watch",
    "configuration",
    "write_report",
)
"""What the workflow calls, in its order and that of --help."""
COMMANDS = (*FOR_PEOPLE, *STAGES)
ALIASES = {"ask": "predict"}
"""Old names that still work, and are not listed."""


def application(commands: Iterable[str] = COMMANDS):
    """Return the Typer application of these commands; only their modules are imported.

    Args:
        commands: names of modules in `commands/`.
    """
    import typer  # not above: processes that a command starts import this module and never need it

    app = typer.Typer(
        name="contextual-anomaly",
        help="Find the objects that are unexpected in an image, and the expected ones that are missing.",
        epilog="Exit status: 0 if all is well, 1 if a check has found something, 2 after an error.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )

    def print_version(show: bool) -> None:
        if show:
            print(__version__)
            raise typer.Exit

    @app.callback()
    def root(
        context: typer.Context,
        version: Annotated[
            bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
        ] = False,
        usage: Annotated[Path | None, typer.Option(hidden=True, help="Write time and memory as JSON.")] = None,
    ) -> None:
        """Options of every command."""
        start = time.monotonic()
        if usage is not None:
            keep_digests()
        command = ALIASES.get(context.invoked_subcommand or "", context.invoked_subcommand or "")

        def report_usage() -> None:
            # Click closes the context after a failure, too: then there is no figure to give.
            if sys.exc_info()[0] is not None or "--help" in sys.argv:
                return
            seconds = time.monotonic() - start
            if command.replace("-", "_") in STAGES or usage is not None:
                logger.info(f"finished in {seconds:.2f} s, peak memory {peak_memory_mb():.0f} MB")
            if usage is not None:
                write_usage(usage, command, seconds)

        context.call_on_close(report_usage)

    for name in commands:
        command = getattr(import_module(f"contextual_anomaly.commands.{name}"), name)
        panel = "For people" if name in FOR_PEOPLE else "Stages of the workflow (snakemake runs them in order)"
        run = recorded(limit_threads(command))
        app.command(name.replace("_", "-"), cls=getattr(command, "command_class", None), rich_help_panel=panel)(run)
        for alias, target in ALIASES.items():
            if target == name:
                app.command(alias, hidden=True)(run)
    return app


def invoked_command(arguments: Sequence[str]) -> str | None:
    """Return the sub-command of a command line without the program's name, or None where it has none."""
    rest = iter(arguments)
    for argument in rest:
        if argument == "--usage":
            next(rest, None)
        elif not argument.startswith("-"):
            return argument
    return None


def main() -> None:
    """Run the command line.

    Exit status: 0 if all is well, 1 if a check has found something, 2 after an error. A user's mistake ends in one
    message and no traceback, and so does what the system refuses: full and read-only disks, limits, missing rights.
    """
    configure_logging()
    name = invoked_command(sys.argv[1:])
    if name in renamed.COMMANDS and name not in ALIASES:
        logger.error(f"error: the command {name} is now called {renamed.COMMANDS[name]}.")
        sys.exit(2)
    module = ALIASES.get(name or "", name or "").replace("-", "_")
    try:
        try:
            application([module] if module in COMMANDS else COMMANDS)()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # a full disk refuses here what was printed before
    except UserError as error:
        problem = str(error)
    except ModuleNotFoundError as error:
        problem = installation_advice(error.name)
        if not problem:
            raise
    except Exception as error:
        problem = in_words(error)
        if not problem:
            traceback.print_exc()
    if problem:
        logger.error(f"error: {problem}")
    _abandon_output()
    sys.exit(2)


def _abandon_output() -> None:
    """Drop what standard output has refused: Python would try again at its end, and show a traceback."""
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
