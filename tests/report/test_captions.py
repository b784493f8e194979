"""The captions of Snakemake's own report, rendered with what the real rules give them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contextual_anomaly.config import read_config

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def captions(tmp_path_factory) -> dict[str, dict[str, str]]:
    """Text of each caption by file name and result, for a planned run with the configuration of the repository."""
    folder = tmp_path_factory.mktemp("captions")
    (folder / "settings.yaml").write_text("experiments: {out_of_context: cases.csv}")
    (folder / "cases.csv").touch()
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("render_captions.py"), ROOT / "Snakefile"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("captions: "))
    rendered: dict[str, dict[str, str]] = {}
    for caption in json.loads(line.removeprefix("captions: ")):
        rendered.setdefault(caption["file"], {})[caption["result"]] = caption["text"]
    return rendered


def test_every_caption_is_shown_somewhere_and_reads_as_sentences(captions):
    files = {path.name for path in (ROOT / "workflow/report").glob("*.rst")}
    assert set(captions) | {"workflow.rst"} == files
    for texts in captions.values():
        for text in texts.values():
            assert text.endswith(".")
            assert not re.search(r"--\w|[{}\[\]]| [.,:;]|\bNone\b", text), text


def test_captions_name_what_they_are_about(captions):
    for file in ("experiment_corrected.rst", "history.rst", "anomalies.rst"):
        for result, text in captions[file].items():
            assert f"model {Path(result).name.split('.')[0]} " in text
    for file in ("rescoring.rst", "rescoring_metrics.rst", "detection.rst"):
        for result, text in captions[file].items():
            assert f"detector {Path(result).name.split('.')[0]}" in text


def test_the_caption_of_a_listing_gives_its_limits(captions):
    limits = read_config({}).anomalies
    by_model = {Path(result).stem: text for result, text in captions["anomalies.rst"].items()}
    assert f"below {limits.unexpected_below}" in by_model["published"]
    assert f"above {limits.missing_above}" in by_model["published"]
    assert f"{100 * limits.unexpected_rate:g} % of genuine objects" in by_model["ensemble"]
    assert f"{100 * limits.missing_rate:g} % of rightly absent classes" in by_model["ensemble"]
