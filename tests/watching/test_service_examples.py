"""What examples/watch has for systemd, containers and Kubernetes calls the program as it is."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from contextual_anomaly.cli import application

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "watch"
UNIT = FOLDER / "contextual-anomaly-watch@.service"


def parsed(arguments: list[str]) -> dict:
    return get_command(application(["check", "watch"])).commands["watch"].make_context("watch", arguments).params


def test_the_unit_calls_the_program():
    line = next(line for line in UNIT.read_text().splitlines() if line.startswith("ExecStart="))
    options = next(line for line in UNIT.read_text().splitlines() if "OPTIONS=--" in line).partition("OPTIONS=")[2]
    words = shlex.split(line.replace("$OPTIONS", options).replace("${SOURCE}", "rtsp://camera/stream"))
    assert words[:2] == ["ExecStart=/opt/contextual-anomaly/bin/contextual-anomaly", "watch"]
    assert parsed(words[2:])["false_alarms_per_hour"] == 0.1


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_understands_the_unit(tmp_path):
    instance = tmp_path / "contextual-anomaly-watch@kitchen.service"
    instance.write_text(UNIT.read_text().replace("/opt/contextual-anomaly/bin/contextual-anomaly", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", instance], capture_output=True, text=True, check=False)
    assert instance.name not in done.stderr, done.stderr


def test_containers_call_the_program():
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    assert all(parsed(service["command"])["events"] == Path("events.jsonl") for service in services.values())
    deployment = list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text()))[1]
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert parsed(container["args"])["page"] == container["ports"][0]["containerPort"]
    recipe = (FOLDER / "Dockerfile").read_text()
    assert 'ENTRYPOINT ["contextual-anomaly", "watch"]' in recipe
