"""Time and memory of a command, as data."""

import json
import re
import subprocess
import sys

import pytest

# A command line that holds 200 MB and starts a process that holds 100 MB.
HUNGRY = """
import subprocess, sys
child = "x = bytearray(100_000_000); x[::4096] = b'1' * len(x[::4096])"
subprocess.run([sys.executable, "-c", child], check=True)
own = bytearray(200_000_000)
own[::4096] = b"1" * len(own[::4096])
from contextual_anomaly.runtime.usage import peak_memory_mb
print(peak_memory_mb())
"""


def test_child_processes_count():
    printed = subprocess.run([sys.executable, "-c", HUNGRY], text=True, capture_output=True, check=True).stdout
    # 286 MiB of arrays and two interpreters of some 10 to 40 MiB each.
    assert 286 < float(printed) < 400


def test_the_memory_of_the_process_that_starts_a_command_is_not_the_command_s():
    start = "import subprocess, sys; x = bytearray(500_000_000); x[::4096] = b'1' * len(x[::4096]); "
    inner = "from contextual_anomaly.runtime.usage import peak_memory_mb; print(peak_memory_mb())"
    outer = start + f"subprocess.run([sys.executable, '-c', {inner!r}], check=True)"
    printed = subprocess.run([sys.executable, "-c", outer], text=True, capture_output=True, check=True).stdout
    assert 5 < float(printed) < 200


def test_a_command_writes_its_usage(tmp_path):
    settings = ["configuration", "--settings", '{"a": 1}', "--output", tmp_path / "c.yaml"]
    done = subprocess.run(
        ["contextual-anomaly", "--usage", tmp_path / "usage.json", *settings],
        text=True, capture_output=True, check=True,
    )  # fmt: skip
    usage = json.loads((tmp_path / "usage.json").read_text())
    assert usage["command"] == "configuration"
    assert 0 <= usage["seconds"] < 60
    assert 10 < usage["peak_memory_mb"] < 500
    logged = float(re.search(r"finished in ([\d.]+) s", done.stderr)[1])
    assert logged == pytest.approx(usage["seconds"], abs=0.006)  # each is rounded by itself


@pytest.mark.parametrize("arguments", [["configuration", "--settings", "{"], ["configuration", "--help"], ["nothing"]])
def test_nothing_is_written_where_nothing_was_done(tmp_path, arguments):
    output = ["--output", tmp_path / "c.yaml"] if "--settings" in arguments else []
    subprocess.run(["contextual-anomaly", "--usage", tmp_path / "usage.json", *arguments, *output], capture_output=True)
    assert not list(tmp_path.iterdir())
