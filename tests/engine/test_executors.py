"""Every executor keeps the same promises: one suite, run over all of them."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from counted_stores import make_store, planned
from executors_under_test import MAKERS, ON_A_SERVER

from daypart.engine.executors.registry import get_executor
from daypart.engine.logs import logs
from daypart.engine.results.parts import read_results
from daypart.engine.tasks.events import BlockFinished, TaskFailed, TaskFinished, TaskStarted
from daypart.engine.tasks.stopping import Stop
from daypart.errors import DaypartError, Interrupted
from daypart.runs.fit import fit
from daypart.series.store import SeriesStore

KILLED = "worker killed by signal 9, as when memory runs out"


def comparable(run):
    return read_results(run).drop_columns(["seconds", "attempt"])


@pytest.fixture(
    params=[
        pytest.param(name, marks=[pytest.mark.server] if name in ON_A_SERVER else [])
        for name in MAKERS
    ]
)
def executor(request, tmp_path):
    with MAKERS[request.param](tmp_path, request.getfixturevalue) as made:
        yield made


def test_results_are_those_of_a_fit_in_one_piece_to_the_bit(executor, store, tmp_path):
    from poisson_model import HourOfWeekPoisson

    events = []
    executor.execute(planned(store, tmp_path / "run"), events.append)
    results = comparable(tmp_path / "run")
    opened = SeriesStore.open(store)
    for region in opened.regions:
        block = opened.read_region(region)
        direct = HourOfWeekPoisson().fit(block)
        rows = results.filter(
            [name in block.unique_ids for name in results["unique_id"].to_pylist()]
        )
        assert rows["unique_id"].to_pylist() == block.unique_ids
        assert rows["shape"].combine_chunks().equals(direct["shape"].combine_chunks())
        assert rows["rate"].combine_chunks().equals(direct["rate"].combine_chunks())


def test_events_tell_every_task_and_every_partition_once(executor, store, tmp_path):
    events = []
    tasks = planned(store, tmp_path / "run", parameters={"raise_on": "n0003"})
    executor.execute(tasks, events.append)
    indices = sorted(task.index for task in tasks)
    assert sorted(e.task for e in events if isinstance(e, TaskStarted)) == indices
    assert sorted(e.task for e in events if isinstance(e, TaskFinished)) == indices
    assert not [e for e in events if isinstance(e, TaskFailed)]
    blocks = [e for e in events if isinstance(e, BlockFinished)]
    assert sum(e.partitions for e in blocks) == 70
    assert sum(e.failed for e in blocks) == 2
    for index in indices:
        kinds = [type(e) for e in events if getattr(e, "task", None) == index]
        assert kinds[0] is TaskStarted
        assert kinds[-1] is TaskFinished


def test_a_failing_partition_leaves_the_others_alone(executor, store, tmp_path):
    executor.execute(planned(store, tmp_path / "bad", parameters={"raise_on": "n0003"}), ignore)
    executor.execute(planned(store, tmp_path / "good"), ignore)
    bad, good = comparable(tmp_path / "bad"), comparable(tmp_path / "good")
    failed = [row for row in bad.to_pylist() if row["status"] != "ok"]
    assert [row["unique_id"] for row in failed] == ["501/n0003", "803/n0003"]
    assert all(row["reason"].startswith("ValueError: ") for row in failed)
    assert all(row["shape"] is None for row in failed)
    well = [name not in {"501/n0003", "803/n0003"} for name in bad["unique_id"].to_pylist()]
    assert bad.filter(well)["shape"].equals(good.filter(well)["shape"])


def test_a_requested_stop_keeps_what_was_flushed(executor, tmp_path):
    # Ten tasks, of which one is free to end: no executor here holds nine others at once.
    store = make_store(tmp_path / "store", {"501": 320}, hours=168).folder
    stop, blocks = Stop(), []

    def stop_at_the_first_block(event):
        if isinstance(event, BlockFinished):
            blocks.append(event)
            stop.request("cancelled")

    held = {"hold_from": "n0032", "hold_until": str(tmp_path / "go_on")}
    tasks = planned(store, tmp_path / "run", parameters=held)
    with pytest.raises(Interrupted, match="cancelled"):
        executor.execute(tasks, stop_at_the_first_block, stop)
    states = read_results(tmp_path / "run")["status"].to_pylist()
    assert states.count("ok") == sum(event.partitions for event in blocks)
    assert 0 < states.count("ok") < 320
    (tmp_path / "go_on").touch()
    executor.execute(tasks, ignore)
    assert set(read_results(tmp_path / "run")["status"].to_pylist()) == {"ok"}


def test_a_stop_after_the_last_partition_is_no_interruption(executor, store, tmp_path):
    stop, done = Stop(), []

    def stop_at_the_end(event):
        done.append(event.partitions if isinstance(event, BlockFinished) else 0)
        if sum(done) == 70:
            stop.request("too late")

    executor.execute(planned(store, tmp_path / "run"), stop_at_the_end, stop)
    assert set(read_results(tmp_path / "run")["status"].to_pylist()) == {"ok"}


def test_a_second_call_fits_nothing_twice(executor, store, tmp_path):
    tasks = planned(store, tmp_path / "run")
    executor.execute(tasks, ignore)
    before = sorted((path.name, path.stat().st_mtime_ns) for path in parts_of(tmp_path / "run"))
    events = []
    executor.execute(tasks, events.append)
    assert sorted((p.name, p.stat().st_mtime_ns) for p in parts_of(tmp_path / "run")) == before
    assert not [e for e in events if isinstance(e, BlockFinished)]


def test_a_store_that_changed_since_the_plan_is_refused(executor, tmp_path):
    store = make_store(tmp_path / "store", {"501": 5})
    tasks = planned(store.folder, tmp_path / "run")
    store.replace_regions([("501", store.read_region("501").take([0, 1]))])
    with pytest.raises(DaypartError, match="changed since the run was planned"):
        executor.execute(tasks, ignore)


def test_what_a_partition_printed_is_found_wherever_it_ran(executor, tmp_path):
    folder = make_store(tmp_path / "store", {"501": 3}).folder
    tasks = planned(folder, tmp_path / "run", "poisson_model:TalkingModel")
    executor.execute(tasks, lambda event: None)
    told = logs(tmp_path / "run", "501/n0001")
    assert told.status == "ok"
    # In this process models print where everything does.
    assert told.printed.startswith("fitting ") == (executor.name != "inline")


def test_no_tasks_are_no_work(executor):
    executor.execute([], ignore)
    assert executor.requests([]) == []


def test_requests_name_every_task_and_submit_nothing(executor, store, tmp_path):
    tasks = planned(store, tmp_path / "run")
    before = files_of(tmp_path / "run")
    requests = executor.requests(tasks)
    assert {task for request in requests for task in request.tasks} == {t.index for t in tasks}
    assert all(json.loads(json.dumps(request.content)) for request in requests)
    assert files_of(tmp_path / "run") == before


def test_nothing_is_active_or_left_to_cancel_once_the_tasks_have_ended(executor, store, tmp_path):
    tasks = planned(store, tmp_path / "run")
    assert executor.active_tasks(tmp_path / "run") == frozenset()
    executor.execute(tasks, ignore)
    assert executor.active_tasks(tmp_path / "run") == frozenset()
    assert executor.cancel(tmp_path / "run") == 0
    assert set(read_results(tmp_path / "run")["status"].to_pylist()) == {"ok"}


def test_every_setting_has_a_default_and_says_what_it_is(executor):
    for field in dataclasses.fields(executor.settings_type):
        has_default = field.default is not dataclasses.MISSING
        assert has_default or field.default_factory is not dataclasses.MISSING, field.name
        assert field.metadata.get("help"), field.name


def test_an_unknown_setting_is_answered_with_those_there_are(executor):
    with pytest.raises(
        DaypartError, match=f"executor {executor.name}: no setting 'colour'"
    ) as told:
        get_executor(executor.name, {"colour": "red"})
    for field in dataclasses.fields(executor.settings_type):
        assert f"{field.name} = " in str(told.value)


def files_of(run):
    return sorted((path, path.stat().st_mtime_ns) for path in run.rglob("*"))


def ignore(event):
    pass


def parts_of(run):
    return list((run / "parts").glob("*.parquet"))


# What only worker processes can meet.


def test_a_worker_killed_once_costs_nothing(store, tmp_path):
    once = {"kill_on": "n0010", "kill_once_in": str(tmp_path / "killed")}
    events = []
    tasks = planned(store, tmp_path / "run", parameters=once)
    get_executor("local", {"workers": 2}).execute(tasks, events.append)
    assert (tmp_path / "killed").exists()
    assert [e.reason for e in events if isinstance(e, TaskFailed)] == [KILLED]
    get_executor("inline").execute(planned(store, tmp_path / "undisturbed"), ignore)
    left, right = comparable(tmp_path / "run"), comparable(tmp_path / "undisturbed")
    assert left.drop_columns("content_hash").equals(right.drop_columns("content_hash"))


def test_a_partition_that_kills_its_worker_is_the_only_one_to_fail(store, tmp_path):
    events = []
    tasks = planned(store, tmp_path / "run", parameters={"kill_on": "501/n0010"})
    get_executor("local", {"workers": 2}).execute(tasks, events.append)
    rows = read_results(tmp_path / "run").to_pylist()
    failed = [(row["unique_id"], row["reason"]) for row in rows if row["status"] != "ok"]
    assert failed == [("501/n0010", KILLED)]
    assert sum(e.partitions for e in events if isinstance(e, BlockFinished)) == 70
    finished = sorted(e.task for e in events if isinstance(e, TaskFinished))
    assert finished == sorted(task.index for task in tasks)


@pytest.mark.parametrize("block", [1, 3])
def test_workers_killed_at_any_moment_do_not_change_the_result(store, tmp_path, block):
    blocks = []

    def kill_at_that_block(event):
        blocks.extend([event] if isinstance(event, BlockFinished) else [])
        if len(blocks) == block and event is blocks[-1]:
            assert kill_a_child()

    tasks = planned(store, tmp_path / "run", parameters={"seconds": 0.005})
    get_executor("local", {"workers": 2}).execute(tasks, kill_at_that_block)
    get_executor("inline").execute(planned(store, tmp_path / "undisturbed"), ignore)
    left, right = comparable(tmp_path / "run"), comparable(tmp_path / "undisturbed")
    assert left.drop_columns("content_hash").equals(right.drop_columns("content_hash"))


def kill_a_child():
    """Kill one worker of this process, if there is one."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = (process / "stat").read_text().rsplit(")", 1)[1].split()[1]
            command = (process / "cmdline").read_text()
        except OSError:
            continue
        if int(parent) == os.getpid() and "daypart.engine.tasks.worker" in command:
            os.kill(int(process.name), signal.SIGKILL)
            return True
    return False


