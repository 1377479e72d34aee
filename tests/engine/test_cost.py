"""Core-seconds and dollars of a run follow from what its executions recorded."""

from __future__ import annotations

import json

import pytest
from counted_stores import planned

from daypart.engine.costs.cost import cost

START = 1.7e9


@pytest.fixture
def write_execution(store, tmp_path):
    """A function that records one execution of a planned run, with seconds from its start."""
    run = tmp_path / "run"
    planned(store, run)
    (run / "history").mkdir()
    written = []

    def write(executor, cores, *records, queue=""):
        head = {"executor": executor, "cores": cores, "host": "h", "queue": queue, "at": START}
        lines = [head, *({**record, "at": START + at} for at, record in records)]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (run / "history" / f"{len(written):020d}-aa.jsonl").write_text(text)
        written.append(run)
        return run

    return write


def started(task):
    return {"event": "TaskStarted", "task": task, "worker": "w"}


def block(task, seconds, ok=1, failed=0, skipped=0):
    counts = {"ok": ok, "failed": failed, "skipped": skipped}
    return {"event": "BlockFinished", "task": task, **counts, "seconds": seconds}


def ended(outcome):
    return {"ended": outcome}


def test_what_a_finished_execution_held_and_did_not_use_was_idle(write_execution):
    run = write_execution(
        *("local", 4, (1, started(0)), (5, block(0, 10.0, ok=3, failed=2, skipped=1))),
        *((6, {"event": "TaskFinished", "task": 0, "seconds": 10.0}), (10, ended("finished"))),
    )
    found = cost(run)
    assert (found.used, found.lost, found.idle, found.partitions) == (10.0, 0.0, 30.0, 6)
    (execution,) = found.executions
    assert (execution.held, execution.outcome) == (40.0, "finished")
    assert execution.finished == ((START + 5, 6),)


def test_a_driver_that_was_interrupted_lost_the_time_since_the_last_block_of_each_task(
    write_execution,
):
    run = write_execution(
        *("local", 2, (2, started(0)), (3, started(1)), (6, block(0, 4.0))),
        (9, ended("interrupted")),
    )
    found = cost(run)
    assert (found.used, found.lost, found.idle) == (4.0, 3.0 + 6.0, 18.0 - 4.0 - 9.0)


def test_a_task_that_failed_lost_the_time_since_its_last_block_and_a_finished_one_nothing(
    write_execution,
):
    run = write_execution(
        *("local", 1, (1, started(0)), (4, block(0, 3.0))),
        (6, {"event": "TaskFailed", "task": 0, "reason": "r", "will_retry": True}),
        *((7, started(0)), (9, {"event": "TaskFinished", "task": 0, "seconds": 2.0})),
        (10, ended("finished")),
    )
    assert (cost(run).used, cost(run).lost) == (3.0, 2.0)


def test_an_attempt_that_was_lost_lost_all_that_it_held_beside_its_blocks(write_execution):
    run = write_execution("task", 2, (10, started(0)), (20, block(0, 8.0)), (30, {"alive": True}))
    found = cost(run)
    assert (found.used, found.lost, found.idle) == (8.0, 52.0, 0.0)
    assert found.executions[0].outcome is None


def test_losses_show_while_the_next_attempt_runs(write_execution, monkeypatch):
    write_execution("task", 2, (10, started(0)), (20, block(0, 8.0)), (30, {"alive": True}))
    failed = {"event": "TaskFailed", "task": 0, "reason": "r", "will_retry": True}
    run = write_execution("task", 2, (40, started(0)), (50, failed), (55, failed))
    monkeypatch.setattr("daypart.engine.results.history.time.time", lambda: START + 60)
    found = cost(run)
    assert (found.used, found.lost) == (8.0, 52.0 + 10.0 + 5.0)


def test_a_driver_whose_tasks_record_their_own_cores_is_not_counted(write_execution):
    write_execution("slurm", 0, (1, block(0, 9.0)), (10, ended("finished")))
    run = write_execution("task", 1, (1, block(0, 9.0)), (10, ended("finished")))
    assert (cost(run).used, cost(run).partitions, len(cost(run).executions)) == (9.0, 1, 1)


def test_dollars_are_those_of_core_seconds_on_queues_with_a_price(write_execution):
    write_execution("task", 2, (1, block(0, 1800.0)), (3600, ended("finished")), queue="spot")
    run = write_execution("task", 1, (1, block(0, 9.0)), (10, ended("finished")), queue="other")
    assert cost(run).dollars is None
    rates = {"executor": "x", "settings": {}, "dollars_per_vcpu_hour": {"spot": 0.5}}
    (run / "execution.json").write_text(json.dumps(rates))
    found = cost(run)
    assert (found.dollars, found.dollars_lost, found.dollars_idle) == (1.0, 0.0, 0.75)
