"""The command line: `contextual-anomaly COMMAND --help` explains each stage."""

import logging
import resource
import sys
import time
from collections.abc import Iterable
from importlib import import_module

from contextual_anomaly import __version__
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.progress import configure_logging
from contextual_anomaly.runtime.provenance import recorded
from contextual_anomaly.runtime.threads import limit_threads

logger = logging.getLogger(__name__)

# In the order of the workflow, and of --help.
COMMANDS = (
    "world_annotations",
    "world_images",
    "world_detector",
    "download",
    "unpack",
    "fetch_images",
    "annotations",
    "scenes",
    "object_geometry",
    "fit",
    "world_oracle",
    "predict",
    "list_anomalies",
    "experiment_published",
    "experiment_corrected",
    "compare_models",
    "darknet_to_onnx",
    "detect",
    "merge_detections",
    "evaluate_detector",
    "rescore",
    "fuse",
    "rescore_boxes",
    "evaluate_rescoring",
    "audit",
    "evaluate_audit",
    "configuration",
    "write_report",
)


def application(commands: Iterable[str]):
    """The Typer application of these commands; what is not asked for costs its imports only."""
    import typer  # not above: processes that a command starts import this module and never need it

    app = typer.Typer(
        name="contextual-anomaly",
        help="Which objects are unexpected in an image, and which expected ones are missing. "
        "Each command is one stage of the workflow; `snakemake --cores all` runs them all in order.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )

    def print_version(show: bool) -> None:
        if show:
            print(__version__)
            raise typer.Exit

    @app.callback()
    def _root(
        version: bool = typer.Option(
            False, "--version", callback=print_version, is_eager=True, help="Print the version."
        ),
    ) -> None:
        """Options of every command."""

    for name in commands:
        command = getattr(import_module(f"contextual_anomaly.commands.{name}"), name)
        app.command(name.replace("_", "-"))(recorded(limit_threads(command)))
    return app


def main() -> None:
    """Run the command; a user's mistake ends in one message and status 1, never in a traceback."""
    configure_logging()
    start = time.monotonic()
    asked = [name for name in COMMANDS if sys.argv[1:2] == [name.replace("_", "-")]]
    try:
        application(asked or COMMANDS)()
    except UserError as error:
        logger.error(f"error: {error}")
        sys.exit(1)
    except SystemExit as stop:
        if not stop.code and len(sys.argv) > 1 and not sys.argv[1].startswith("-") and "--help" not in sys.argv:
            # The report reads this line back from the log as the step's cost.
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            logger.info(f"finished in {time.monotonic() - start:.2f} s, peak memory {peak:.0f} MB")
        raise
