"""A small copy of the project, run once for all tests of the workflow."""

import fcntl
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from tests.processes import unmeasured

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config.yaml", "rules", "workflow", "envs", "profiles", "src")

SMALL = """
detection:
  shards: 2
world:
  train_images: 1500
  val_images: 200
  rendered_images: 16
  video_seconds: 2
models:
  published:
    bottlenecks: [2, 10]
    weight_seeds: [0]
    epochs: 3
    chosen_bottleneck: 10
  denoising: null
  naive_bayes: null
  chow_liu: null
  ease: null
  pairwise: {iterations: 5}
  mixture: {components: [8], seeds: [0], steps: 20}
  masked: {units: 8, seeds: [0], epochs: 1}
  masked_geometry: {units: 8, seeds: [0], epochs: 1}
watch: {cameras: 1, seconds: 60, calibration_images: 300, calibration_seconds: 60, pixel_seconds: 4}
experiments:
  n_draws_published: 3
  n_resamples: 50
"""


@dataclass(frozen=True)
class Project:
    """A checkout of its own, whose source is what its commands run."""

    folder: Path

    def snakemake(
        self,
        *arguments: str,
        settings: tuple[str, ...] = (),
        check: bool = True,
        small: bool = True,
        folder: Path | None = None,
        **environment: str,
    ) -> subprocess.CompletedProcess:
        """Run Snakemake; its output is kept as one text.

        Args:
            settings: configuration files that go behind the small one.
            small: whether the small configuration is used.
            folder: where to run it, in place of the project's folder.
        """
        command = ["snakemake", "--cores", "2", *arguments]
        if small:
            command += ["--configfile", "small.yaml", *settings]
        inherited = unmeasured() if "--dry-run" in arguments else os.environ
        env = inherited | {"PYTHONPATH": str(self.folder / "src")} | environment
        done = subprocess.run(
            command, cwd=folder or self.folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert not check or done.returncode == 0, done.stdout[-6000:]
        return done

    def planned(self, *arguments: str, **environment: str) -> dict[str, int]:
        """How many jobs of each rule a dry run would do."""
        text = self.snakemake("--dry-run", *arguments, **environment).stdout
        if "Nothing to be done" in text:
            return {}
        table = text.split("Job stats:")[1].split("\n\n")[0]
        jobs = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
        del jobs["total"]
        return jobs

    def pretend(self) -> None:
        """Make every output without running a command, as a run would have left it to Snakemake's eyes."""
        plan = self.snakemake("--dry-run").stdout
        for line in re.findall(r"^    output: (.*)$", plan, re.MULTILINE):
            for path in (self.folder / name for name in line.split(", ")):
                if path.suffix:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(path.name)
                else:
                    path.mkdir(parents=True)
        self.snakemake("--touch", "--forceall")

    def digests(self) -> dict[str, str]:
        """The digest of every result but logs and timings; the report's without what it takes from those."""
        results = self.folder / "results"
        found = {}
        # What a cache holds is linked to, whole folders too.
        for path in (Path(top) / name for top, _, names in os.walk(results, followlinks=True) for name in names):
            timing = "logs" in path.parts or path.name.endswith(".timing.json")
            if not timing and path.name != ".snakemake_timestamp" and path.suffix != ".sha256":
                content = path.read_bytes()
                if path.name == "report.html":
                    content = without_times(content)
                found[str(path.relative_to(results))] = sha256(content).hexdigest()
        return found


def without_times(report: bytes) -> bytes:
    """The report without the section of timings, and without the columns of times in the table of models."""
    report, sections = re.subn(rb'<section id="timings">.*?</section>', b"", report, flags=re.DOTALL)
    start = report.index(b"<th>fit, s</th><th>one scene, ms</th>")
    end = report.index(b"</table>", start)
    rows, cut = re.subn(rb"(<td>[^<]*</td>){2}</tr>", b"</tr>", report[start:end])
    assert (sections, cut) == (1, rows.count(b"</tr>") - 1)  # all but the heads
    return report[:start] + rows + report[end:]


def copy_project(folder: Path) -> Project:
    """Copy what a clone holds, with the small configuration beside it."""
    folder.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(source, folder / part, ignore=ignore) if source.is_dir() else shutil.copy(source, folder / part)
    (folder / "small.yaml").write_text(SMALL)
    return Project(folder)


@pytest.fixture
def fresh(tmp_path) -> Project:
    """A project that nothing has been run in."""
    return copy_project(tmp_path / "project")


def run_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose whole workflow has run, once for all processes that the tests are divided among."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    project, done = Project(folder / "workflow" / "project"), folder / "workflow.done"
    with open(folder / "workflow.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            assert not project.folder.exists(), "the workflow has failed where it was first asked for"
            copy_project(project.folder).snakemake()
            done.touch()
    return project


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A project whose whole workflow has run; other tests read it at the same time, so none changes it."""
    return run_once(tmp_path_factory)


@pytest.fixture(scope="session")
def pretended(tmp_path_factory) -> Project:
    """A project that looks to Snakemake as if its whole workflow had run; tests leave it as they found it."""
    project = copy_project(tmp_path_factory.mktemp("dag") / "project")
    project.pretend()
    return project
