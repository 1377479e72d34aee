"""Packing: every partition in one task, tasks of one length, regions together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypart.engine.executors.registry import get_executor
from daypart.engine.plan.packing import (
    memory_request,
    pack,
    tasks_wanted,
)
from daypart.errors import DaypartError

SECONDS = st.lists(st.floats(0, 1e4), min_size=0, max_size=200)


@given(SECONDS, st.integers(1, 30), st.integers(1, 5), st.integers(0, 2**32))
def test_every_partition_is_in_one_task_and_no_task_is_empty(seconds, tasks, regions, seed):
    names = np.random.default_rng(seed).integers(0, regions, len(seconds)).astype(str)
    packed = pack(np.array(seconds), names, tasks)
    assert len(packed.task) == len(seconds)
    assert len(packed.seconds) <= tasks
    assert set(packed.task.tolist()) == set(range(len(packed.seconds)))
    assert packed.seconds.sum() == pytest.approx(sum(seconds))
    assert np.all(np.diff(packed.seconds) <= 0)


@given(SECONDS.filter(any), st.integers(1, 30), st.integers(1, 5))
def test_a_task_is_over_the_mean_by_its_region_s_longest_partition_at_most(seconds, tasks, regions):
    cost = np.array(seconds)
    packed = pack(cost, np.arange(len(cost)) * regions // len(cost), tasks)
    assert packed.seconds.max() <= cost.sum() / tasks + 2 * cost.max() + 1e-6


@given(st.lists(st.floats(1, 10), min_size=1, max_size=100), st.integers(1, 10))
def test_the_same_costs_are_packed_the_same(seconds, tasks):
    names = ["a"] * len(seconds)
    first, second = (pack(np.array(seconds), names, tasks) for _ in range(2))
    assert first.task.tolist() == second.task.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_log_normal_costs_are_packed_to_within_a_twentieth(seed):
    rng = np.random.default_rng(seed)
    cost = rng.lognormal(np.log(0.2), 1.5, 100_000)
    shares = rng.dirichlet(np.full(210, 2.0))
    regions = rng.choice(np.arange(210).astype(str), len(cost), p=shares)
    packed = pack(cost, regions, tasks_wanted(cost.sum()))
    assert 90 < len(packed.seconds) < 120
    assert packed.seconds.max() / packed.seconds.mean() < 1.05
    regions_of_a_task = [len(set(regions[packed.task == t])) for t in range(len(packed.seconds))]
    assert np.mean(regions_of_a_task) < 1 + 210 / len(packed.seconds) + 1


def test_a_partition_longer_than_a_task_gets_one_of_its_own():
    packed = pack(np.array([1000.0, *[10.0] * 60]), ["a"] * 61, 4)
    assert np.flatnonzero(packed.task == packed.task[0]).tolist() == [0]
    assert packed.seconds.tolist() == [1000.0, 200.0, 200.0, 200.0]


def test_where_nothing_takes_time_partitions_are_shared_out_evenly():
    packed = pack(np.zeros(10), ["a"] * 10, 3)
    assert sorted(np.bincount(packed.task).tolist()) == [3, 3, 4]


@given(st.floats(0, 1e9), st.floats(3, 60), st.integers(1, 64))
def test_tasks_last_no_less_than_three_minutes_on_average_unless_there_is_only_one(
    seconds, minutes, cores
):
    tasks = tasks_wanted(seconds, minutes=minutes, cores=cores)
    assert tasks == 1 or seconds / tasks / cores >= 180
    assert abs(seconds - tasks * minutes * 60 * cores) <= minutes * 60 * cores * max(1, tasks)


@given(st.lists(st.floats(1e6, 1e11), max_size=20), st.floats(0, 1e10), st.integers(1, 64))
def test_memory_is_asked_for_with_head_room_and_in_whole_steps(peaks, base, workers):
    asked = memory_request(peaks, base=base, workers=workers)
    assert asked >= 1.3 * (base + workers * max(peaks, default=0)) * (1 - 1e-12)
    assert asked % 2**26 == 0


def test_the_floor_of_a_task_is_a_setting_of_every_cluster():
    for name in ("slurm", "aws-batch"):
        size = get_executor(name, {"task_minutes": 0.5, "least_task_minutes": 0.25}).task_size
        wanted = tasks_wanted(
            600, minutes=size.minutes, cores=size.cores, least_minutes=size.least_minutes
        )
        assert wanted == 5
        with pytest.raises(DaypartError, match="least_task_minutes is 0"):
            get_executor(name, {"least_task_minutes": 0.0})


def test_tasks_are_shorter_than_the_floor_where_cores_would_stand_idle():
    size = get_executor("slurm", {"cpus": 1, "at_once": 8}).task_size
    few = tasks_wanted(120, cores=size.cores, at_once=size.at_once)
    assert (few, tasks_wanted(3600, at_once=8), tasks_wanted(1, at_once=8)) == (4, 8, 1)
