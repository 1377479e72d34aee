"""A task as a cluster's child runs it: on all its cores, stopped and begun again, with its logs."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
from counted_stores import make_store, planned

from daypart.engine.costs.cost import cost
from daypart.engine.executors.array.child import task_of_child, write_array
from daypart.engine.executors.registry import get_executor
from daypart.engine.logs import logs
from daypart.engine.results.parts import read_results
from daypart.engine.tasks.attempt import attempt_task
from daypart.errors import DaypartError

HERE = Path(__file__).parent


def comparable(run):
    return read_results(run).drop_columns(["seconds", "attempt", "log"])


def start_task(run, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "daypart", "task", str(run), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(HERE), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def statuses(run):
    return read_results(run)["status"].to_pylist()


@pytest.mark.parametrize("cores", [1, 3])
def test_a_task_on_any_number_of_cores_gives_the_same_rows(store, tmp_path, cores):
    tasks = planned(store, tmp_path / "run")
    for task in tasks:
        done = attempt_task(tmp_path / "run", task.index, cores=cores)
        assert done.ok == task.partitions
    get_executor("inline").execute(planned(store, tmp_path / "inline"), lambda event: None)
    assert comparable(tmp_path / "run").equals(comparable(tmp_path / "inline"))


def test_a_second_attempt_starts_where_the_first_was_stopped(tmp_path):
    store = make_store(tmp_path / "store", {"501": 32}).folder
    run = tmp_path / "run"
    held = {"hold_from": "n0016", "hold_until": str(tmp_path / "go_on")}
    planned(store, run, parameters=held)
    first = start_task(run, 0, "--cores", 2)
    while not list(run.glob("parts/*.parquet")):
        assert first.poll() is None, first.communicate()
        time.sleep(0.02)
    first.send_signal(signal.SIGTERM)
    _, told = first.communicate(timeout=60)
    assert first.returncode == 75, told
    assert told.startswith("task 0 starts: 32 partitions to fit, 0 done before, 2 cores of ")
    assert "task 0: stopped by SIGTERM" in told
    assert "finished blocks are saved" in told
    saved = statuses(run).count("ok")
    assert 0 < saved < 32
    (tmp_path / "go_on").touch()
    done = attempt_task(run, 0, cores=2)
    assert (done.ok, done.already_done) == (32 - saved, saved)
    assert statuses(run) == ["ok"] * 32


def test_an_array_s_child_runs_the_task_that_the_array_lists(store, tmp_path):
    run = tmp_path / "run"
    tasks = planned(store, run)
    write_array(run, "retry", [tasks[2].index, tasks[1].index])
    child = start_task(run, "--array", "retry", AWS_BATCH_JOB_ARRAY_INDEX="1", DAYPART_CORES="1")
    out, told = child.communicate(timeout=60)
    assert child.returncode == 0, told
    summary = f"task {tasks[1].index}: {tasks[1].partitions} ok, 0 failed, 0 skipped, "
    assert out.startswith(summary)
    assert len(out.splitlines()) == len(told.splitlines()) == 1
    assert statuses(run).count("ok") == tasks[1].partitions
    with pytest.raises(DaypartError, match="array retry: no child 2; it has 2"):
        task_of_child(run, "retry", 2)


def test_what_a_partition_printed_and_why_it_failed_is_told_by_name(store, tmp_path):
    run = tmp_path / "run"
    tasks = planned(store, run, "poisson_model:TalkingModel")
    attempt_task(run, tasks[0].index, cores=2)
    name = next(row["unique_id"] for row in read_results(run).to_pylist() if row["status"] == "ok")
    told = logs(run, name)
    assert told.printed.startswith("fitting ")
    assert told.log.startswith(f"task-{tasks[0].index:06d}-")
    with pytest.raises(DaypartError, match="did you mean"):
        logs(run, name + "x")
    failing = planned(store, tmp_path / "bad", parameters={"raise_on": "501/n0003"})
    for task in failing:
        attempt_task(tmp_path / "bad", task.index, cores=1)
    bad = logs(tmp_path / "bad", "501/n0003")
    assert bad.status == "failed"
    assert bad.traceback.startswith("Traceback")
    assert "raise ValueError" in bad.traceback


@pytest.mark.parametrize("cores", [1, 2])
def test_partitions_whose_worker_is_killed_stay_missing_for_an_attempt_with_more_memory(
    tmp_path, cores
):
    store = make_store(tmp_path / "store", {"501": 32}).folder
    run = tmp_path / "run"
    planned(store, run, parameters={"kill_on": "n0030"})
    child = start_task(run, 0, "--cores", cores)
    _, told = child.communicate(timeout=120)
    assert child.returncode == 76, told
    assert "a worker was killed repeatedly, as happens when memory runs out" in told
    assert "give the task more memory" in told
    found = read_results(run)
    missing = found.filter(pc.equal(found["status"], "missing"))["unique_id"].to_pylist()
    assert missing == ["501/n0030", "501/n0031"]
    assert statuses(run).count("ok") == 30


def test_with_the_most_memory_only_the_partition_whose_worker_is_killed_fails(tmp_path):
    store = make_store(tmp_path / "store", {"501": 32}).folder
    run = tmp_path / "run"
    planned(store, run, parameters={"kill_on": "n0030"})
    child = start_task(run, 0, "--cores", 2, "--one-by-one", "--most-memory")
    _, told = child.communicate(timeout=120)
    assert child.returncode == 3, told
    assert statuses(run).count("ok") == 31
    failed = [row for row in read_results(run).to_pylist() if row["status"] == "failed"]
    assert [(row["unique_id"], row["reason"]) for row in failed] == [
        ("501/n0030", "worker killed by signal 9, as when memory runs out")
    ]


def test_a_partition_that_segfaults_fails_and_the_others_go_on(tmp_path):
    store = make_store(tmp_path / "store", {"501": 32}).folder
    run = tmp_path / "run"
    planned(store, run, parameters={"kill_on": "n0030", "kill_with": int(signal.SIGSEGV)})
    done = attempt_task(run, 0, cores=1)
    assert (done.ok, done.failed) == (31, 1)
    failed = [row for row in read_results(run).to_pylist() if row["status"] == "failed"]
    assert [(row["unique_id"], row["reason"]) for row in failed] == [
        ("501/n0030", "worker killed by signal 11")
    ]


def test_the_core_seconds_of_attempts_are_recorded(store, tmp_path):
    run = tmp_path / "run"
    tasks = planned(store, run, parameters={"seconds": 0.002})
    for task in tasks:
        attempt_task(run, task.index, cores=2)
    found = cost(run)
    assert found.partitions == 70
    assert len(found.executions) == len(tasks)
    assert found.used >= 70 * 0.002
    assert found.lost == 0
    held = sum(each.cores * (each.last - each.started) for each in found.executions)
    assert np.isclose(found.used + found.idle, held)


KILLED = """
import daypart.engine.results.history as history
from daypart.engine.tasks.attempt import attempt_task
history._ALIVE_SECONDS = 0.05
attempt_task({run!r}, 0, cores=2)
"""


def test_what_an_attempt_whose_host_was_taken_held_is_told_as_lost(tmp_path, monkeypatch):
    store = make_store(tmp_path / "store", {"501": 32}).folder
    run = tmp_path / "run"
    planned(store, run, parameters={"hold_from": "n0016", "hold_until": str(tmp_path / "never")})
    attempt = subprocess.Popen(
        [sys.executable, "-c", KILLED.format(run=str(run))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    while not list(run.glob("parts/*.parquet")):
        assert attempt.poll() is None
        time.sleep(0.02)
    since = time.monotonic()
    time.sleep(1.0)
    os.killpg(attempt.pid, signal.SIGKILL)  # no SIGTERM before: the notice is a best effort
    attempt.wait()
    held = 2 * (time.monotonic() - since)
    assert cost(run).lost == 0  # it may go on
    monkeypatch.setattr("daypart.engine.results.history._GONE_SECONDS", 0.0)
    (found,) = cost(run).executions
    assert found.outcome is None
    assert found.lost >= 0.5 * held
    assert found.used + found.lost == pytest.approx(found.held)
    assert found.idle == pytest.approx(0.0)


def test_a_task_starts_soon_and_imports_nothing_that_it_does_not_need(tmp_path):
    store = make_store(tmp_path / "store", {"501": 4}).folder
    run = tmp_path / "run"
    planned(store, run)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = start_task(run, 0, "--cores", 1)
    _, told = child.communicate(timeout=120)
    assert child.returncode == 0, told
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Two processes, the task and its worker; 0.7 s of processor where nothing else runs.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 4.0
    code = (
        "import sys, daypart.engine.tasks.worker, daypart.engine.tasks.attempt\n"
        "import daypart.runs.fitting.fit_work; print(*sys.modules)"
    )
    listed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    there = set(listed.stdout.split())
    assert not there & {"numba", "scipy", "duckdb", "boto3", "obstore", "pyarrow.parquet"}
    assert not there & {f"daypart.runs.{name}" for name in ("fit", "audit", "backtest", "predict")}


def test_a_worker_of_our_own_models_imports_neither_pandas_nor_scipy_which_stay_importable():
    code = (
        "import sys\n"
        "from daypart.engine.tasks.bare_imports import import_numba_alone, import_pyarrow_alone\n"
        "import_pyarrow_alone()\n"
        "import_numba_alone()\n"
        "import numpy as np, pyarrow as pa\n"
        "from daypart.models.registry import get_model\n"
        "from daypart.series.block import block_from_arrays\n"
        "keys = pa.table({'shop': ['a'], 'unique_id': ['a']})\n"
        "block = block_from_arrays(keys, ['UTC'], [480_000], [np.arange(1344) % 24])\n"
        "print(*get_model('negbin').fit(block)['status'].to_pylist())\n"
        "print(*sorted({'pandas', 'scipy'} & set(sys.modules)))\n"
        "import pandas, scipy.stats\n"
        "print(pandas.Series([1]).sum(), scipy.stats.norm.cdf(0.0))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "ok\n\n1 0.5\n"