def test_workers_leave_nothing_behind(store, tmp_path):
    get_executor("local", {"workers": 2}).execute(planned(store, tmp_path / "run"), ignore)
    time.sleep(0.05)
    assert not kill_a_child()
    assert list((tmp_path / "run" / "logs").iterdir()) == []


def test_what_a_model_prints_goes_to_the_workers_log(store, tmp_path):
    report = fit(store, run=tmp_path / "run", model="poisson_model:TalkingModel", workers=1)
    assert report.ok == 70
    (log,) = (tmp_path / "run" / "logs").iterdir()
    assert "fitting 31 partitions" in log.read_text()


def test_workers_that_can_not_start_are_told_at_once(store, tmp_path, monkeypatch):
    tasks = planned(store, tmp_path / "run")
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(DaypartError, match="before its first task: worker ended with exit code 1"):
        get_executor("local", {"workers": 1}).execute(tasks, ignore)


@pytest.mark.parametrize(("losses", "ends_well"), [(2, True), (3, False)])
def test_workers_killed_at_their_start_are_replaced_twice(
    store, tmp_path, monkeypatch, losses, ends_well
):
    tasks = planned(store, tmp_path / "run", model="poisson_model:NothingModel")
    python = tmp_path / "python"
    python.write_text(
        f"#!/bin/sh\necho . >> {tmp_path}/starts\n"
        f'[ $(wc -l < {tmp_path}/starts) -le {losses} ] && kill -9 $$\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(python))
    if ends_well:
        get_executor("local", {"workers": 1}).execute(tasks, ignore)
        assert set(read_results(tmp_path / "run")["status"].to_pylist()) == {"ok"}
    else:
        with pytest.raises(DaypartError, match="before its first task: worker killed by signal 9"):
            get_executor("local", {"workers": 1}).execute(tasks, ignore)


def test_a_model_that_lacks_a_module_stops_the_run_and_blames_no_partition(store, tmp_path):
    for executor in (get_executor("inline"), get_executor("local", {"workers": 1})):
        run = tmp_path / executor.name
        tasks = planned(store, run, model="poisson_model:LackingModel")
        with pytest.raises(DaypartError, match="no_such_library"):
            executor.execute(tasks, ignore)
        assert parts_of(run) == []


def test_the_default_model_gives_the_same_bits_in_workers_and_blocks_of_any_size(
    store, tmp_path, monkeypatch
):
    get_executor("local", {"workers": 2}).execute(
        planned(store, tmp_path / "local", model="negbin"), ignore
    )
    monkeypatch.setattr("daypart.engine.tasks.task.FIRST_BLOCK", 7)
    get_executor("inline").execute(planned(store, tmp_path / "inline", model="negbin"), ignore)
    assert comparable(tmp_path / "local").equals(comparable(tmp_path / "inline"))
