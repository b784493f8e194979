"""What the report reads of a run."""

import json

import pytest

from contextual_anomaly.report.finished_run import FinishedRun


@pytest.mark.parametrize("measured", [["fit.masked"], []])
def test_a_step_whose_results_came_from_a_cache_has_no_time(tmp_path, measured):
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "scenes.usage.json").touch()  # as Snakemake leaves it
    for name in measured:
        usage = {"command": "fit", "seconds": 1.5, "peak_memory_mb": 100.0}
        (logs / f"{name}.usage.json").write_text(json.dumps(usage))
    usage = FinishedRun(tmp_path, {}, [], [], None).usage()
    assert usage.to_numpy().tolist() == [["fit masked", 1.5, 100.0]] * len(measured)
    assert list(usage.columns) == ["step", "seconds", "peak_memory_mb"]
