"""What a run prints: one line a job with the time left, and after a failure every error once."""

from logging import ERROR, INFO, LogRecord, makeLogRecord
from types import SimpleNamespace

import pytest
import snakemake_executor_plugin_slurm
from snakemake.exceptions import WorkflowError, format_exception_to_string
from snakemake_interface_logger_plugins.common import LogEvent

from crstudy.core.errors import StudyError
from crstudy.pipeline.progress import KEPT, SILENT, expected_costs, failures
from project import ROOT, rules
from snakemake_logger_plugin_crstudy import SNAKEMAKE, LogHandler


@pytest.fixture
def handler():
    quiet = dict.fromkeys(("dryrun", "verbose", "debug_dag", "stdout"), False)
    return LogHandler(SimpleNamespace(**quiet), None)


def record(text: str = "", level: int = INFO, pathname: str = SNAKEMAKE, **more) -> LogRecord:
    values = {"msg": text, "levelno": level, "pathname": pathname}
    return makeLogRecord(values | more)


def job(number: int) -> LogRecord:
    event = {"event": LogEvent.JOB_INFO, "jobid": number, "rule_name": "simulate_exposure"}
    return record(**event, rule_msg=f"Simulate exposure jsim0010{number}")


def test_a_job_is_one_line_with_the_time_left(handler):
    lines = map(
        handler.line,
        (
            record("Assuming unrestricted shared filesystem usage."),
            record(event=LogEvent.WORKFLOW_STARTED),
            record("Building DAG of jobs..."),
            record(event=LogEvent.RUN_INFO, stats={"all": 1, "total": 4}),
            record("3 jobs", pathname="preflight.smk", expected_s={1: 600.0, 2: 600.0}, cores=2),
            record("Select jobs to execute..."),
            job(1),
            record("Finished jobid: 1", event=LogEvent.JOB_FINISHED, job_id=1),
            job(2),
            record("Complete log(s): /x"),
        ),
    )
    assert [line for line in lines if line] == [
        "3 jobs",
        "    1/3  10 min left  Simulate exposure jsim00101",
        # The work of 600 s in no time: the rest will not take long.
        "    2/3    50 s left  Simulate exposure jsim00102",
    ]


def test_what_runs_no_job_and_what_plugins_say_is_printed(handler):
    assert handler.line(record("Unlocked working directory.")) == "Unlocked working directory."
    handler.line(record(event=LogEvent.WORKFLOW_STARTED))
    plugin = snakemake_executor_plugin_slurm.__file__
    submitted = record("Job 3 has been submitted with SLURM jobid 17 (log: x).", pathname=plugin)
    assert handler.line(submitted) == submitted.msg
    assert handler.line(record("Nothing to be done (all is up to date)."))


def test_failure_is_one_line_and_interrupted_jobs_are_none(handler):
    handler.line(job(1))
    failed = {"event": LogEvent.JOB_ERROR, "jobid": 1, "rule_name": "x", "indent": False}
    error = record("Error in rule x", ERROR, rule_msg=None, **failed)
    assert handler.line(error) == "Failed: Simulate exposure jsim00101"
    told = {"event": LogEvent.ERROR, "exception": "RuleException"}
    assert not handler.line(record("RuleException in file x:\nCommand ...", ERROR, **told))
    handler.line(record("Terminating processes on user request, this might take some time."))
    assert not handler.line(error)


def test_wrong_configuration_is_its_own_line_alone(handler):
    wrong = StudyError("configuration key seed", "value -1 refused", "give seed")
    place = 'ile "study.smk", line 44'
    text = f"WorkflowError in f{place}:\n{wrong}\n  F{place}, in <module>"
    message = record(text, ERROR, event=LogEvent.ERROR, exception="WorkflowError")
    assert handler.line(message) == str(wrong)
    failed = format_exception_to_string(WorkflowError("At least one job did not complete it."))
    assert not handler.line(record(failed, ERROR, event=LogEvent.ERROR, exception="WorkflowError"))


@pytest.mark.parametrize(
    ("exception", "said", "words"),
    [
        (
            "WorkflowError",
            "Error recording metadata ([Errno 28] No space left on device)",
            "is full",
        ),
        (
            "LockException",
            "Error: Directory cannot be locked.\nPlease",
            "--configfile 'my file' --unlock;",
        ),
    ],
)
def test_what_snakemake_meets_itself_is_one_line(handler, monkeypatch, exception, said, words):
    monkeypatch.setattr("sys.orig_argv", ["python", "snakemake", "--configfile", "my file"])
    message = handler.line(record(said, ERROR, event=LogEvent.ERROR, exception=exception))
    assert words in message
    assert "\n" not in message
    assert ". Fix: " in message


def test_each_error_is_told_once_with_its_logs(tmp_path, monkeypatch):
    def log(name, *lines):
        (tmp_path / f"{name}.log").write_text("\n".join(lines), encoding="utf-8")
        return tmp_path / f"{name}.log"

    absent = [log(name, f"2026 ERROR {name}.fits: absent. Fix: add it.", "x") for name in "abcdefg"]
    other = log("other", "2026 INFO begins", "2026 ERROR other: wrong. Fix: mend it.")
    killed = [log("good", "2026 INFO used 1 s"), tmp_path / "none.log"]
    assert failures([*([one] for one in absent), [other], killed]) == [
        f"ERROR a.fits: absent. Fix: add it. (log: {absent[0]}, also of b, c, d, e, 2 more)",
        f"ERROR other: wrong. Fix: mend it. (log: {other})",
        f"ERROR {SILENT} (log: {killed[1]})",
    ]
    # It had no room for the error.
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=0))
    (line,) = failures([killed])
    assert line.startswith(f"ERROR the disk of {tmp_path}: is full. Fix: make room")


def test_costs_of_a_dataset_come_before_those_of_others(tmp_path):
    kept = tmp_path / "costs.tsv"
    kept.write_text(
        "dataset\trule\tcpu_s\nsim-mini\ta\t1\nsim-mini\tb\t2\nmine\tb\t3\n", encoding="utf-8"
    )
    results = tmp_path / "mine"
    (results / "logs/a").mkdir(parents=True)
    for number in (4, 6):
        usage = (
            f'{{"cpu_s": {number}, "startup_cpu_s": 0, "max_rss_mb": 0, "read_mb": 0, '
            '"written_mb": 0, "host": "", "start": "", "end": ""}'
        )
        (results / f"logs/a/{number}.usage.json").write_text(usage, encoding="utf-8")
    assert expected_costs(results, kept) == {"a": 5.0, "b": 3.0}


def test_kept_costs_are_of_rules_that_there_are():
    costs = expected_costs("results/none", ROOT / KEPT)
    assert set(costs) <= rules().keys()
    assert {"simulate_exposure", "simulate_csst", "write_report"} <= costs.keys()
