"""What a run prints: driven by the records that Snakemake writes."""

import logging
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from contextual_anomaly.workflow.run_log import LogHandler, duration


@pytest.fixture
def handler():
    """The plugin as `snakemake` without further options sets it up."""
    made = LogHandler(SimpleNamespace(verbose=False, debug_dag=False, dryrun=False, stdout=True), None)
    made.setFormatter(logging.Formatter("%(message)s"))
    return made


def emit(handler, event=None, message="", created=0.0, level=logging.INFO, **content):
    record = logging.LogRecord("snakemake", level, "", 0, message, None, None)
    record.__dict__.update(content, created=created)
    if event is not None:
        record.event = event
    handler.emit(record)


def start(handler, number, log=(), created=0.0, output=("made",), **wildcards):
    emit(handler, LogEvent.JOB_INFO, created=created, jobid=number, rule_name="fit", wildcards=wildcards,
         log=list(log), output=list(output), reason="a hundred files " * 100)  # fmt: skip


def test_a_step_has_one_line_at_its_start_and_one_at_its_end(handler, tmp_path, capsys):
    (tmp_path / "fit.a.log").write_text(
        "fitting\na: 12 images\nfitted in 3.00 s\nfinished in 3.21 s, peak memory 5 MB\n"
    )
    emit(handler, LogEvent.RUN_INFO, stats={"fit": 11, "all": 1, "total": 12})
    emit(handler, message="Building DAG of jobs...")
    emit(handler, message="Cannot restore models/a.safetensors: no backup found.")
    start(handler, 3, [str(tmp_path / "fit.a.log"), "fit.a.usage.json"], model="a")
    emit(handler, LogEvent.JOB_FINISHED, created=90.0, job_id=3)
    assert capsys.readouterr().out.splitlines() == [
        "12 steps to do.",
        "[ 0/12] fit a …",
        "[ 1/12] fit a: 12 images (90 s)",
    ]


def test_what_a_person_can_look_at_is_named(handler, capsys):
    outputs = ["results/anomalies/a.parquet", "results/anomalies/a.txt"]
    for number, rule in enumerate(("list_anomalies", "fit")):
        emit(handler, LogEvent.JOB_INFO, jobid=number, rule_name=rule, wildcards={"model": "a"}, log=[],
             output=outputs)  # fmt: skip
        emit(handler, LogEvent.JOB_FINISHED, created=2.0, job_id=number)
    assert capsys.readouterr().out.splitlines()[1::2] == [
        "[1/0] list_anomalies a: (2.0 s): results/anomalies/a.txt is ready to open",
        "[2/0] fit a: (2.0 s)",
    ]


def test_a_target_is_no_step_to_speak_of(handler, capsys):
    emit(handler, LogEvent.RUN_INFO, stats={"total": 1})
    start(handler, 0, output=())
    emit(handler, LogEvent.JOB_FINISHED, created=600.0, job_id=0)
    assert capsys.readouterr().out.splitlines()[1:] == ["Done in 10 min."]


def test_what_went_wrong_is_last_and_once(handler, tmp_path, capsys):
    log = tmp_path / "fit.a.log"
    log.write_text("fitting a\nerror: a.json: it is empty.\n")
    start(handler, 3, [str(log)], model="a")
    job = {"jobid": 3, "rule_name": "fit", "log": [str(log)], "shellcmd": "contextual-anomaly fit", "indent": False}
    emit(handler, LogEvent.JOB_ERROR, level=logging.ERROR, **job)
    emit(handler, LogEvent.ERROR, "WorkflowError:\nAt least one job did not complete successfully.", exception="x")
    emit(handler, message="Shutting down, this might take some time.")
    before = capsys.readouterr().out
    assert "it is empty" not in before
    handler.close()
    handler.close()
    assert capsys.readouterr().out == f"fit a failed.\n  error: a.json: it is empty.\n  Log: {log}\n"


def test_a_job_that_ends_well_when_tried_again_has_not_failed(handler, tmp_path, capsys):
    start(handler, 3)
    emit(handler, LogEvent.JOB_ERROR, jobid=3, rule_name="fit", log=[], shellcmd="x", indent=False)
    emit(handler, LogEvent.JOB_FINISHED, job_id=3)
    capsys.readouterr()
    handler.close()
    assert capsys.readouterr().out == ""


def test_a_killed_command_leaves_the_end_of_its_log(handler, tmp_path, capsys):
    log = tmp_path / "fit.log"
    log.write_text("".join(f"line {i}\n" for i in range(100)))
    emit(handler, LogEvent.JOB_ERROR, jobid=3, rule_name="fit", log=[str(log)], shellcmd="x", indent=False)
    handler.close()
    out = capsys.readouterr().out
    assert "line 99" in out
    assert "line 50" not in out


def test_of_a_group_the_job_with_an_error_is_named(handler, tmp_path, capsys):
    for name, text in (("good", "fine\n"), ("bad", "error: no\n")):
        (tmp_path / f"{name}.log").write_text(text)
    infos = [
        {"jobid": i, "rule_name": name, "log": [str(tmp_path / f"{name}.log")]}
        for i, name in enumerate(("good", "bad"))
    ]
    emit(handler, LogEvent.GROUP_ERROR, job_error_info=infos, aux_logs=["slurm.log"])
    handler.close()
    out = capsys.readouterr().out
    assert "bad failed.\n  error: no\n" in out
    assert "good" not in out
    assert "slurm.log" in out


def test_a_mistake_in_the_settings_is_one_line(handler, capsys):
    text = (
        'WorkflowError in file "rules/common.smk", line 26:\nconfiguration: there is no setting x\n  File "y", line 2'
    )
    emit(handler, LogEvent.ERROR, text, level=logging.ERROR)
    handler.close()
    assert capsys.readouterr().out == "configuration: there is no setting x\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (75, "75 s"), (725, "12 min"), (12600, "3.5 h")]
)
def test_times_are_written_as_people_write_them(seconds, text):
    assert duration(seconds) == text
