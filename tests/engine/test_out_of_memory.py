"""Out of memory on AWS Batch, with real processes: more is asked for, three times at most."""

from __future__ import annotations

import pytest
from batch_under_test import emulated_batch
from counted_stores import POISSON, make_store, planned

from daypart.engine.executors.array.records import Records
from daypart.engine.executors.array.submission import plan_submissions
from daypart.engine.executors.registry import get_executor
from daypart.engine.results.parts import read_results
from daypart.engine.tasks.events import TaskFailed

pytestmark = [pytest.mark.server, pytest.mark.slow]

MISBEHAVING = "misbehaving_model:Misbehaving"
#: It holds 1,526 MiB, beside what the processes of its child take, for longer than a look lasts.
EATING = {"eat_on": "803/n0010", "eat_seconds": 1.0}


@pytest.fixture
def two_markets(tmp_path):
    """Two tasks of thirty-two partitions."""
    return make_store(tmp_path / "store", {"501": 32, "803": 32}).folder


def run_with(folder, store, memory, model, parameters):
    """Run as an array whose children ask for so many MiB; return rows, failures and requests."""
    told = []
    tasks = planned(store, folder / "run", model, parameters)
    with emulated_batch(folder, {"vcpus": 1, "memory_mib": memory}) as (executor, emulator):
        executor.execute(tasks, told.append)
        jobs = emulator.service.machine.jobs.values()
        requests = [(len(job.children), job.request.memory) for job in jobs]
    return (
        read_results(folder / "run"),
        [event for event in told if isinstance(event, TaskFailed)],
        requests,
    )


def without_success(rows):
    return {row["unique_id"]: row["reason"] for row in rows.to_pylist() if row["status"] != "ok"}


def comparable(rows):
    return rows.drop_columns(["seconds", "attempt", "log"])


def test_a_child_killed_for_its_memory_is_submitted_anew_alone_until_it_has_enough(
    two_markets, tmp_path
):
    rows, failures, requests = run_with(tmp_path, two_markets, 700, MISBEHAVING, EATING)
    assert requests == [(2, 700), (1, 1_400), (1, 2_800)]
    assert [event.will_retry for event in failures] == [True, True]
    assert {event.reason for event in failures} == {"a worker out of memory"}
    undisturbed = tmp_path / "undisturbed"
    tasks = planned(two_markets, undisturbed, MISBEHAVING, EATING | {"eat_seconds": 0.0})
    get_executor("inline").execute(tasks, lambda event: None)
    expected = read_results(undisturbed)
    assert without_success(rows) == {}
    assert (
        comparable(rows)
        .drop_columns("content_hash")
        .equals(comparable(expected).drop_columns("content_hash"))
    )


def test_a_child_that_eight_times_the_memory_does_not_hold_fails_and_the_others_do_not(
    two_markets, tmp_path
):
    rows, failures, requests = run_with(tmp_path, two_markets, 200, MISBEHAVING, EATING)
    assert sorted({memory for _, memory in requests}) == [200, 400, 800, 1_600]
    assert all(event.will_retry for event in failures)
    assert without_success(rows) == {
        "803/n0010": "worker killed by signal 9, as when memory runs out"
    }


def test_a_worker_killed_in_its_child_asks_for_more_three_times_and_costs_one_partition(
    two_markets, tmp_path
):
    rows, failures, requests = run_with(
        tmp_path, two_markets, 900, POISSON, {"kill_on": "803/n0010"}
    )
    assert requests == [(2, 900), (1, 1_800), (1, 3_600), (1, 7_200), (1, 7_200)]
    assert [event.will_retry for event in failures] == [True, True, True, True]
    assert {event.reason for event in failures} == {"a worker out of memory"}
    assert without_success(rows) == {
        "803/n0010": "worker killed by signal 9, as when memory runs out"
    }


def test_a_new_driver_asks_for_the_memory_that_the_one_before_had_reached(two_markets, tmp_path):
    tasks = planned(two_markets, tmp_path / "run")
    settings = get_executor("aws-batch", {"vcpus": 2, "memory_mib": 700}).settings
    records = Records(tmp_path / "run")
    for memory in (700, 1_400, 2_800):
        needed = {tasks[1].index: memory}
        for each in plan_submissions(tasks, settings, least_memory=needed):
            records.intend(each)
    anew = planned(two_markets, tmp_path / "run")
    assert {task.index for task in anew}.isdisjoint(task.index for task in tasks)
    submitted = plan_submissions(anew, settings)
    assert [(each.memory, len(each.tasks)) for each in submitted] == [(700, 1), (2_800, 1)]
