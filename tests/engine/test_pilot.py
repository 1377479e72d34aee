"""The pilot: what partitions take, by size; plans of tasks of about one length from it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from counted_stores import FIRST_HOUR, POISSON, make_store, planning_of
from hypothesis import given
from hypothesis import strategies as st

from daypart.engine.executors.protocol import TaskSize
from daypart.engine.plan.pilot import (
    BUDGET_SECONDS,
    Pilot,
    choose_neighbours,
    choose_sample,
    expected_seconds,
    run_pilot,
)
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.parts import read_results
from daypart.engine.status import status
from daypart.engine.tasks.attempt import attempt_task
from daypart.runs.estimate import estimate
from daypart.runs.fit import fit
from daypart.runs.fitting.run_plan import FitPlanning
from daypart.runs.run.settings import read_settings
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore
from daypart.synthetic.counts import simulate_counts

SIZES = st.lists(st.integers(0, 10_000), max_size=80).map(lambda sizes: np.array(sizes, np.int64))


@given(SIZES, st.integers(1, 30))
def test_a_sample_holds_the_smallest_and_the_largest_and_nobody_twice(hours, most):
    chosen = choose_sample(hours, most)
    assert len(set(chosen.tolist())) == len(chosen) == min(most, len(hours))
    if most > 1 and len(hours):
        assert {hours.min(), hours.max()} <= set(hours[chosen].tolist())


@given(st.lists(st.tuples(st.integers(0, 5000), st.floats(0, 100)), min_size=1, max_size=40), SIZES)
def test_expectations_lie_within_what_was_measured(sample, hours):
    sizes, seconds = (np.array(values) for values in zip(*sample, strict=True))
    expected = expected_seconds(Pilot(sizes, seconds, 0), hours)
    assert expected.shape == hours.shape
    assert np.all(expected >= seconds.min() - 1e-9)
    assert np.all(expected <= seconds.max() + 1e-9)


def test_seconds_that_grow_with_size_are_expected_to():
    hours = np.arange(100, 2100, 100)
    expected = expected_seconds(Pilot(hours, hours / 1000, 0), np.array([400, 1000, 1700]))
    assert expected == pytest.approx([0.4, 1.0, 1.7], rel=0.15)


def test_what_did_not_end_in_time_counts_as_long():
    none = Pilot(np.empty(0, np.int64), np.empty(0), 0)
    assert expected_seconds(none, np.array([1, 2])).tolist() == [BUDGET_SECONDS] * 2


@pytest.fixture
def uneven(tmp_path):
    """Forty partitions of 24 to 960 hours in two regions."""
    blocks = []
    for region in ("501", "803"):
        names = [f"n{i:02d}" for i in range(20)]
        ids = [f"{region}/{name}" for name in names]
        keys = pa.table({"market": [region] * 20, "network": names, "unique_id": ids})
        counts = [np.ones(48 * (i + 1), np.int32) for i in range(20)]
        blocks.append((region, block_from_arrays(keys, ["UTC"] * 20, [FIRST_HOUR] * 20, counts)))
    store = SeriesStore.create(tmp_path / "store", key=["market", "network"])
    return store.replace_regions(blocks)


def test_a_pilot_measures_seconds_and_memory_and_leaves_the_run_s_folder_alone(uneven, tmp_path):
    folder = RunFolder.at(tmp_path / "run")
    planning = planning_of(folder, uneven, model=POISSON, parameters={"seconds": 0.02})
    sample = planning.draw().table.select(["unique_id", "region", "row"]).take([3, 0, 10, 19])
    pilot = run_pilot(planning, sample)
    assert pilot.hours.tolist() == [48, 11 * 48, 20 * 48]
    assert np.all(pilot.seconds >= 0.02)
    assert pilot.peak_bytes > 20e6
    assert not folder.path.exists()


@given(st.lists(st.sampled_from("abc"), max_size=60), st.integers(0, 20), st.integers(1, 30))
def test_neighbours_are_of_the_region_with_most_left_and_none_of_the_sample(regions, taken, most):
    places = [regions[:i].count(region) for i, region in enumerate(regions)]
    rows = pa.table({"region": pa.array(regions, pa.string()), "row": pa.array(places, pa.int32())})
    sample = np.arange(min(taken, len(regions)))
    left = regions[len(sample) :]
    chosen = choose_neighbours(rows, sample, most)
    assert not set(chosen.tolist()) & set(sample.tolist())
    assert len(chosen) == min(most, max(map(left.count, left), default=0))
    assert len({regions[place] for place in chosen}) <= 1
    assert all(places[one] < places[other] for one, other in pairwise(chosen))


@pytest.mark.parametrize(
    ("parameters", "in_a_run"),
    [
        ({"seconds_per_block": 0.1, "seconds": 0.003}, 0.003 + 0.1 / 128),
        ({"seconds_per_block": 0.0, "seconds": 0.01}, 0.01),
    ],
    ids=["a fixed cost per block", "a cost per partition alone"],
)
def test_what_a_block_costs_whatever_its_size_is_not_counted_for_each_partition(
    tmp_path, parameters, in_a_run
):
    store = make_store(tmp_path / "store", {"501": 30, "803": 200}, hours=168)
    folder = RunFolder.at(tmp_path / "run")
    planning = planning_of(folder, store, model=POISSON, parameters=parameters)
    plan = planning.draw(size=TaskSize(minutes=10))
    assert 1 < plan.costs.seconds.mean() / in_a_run < 2
    assert plan.costs.sample == 19


@pytest.mark.slow
def test_an_estimate_of_our_own_model_is_within_a_factor_of_two_of_the_run(tmp_path):
    """In one of three tries: other processes of this machine slow down one side or the other."""
    store = simulate_counts(tmp_path / "store", markets=3, networks=100, segments=6, weeks=13)
    ratios = []
    for attempt in range(3):
        expected = estimate(store.folder, workers=1).core_seconds
        run = tmp_path / f"run{attempt}"
        fit(store.folder, run=run, workers=1)
        ratios.append(expected / status(run).fit_seconds)
        if 0.5 < ratios[-1] < 2.0:
            return
    pytest.fail(f"the estimate over the run: {ratios}")


def ratio_of_estimate(store, run, **options):
    """Return what an estimate expects a run to take over what it takes."""
    expected = estimate(store.folder, workers=2, **options).outlook.seconds
    return expected / fit(store.folder, run=run, workers=2, **options).seconds


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "factor"),
    [({"model": POISSON, "parameters": {"seconds": 0.2}}, 1.3), ({}, 3.0)],
    ids=["own model", "negbin"],
)
def test_an_estimate_counts_parents_starts_and_imports(tmp_path, options, factor):
    """Fits alone are a ninth of what 2,000 partitions of `negbin` take, most of it processor.

    Other processes of this machine slow that down on either side, so its factor is wide.
    """
    networks = 2 if options else 50
    made = simulate_counts(tmp_path / "store", markets=20, networks=networks, segments=2, weeks=13)
    tries = (ratio_of_estimate(made, tmp_path / f"run{i}", **options) for i in range(4))
    assert any(1 / factor < ratio < factor for ratio in tries)


def test_a_plan_by_minutes_packs_partitions_over_regions_and_its_tasks_fit_all(uneven, tmp_path):
    folder = RunFolder.at(tmp_path / "run")
    planning = planning_of(folder, uneven, model=POISSON)
    plan = planning.write(size=TaskSize(minutes=10, cores=1))
    (task,) = plan.tasks
    assert task.partitions == 40
    assert 0 < task.seconds < 60
    assert task.memory_bytes > 20e6
    assert attempt_task(folder.path, task.index, cores=2).ok == 40
    fit(uneven.folder, run=tmp_path / "inline", model=POISSON, executor="inline")
    kept = ["seconds", "attempt"]
    left, right = (read_results(tmp_path / n).drop_columns(kept) for n in ("run", "inline"))
    assert left.equals(right)


def test_seconds_of_earlier_fits_stand_in_for_a_pilot(tmp_path, monkeypatch):
    store = make_store(tmp_path / "store", {"501": 60, "803": 20})
    run = tmp_path / "run"
    fit(store.folder, run=run, model=POISSON, executor="inline", parameters={"raise_on": "n0003"})
    monkeypatch.setattr("daypart.engine.plan.pilot.run_pilot", lambda *_: pytest.fail("a pilot"))
    folder = RunFolder.open(run)
    planning = FitPlanning(folder, store, read_settings(folder))
    plan = planning.draw(retry_failed=True, size=TaskSize(minutes=10))
    assert (plan.pending, len(plan.tasks)) == (2, 1)
