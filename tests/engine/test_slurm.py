"""The Slurm executor: its driver against a double, and on a real cluster under disturbances."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from counted_stores import POISSON, make_store, planned
from executors_under_test import QUICK_SLURM
from slurm_double import ResultsDouble, SlurmDouble

from daypart.engine.cancel import cancel
from daypart.engine.executors.array.driver import Driver
from daypart.engine.executors.protocol import Task
from daypart.engine.executors.registry import get_executor
from daypart.engine.executors.slurm.commands import Commands
from daypart.engine.executors.slurm.jobs import SlurmJobs
from daypart.engine.executors.slurm.settings import SlurmSettings
from daypart.engine.results.parts import read_results
from daypart.engine.tasks.events import BlockFinished, Submitted, TaskFailed, Waiting
from daypart.engine.tasks.stopping import Stop
from daypart.errors import DaypartError, Interrupted
from daypart.runs.fit import fit, fit_requests

QUICK = {**QUICK_SLURM, "task_minutes": 10}


def drive(
    tmp_path, tasks, ends=None, settings=None, on_event=lambda event: None, partitions=1, **double
):
    """Run the driver over tasks of a number of partitions each, which end as written."""
    results = ResultsDouble(range(tasks), partitions)
    slurm = SlurmDouble(tmp_path, results, ends, **double)
    settings = settings or SlurmSettings(cpus=2, memory_mib=1000)
    jobs = SlurmJobs(tmp_path, slurm, slurm.clock, settings)
    chosen = [Task(tmp_path, index, partitions=partitions) for index in range(tasks)]
    Driver(chosen, jobs, results, settings, slurm.clock, on_event, Stop()).work()
    return slurm, results


# What is submitted.


def test_the_script_and_the_command_are_shown_exactly_and_nothing_is_submitted(tmp_path):
    store = make_store(tmp_path / "store", {"501": 5}).folder
    settings = {
        "partition": "long",
        "account": "tv",
        "time_limit_minutes": 90,
        "at_once": 8,
        "memory_mib": 64_000,
        "options": ["--qos=normal"],
        "setup": ["module load python"],
        "python": "/opt/python",
    }
    arguments = {"run": tmp_path / "run", "executor": "slurm", "executor_settings": settings}
    (request,) = fit_requests(store, model="seasonal_naive", **arguments)
    assert request.kind == "sbatch"
    name = next(w for w in request.content["command"] if w.startswith("--job-name=")).split("=")[1]
    assert request.content["command"] == (
        *("sbatch", "--parsable", f"--job-name={name}", "--array=0-0%8", "--partition=long"),
        *("--account=tv", "--time=90:00", "--ntasks=1", "--cpus-per-task=4", "--mem=64000M"),
        f"--output={tmp_path / 'run' / 'logs' / name}-%a.out",
        *("--requeue", "--open-mode=append", "--qos=normal"),
    )
    assert request.content["script"] == (
        "#!/bin/sh\nmodule load python\n"
        f"exec /opt/python -m daypart task {tmp_path / 'run'} --array {name} --cores 4\n"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"cpus": 0}, "cpus is 0"),
        ({"time_limit_minutes": -1}, "time_limit_minutes is -1"),
        ({"options": ["--partition=x"]}, "--partition is set by daypart; use partition"),
        ({"options": ["qos=x"]}, "does not begin with -"),
        ({"queue": "x"}, "no setting 'queue'.*there are: partition = "),
    ],
)
def test_settings_that_can_not_be_are_refused(settings, says):
    with pytest.raises(DaypartError, match=says):
        get_executor("slurm", settings)


def test_missing_tools_are_told(store, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DaypartError, match="needs sbatch, which is not there; run this on a login"):
        get_executor("slurm").execute(planned(store, tmp_path / "run"), print)


@pytest.mark.parametrize(
    ("sbatch", "says"),
    [
        ("", "needs sbatch, which is not there"),
        ("sbatch: fatal: Could not establish a configuration source", "run this where sinfo"),
    ],
)
def test_a_machine_without_a_cluster_is_told_before_anything_is_planned(
    store, tmp_path, monkeypatch, sbatch, says
):
    if sbatch:
        (tmp_path / "sbatch").write_text(f"#!/bin/sh\necho '{sbatch}' >&2\nexit 1\n")
        (tmp_path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin" if sbatch else str(tmp_path))
    with pytest.raises(DaypartError, match=says):
        fit(store, run=tmp_path / "run", model=POISSON, executor="slurm")
    assert not (tmp_path / "run").exists()


def test_a_controller_that_does_not_answer_is_told(tmp_path, monkeypatch):
    squeue = tmp_path / "squeue"
    squeue.write_text(
        "#!/bin/sh\necho 'slurm_load_jobs error: Unable to contact slurm controller "
        "(connect failure)' >&2\nexit 1\n"
    )
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    slept = []
    with pytest.raises(DaypartError, match="does not answer squeue .*Unable to contact"):
        Commands(slept.append).read("squeue")
    assert len(slept) == 7


# The driver against the double.


def test_polling_costs_one_call_for_any_number_of_tasks_and_arrays(tmp_path):
    slurm, results = drive(tmp_path, 3_000, child_seconds=600)
    assert results.unfinished() == []
    assert [each["array"] for each in slurm.sbatches] == ["0-999"] * 3
    assert slurm.called["squeue"] < 60
    assert slurm.called["scontrol"] == slurm.called["sacct"] == 0


def test_out_of_memory_is_tried_again_with_double_three_times_and_then_alone(tmp_path):
    told = []
    ends = {1: ["OUT_OF_MEMORY"] * 2, 2: ["OUT_OF_MEMORY"] * 9}
    slurm, results = drive(tmp_path, 4, ends, on_event=told.append)
    memory = [each["mem"] for each in slurm.sbatches]
    assert memory == ["1000M", "2000M", "4000M", "8000M", "8000M"]
    assert results.unfinished() == []
    failed = [event for event in told if isinstance(event, TaskFailed)]
    assert [e.will_retry for e in failed if e.task == 2] == [True, True, True, True, False]
    assert Counter(e.task for e in failed) == {1: 2, 2: 5}


@pytest.mark.parametrize("end", [76, "OUT_OF_MEMORY"])
def test_a_partition_that_no_memory_suffices_for_fails_and_its_neighbours_do_not(tmp_path, end):
    slurm, results = drive(tmp_path, 4, {1: [end] * 2, 2: [end] * 5}, partitions=60)
    sizes = [1000, 2000, 4000, 8000, 8000, 8000]
    assert [each["mem"] for each in slurm.sbatches] == [f"{size}M" for size in sizes]
    assert results.unfinished() == []
    assert results.given_up == [(2, False)]


def test_a_task_that_never_fits_anything_in_any_memory_is_given_up_after_three_rounds(tmp_path):
    _, results = drive(tmp_path, 4, {2: ["OUT_OF_MEMORY"] * 99}, partitions=60)
    assert results.given_up == [(2, False), (2, False), (2, True)]


@pytest.mark.parametrize("end", ["NODE_FAIL", "PREEMPTED", 75, "TIMEOUT"])
def test_a_task_that_lost_its_node_for_good_is_submitted_anew_alone(tmp_path, end):
    slurm, results = drive(tmp_path, 5, {3: [end]})
    assert results.unfinished() == []
    assert [each["array"] for each in slurm.sbatches] == ["0-4", "0-0"]


def test_a_fault_ends_the_run_and_tells_what_the_task_said(tmp_path):
    def write_words(event):
        if isinstance(event, Submitted):
            (tmp_path / "logs").mkdir(exist_ok=True)
            (tmp_path / "logs" / f"{event.request}-2.out").write_text("error: no run here\n")

    with pytest.raises(DaypartError, match="task 2 ended with exit code 2; error: no run here"):
        drive(tmp_path, 4, {2: [2]}, on_event=write_words)


def test_a_cancelled_array_is_an_interruption(tmp_path):
    with pytest.raises(Interrupted, match="cancelled in Slurm"):
        drive(tmp_path, 4, {2: ["CANCELLED"]})


def test_a_submit_without_an_answer_is_looked_for_and_not_repeated(tmp_path):
    slurm, results = drive(tmp_path, 6, lost_answers=1)
    assert results.unfinished() == []
    assert len(slurm.sbatches) == 1


def test_children_that_slurm_forgot_are_asked_of_accounting(tmp_path):
    told = []
    slurm, results = drive(tmp_path, 3, {1: [75]}, forgets=True, on_event=told.append)
    assert results.unfinished() == []
    assert slurm.called["sacct"] >= 1
    assert [e.reason for e in told if isinstance(e, TaskFailed)] == ["exit code 75"]


# On a real cluster.


def undisturbed(folder, tmp_path):
    fit(folder, run=tmp_path / "undisturbed", model=POISSON, executor="inline")
    return comparable(tmp_path / "undisturbed").drop_columns("content_hash")


def comparable(run):
    return read_results(run).drop_columns(["seconds", "attempt"])


def rows_in_parts(run):
    """Return how often each partition has a row in the parts as they were flushed."""
    parts = [pq.read_table(path, columns=["unique_id"]) for path in run.glob("parts/*.parquet")]
    return Counter(name for part in parts for name in part["unique_id"].to_pylist())


@pytest.mark.server
def test_preempted_requeued_and_killed_every_partition_has_one_row(slurm, tmp_path):
    folder = make_store(tmp_path / "store", {"501": 200, "602": 180, "803": 120}).folder
    tasks = planned(folder, tmp_path / "run", parameters={"seconds": 0.02})
    events, blocks = [], []

    def running(node=None):
        where = ["-w", node] if node else []
        return slurm.run("squeue", "-h", "-t", "R", "-p", "spot", "-o", "%i", *where).split()

    def requeue_one():
        for child in running():
            try:
                slurm.run("scontrol", "requeue", child)
            except RuntimeError as error:  # preempted or ended since the look
                if "pending" not in str(error) and "completing" not in str(error):
                    raise
            else:
                return

    def disturb(event):
        events.append(event)
        blocks.extend([event] if isinstance(event, BlockFinished) else [])
        if event is (blocks[0] if blocks else None):
            slurm.run(
                *("sbatch", "--partition=urgent", "--array=0-1", "--exclusive"),
                *("--output=/dev/null", "--wrap=sleep 2"),
            )
        if len(blocks) == 4 and event is blocks[3]:
            requeue_one()
        if len(blocks) == 6 and event is blocks[5]:
            slurm.kill_node("n4")

    with slurm.nudged():
        get_executor("slurm", {**QUICK, "partition": "spot"}).execute(tasks, disturb)
    slurm.start_node("n4")
    # An attempt that is being killed may overlap the next one; of two equal rows one is read.
    ids = read_results(tmp_path / "run")["unique_id"].to_pylist()
    assert len(ids) == len(set(ids)) == 500
    assert set(rows_in_parts(tmp_path / "run")) == set(ids)
    assert len([event for event in events if isinstance(event, Submitted)]) == 1
    left = comparable(tmp_path / "run").drop_columns("content_hash")
    assert left.equals(undisturbed(folder, tmp_path))


@pytest.mark.server
def test_a_driver_that_was_killed_is_replaced_by_the_same_command(slurm, tmp_path):
    folder = make_store(tmp_path / "store", {"501": 60, "803": 40}).folder
    settings = tmp_path / "slurm.toml"
    settings.write_text("[executor.slurm]\ncpus = 1\nmemory_mib = 500\npoll_seconds = 0.3\n")
    command = [sys.executable, "-m", "daypart", "fit", str(folder), "--run"]
    command += [str(tmp_path / "run"), "--model", POISSON, "--set", "hold_from=n0032"]
    command += ["--set", f"hold_until={tmp_path / 'go_on'}"]
    command += ["--executor", "slurm", "--executor-settings", str(settings), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    first = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    deadline = time.monotonic() + 90
    while not list((tmp_path / "run").glob("parts/*.parquet")):
        assert first.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    (tmp_path / "go_on").touch()
    second = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["ok"] == 100
    assert len(list((tmp_path / "run" / "submissions").glob("*.json"))) == 1
    left = comparable(tmp_path / "run").drop_columns("content_hash")
    assert left.equals(undisturbed(folder, tmp_path))


@pytest.mark.server
def test_why_nothing_runs_is_told_and_cancel_ends_what_waits(slurm, store, tmp_path):
    told = []

    def cancel_when_told(event):
        if isinstance(event, Waiting):
            told.append(event.reason)
            executor.cancel(tmp_path / "run")

    settings = {**QUICK, "options": ["--begin=now+1hour"], "blocked_seconds": 0.5}
    executor = get_executor("slurm", settings)
    with pytest.raises(Interrupted, match="cancelled in Slurm"):
        executor.execute(planned(store, tmp_path / "run"), cancel_when_told)
    assert told == ["BeginTime"]
    assert executor.active_tasks(tmp_path / "run") == frozenset()


@pytest.mark.server
@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"partition": "sport"}, "no Slurm partition 'sport'; did you mean spot"),
        ({"partition": "closed"}, "Slurm partition 'closed' is down"),
        ({"memory_mib": 900_000}, "Requested node configuration is not available.*memory_mib"),
        ({"array_size": 5_000}, "array_size is 5000, and this cluster takes 1001"),
        ({"options": ["--nonsense"]}, "unrecognized option '--nonsense'"),
    ],
)
def test_what_the_cluster_would_refuse_is_told_before_anything_is_submitted(
    slurm, store, tmp_path, settings, says
):
    tasks = planned(store, tmp_path / "run")
    with pytest.raises(DaypartError, match=says):
        get_executor("slurm", {**QUICK, **settings}).execute(tasks, print)
    assert not (tmp_path / "run" / "submissions").exists()


@pytest.mark.server
def test_a_folder_that_other_machines_hardly_see_is_refused(slurm, store, tmp_path, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "login")
    tasks = planned(store, tmp_path / "run")
    with pytest.raises(DaypartError, match="hardly see this machine's /tmp"):
        get_executor("slurm", QUICK).execute(tasks, print)


@pytest.mark.server
def test_daypart_cancel_finds_the_arrays_of_a_dead_driver(slurm, tmp_path):
    folder = make_store(tmp_path / "store", {"501": 40}).folder
    arguments = {"run": tmp_path / "run", "model": POISSON, "executor": "slurm"}

    class DriverDiedError(Exception):
        pass

    def die(step):
        raise DriverDiedError

    settings = {**QUICK, "options": ["--begin=now+1hour"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Driver, "_poll", die)
        with pytest.raises(DriverDiedError):
            fit(folder, executor_settings=settings, **arguments)
    assert cancel(tmp_path / "run").tasks == 1
    report = fit(folder, executor_settings=QUICK, **arguments)
    assert report.ok == 40
