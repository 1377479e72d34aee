"""fit gives every partition a row, goes on where it stopped, and says what it can't do."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pyarrow as pa
import pytest
from counted_stores import FIRST_HOUR, POISSON, make_block, make_store
from hypothesis import given, settings
from hypothesis import strategies as st

from daypart.engine.results.folder import RunFolder
from daypart.engine.results.parts import read_results
from daypart.engine.status import status
from daypart.engine.tasks.stopping import Stop
from daypart.engine.tasks.task import run_task
from daypart.errors import DaypartError, Interrupted
from daypart.runs.fit import fit
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore

NOTHING = "poisson_model:NothingModel"


def test_every_partition_has_a_row_in_the_order_of_unique_id(store, tmp_path):
    report = fit(store, run=tmp_path / "run", model=POISSON, executor="inline")
    assert (report.partitions, report.ok, report.failed, report.skipped) == (70, 70, 0, 0)
    rows = read_results(tmp_path / "run")
    ids = rows["unique_id"].to_pylist()
    assert ids == sorted(ids)
    assert len(set(ids)) == 70
    first = rows.slice(0, 1).to_pylist()[0]
    assert first["unique_id"] == "501/n0000"
    assert (first["market"], first["network"]) == ("501", "n0000")
    assert (first["hours"], first["exposure"], first["attempt"]) == (504, 1.0, 1)
    assert first["timezone"] == "America/New_York"
    assert first["model"] == POISSON
    assert first["first_hour"].timestamp() == FIRST_HOUR * 3600


def test_a_second_call_fits_nothing(store, tmp_path):
    fit(store, run=tmp_path / "run", model=POISSON, executor="inline")
    again = fit(store, run=tmp_path / "run", model=POISSON, executor="inline")
    assert (again.fitted, again.already_done, again.ok) == (0, 70, 70)


def test_a_model_that_skips_says_why(tmp_path):
    block = make_block("501", ["a", "b"])
    empty = block_from_arrays(
        block.keys, block.timezones, block.first_hours, [block.counts_of(0), np.full(5, -1)]
    )
    SeriesStore.create(tmp_path / "s", key=["market", "network"]).replace_regions([("501", empty)])
    report = fit(tmp_path / "s", run=tmp_path / "run", model=POISSON, executor="inline")
    assert (report.ok, report.skipped) == (1, 1)
    assert read_results(tmp_path / "run")["reason"].to_pylist() == [None, "no hours"]


def test_retry_failed_fits_the_failed_ones_alone_and_the_newest_attempt_counts(store, tmp_path):
    flaky = {"model": "poisson_model:FlakyModel", "parameters": {"broken": str(tmp_path / "flag")}}
    (tmp_path / "flag").touch()
    first = fit(store, run=tmp_path / "run", executor="inline", **flaky)
    assert first.failed == 2
    assert first.failures[0][0] == "501/n0005"
    (tmp_path / "flag").unlink()
    unchanged = fit(store, run=tmp_path / "run", executor="inline", **flaky)
    assert (unchanged.fitted, unchanged.failed) == (0, 2)
    retried = fit(store, run=tmp_path / "run", executor="inline", retry_failed=True, **flaky)
    assert (retried.fitted, retried.already_done, retried.failed, retried.ok) == (2, 68, 0, 70)
    rows = read_results(tmp_path / "run").to_pylist()
    again = {row["unique_id"] for row in rows if row["attempt"] == 2}
    assert again == {"501/n0005", "803/n0005"}


def test_only_partitions_whose_data_changed_are_fitted_anew(tmp_path):
    store = make_store(tmp_path / "store", {"501": 20, "803": 20})
    fit(store.folder, run=tmp_path / "run", model=POISSON, executor="inline")
    before = read_results(tmp_path / "run")
    block = store.read_region("501")
    block.counts[block.offsets[3] + 7] += 50
    store.replace_regions([("501", block)])
    report = fit(store.folder, run=tmp_path / "run", model=POISSON, executor="inline")
    assert (report.fitted, report.already_done) == (1, 39)
    after = read_results(tmp_path / "run")
    changed = [a != b for a, b in zip(before["shape"], after["shape"], strict=True)]
    assert np.flatnonzero(changed).tolist() == [3]
    assert after["attempt"].to_pylist() == [1] * 3 + [2] + [1] * 36


def test_data_that_changed_counts_as_missing_until_it_is_fitted(tmp_path, monkeypatch):
    store = make_store(tmp_path / "store", {"501": 20})
    fit(store.folder, run=tmp_path / "run", model=POISSON, executor="inline")
    block = store.read_region("501")
    block.counts[block.offsets[3]] += 50
    store.replace_regions([("501", block)])

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("daypart.engine.executors.inline.run_task", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(store.folder, run=tmp_path / "run", model=POISSON, executor="inline")
    monkeypatch.undo()
    assert status(tmp_path / "run").missing == 1
    report = fit(store.folder, run=tmp_path / "run", model=POISSON, executor="inline")
    assert report.fitted == 1


def test_partitions_that_came_and_went_follow_the_store(tmp_path):
    store = make_store(tmp_path / "store", {"501": 3})
    fit(store.folder, run=tmp_path / "run", model=POISSON, executor="inline")
    block = make_block("501", ["n0000", "n0002", "new"], timezone="America/New_York")
    store.replace_regions([("501", block), ("600", make_block("600", ["x"]))])
    report = fit(store.folder, run=tmp_path / "run", model=POISSON, executor="inline")
    assert report.partitions == 4
    ids = read_results(tmp_path / "run")["unique_id"].to_pylist()
    assert ids == ["501/n0000", "501/n0002", "501/new", "600/x"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": NOTHING}, "holds a run with model"),
        ({"parameters": {"prior_shape": 2.0}}, "holds a run with parameters"),
        ({"seed": 5}, "holds a run with seed 0, not 5"),
        ({"until_hour": FIRST_HOUR + 100}, "holds a run with until hour"),
    ],
)
def test_another_run_in_the_folder_is_refused_with_what_differs(store, tmp_path, change, message):
    fit(store, run=tmp_path / "run", model=POISSON, executor="inline")
    before = read_results(tmp_path / "run")
    with pytest.raises(DaypartError, match=message):
        fit(store, run=tmp_path / "run", **{"model": POISSON, "executor": "inline", **change})
    assert read_results(tmp_path / "run").equals(before)


def test_parameters_are_compared_as_json_holds_them(store, tmp_path):
    arguments = {"model": "poisson_model:ListModel", "executor": "inline"}
    fit(store, run=tmp_path / "run", parameters={"levels": (1, 2)}, **arguments)
    assert fit(store, run=tmp_path / "run", parameters={"levels": [1, 2]}, **arguments).fitted == 0


def test_another_store_is_refused(store, tmp_path):
    other = make_store(tmp_path / "other", {"501": 2}).folder
    fit(store, run=tmp_path / "run", model=NOTHING, executor="inline")
    with pytest.raises(DaypartError, match="holds a run with store"):
        fit(other, run=tmp_path / "run", model=NOTHING, executor="inline")


def test_run_and_store_may_move_together(tmp_path):
    store = make_store(tmp_path / "here" / "store", {"501": 4}).folder
    fit(store, run=tmp_path / "here" / "run", model=NOTHING, executor="inline")
    (tmp_path / "here").rename(tmp_path / "there")
    moved = tmp_path / "there"
    assert fit(moved / "store", run=moved / "run", model=NOTHING, executor="inline").fitted == 0


def test_a_second_driver_is_refused(store, tmp_path):
    folder = RunFolder.at(tmp_path / "run")
    with folder.lock(), pytest.raises(DaypartError, match="is fitting this run"):
        fit(store, run=tmp_path / "run", model=NOTHING, executor="inline")
    assert fit(store, run=tmp_path / "run", model=NOTHING, executor="inline").ok == 70


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "no_such_model"}, "no_such_model"),
        ({"model": "no_such_module:Model"}, "can't be imported"),
        ({"model": "poisson_model:NoSuchModel"}, "can't be imported"),
        ({"model": POISSON, "parameters": {"speed": 3}}, "does not take these parameters"),
        ({"model": POISSON, "parameters": {"prior_shape": {1}}}, "can't be written as JSON"),
        ({"model": POISSON, "executor": "cluster"}, "no executor 'cluster'"),
    ],
)
def test_what_is_not_there_is_named_before_anything_is_written(store, tmp_path, arguments, message):
    with pytest.raises(DaypartError, match=message):
        fit(store, run=tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()


def test_missing_stores_runs_and_unwritable_folders_are_named(store, tmp_path):
    with pytest.raises(DaypartError, match="no store here"):
        fit(tmp_path / "nothing", run=tmp_path / "run", model=NOTHING)
    with pytest.raises(DaypartError, match="no run here"):
        read_results(tmp_path / "nothing")
    with pytest.raises(DaypartError, match="no run here"):
        status(tmp_path / "nothing")
    (tmp_path / "file").write_text("")
    with pytest.raises(DaypartError, match="is a file"):
        fit(store, run=tmp_path / "file", model=NOTHING)
    fit(store, run=tmp_path / "run", model=NOTHING, executor="inline")
    with pytest.raises(DaypartError, match="no task 999"):
        run_task(tmp_path / "run", 999)


@pytest.mark.parametrize("version", [99, 1])
def test_a_run_of_another_schema_is_refused(version, store, tmp_path):
    fit(store, run=tmp_path / "run", model=NOTHING, executor="inline")
    file = tmp_path / "run" / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"schema_version": version}))
    with pytest.raises(DaypartError, match=f"schema version {version}"):
        status(tmp_path / "run")


def test_a_model_that_breaks_its_protocol_fails_its_partitions(tmp_path):
    store = make_store(tmp_path / "store", {"501": 3}).folder
    bad = "poisson_model:BadTableModel"
    report = fit(store, run=tmp_path / "run", model=bad, executor="inline")
    assert report.failed == 3
    reasons = read_results(tmp_path / "run")["reason"].to_pylist()
    assert all("returned 0 rows for 1 partitions" in reason for reason in reasons)


@pytest.mark.parametrize("executor", ["inline", "local"])
def test_an_empty_store_is_no_work(tmp_path, executor):
    store = SeriesStore.create(tmp_path / "store", key=["market", "network"])
    store.replace_regions([])
    report = fit(store.folder, run=tmp_path / "run", model=NOTHING, executor=executor)
    assert report.partitions == 0
    assert len(read_results(tmp_path / "run")) == 0
    assert status(tmp_path / "run").partitions == 0


def test_one_partition_is_enough(tmp_path):
    store = make_store(tmp_path / "store", {"501": 1}).folder
    assert fit(store, run=tmp_path / "run", model=POISSON).ok == 1


def test_the_hours_held_back_are_not_shown_to_the_model(tmp_path):
    store = make_store(tmp_path / "store", {"501": 2}).folder
    until = FIRST_HOUR + 336
    fit(store, run=tmp_path / "run", model=POISSON, executor="inline", until_hour=until)
    rows = read_results(tmp_path / "run")
    assert rows["hours"].to_pylist() == [336, 336]
    hours_seen = np.array(rows["rate"].to_pylist()).sum(axis=1) - 168 * 0.5  # less the prior's
    assert hours_seen.tolist() == [336, 336]


def test_three_thousand_tiny_partitions_take_few_files(tmp_path):
    store = make_store(tmp_path / "store", {"501": 1000, "602": 1000, "803": 1000}, hours=24)
    report = fit(store.folder, run=tmp_path / "run", model=NOTHING, executor="inline")
    assert report.ok == 3000
    assert len(list((tmp_path / "run" / "results").iterdir())) == 3
    assert list((tmp_path / "run" / "parts").iterdir()) == []


def test_the_exposure_of_a_row_is_the_mean_of_its_last_week(tmp_path):
    block = make_block("501", ["a"], hours=24 * 10)
    exposed = block_from_arrays(
        block.keys,
        block.timezones,
        block.first_hours,
        [block.counts_of(0)],
        [np.arange(10, dtype=np.float32)],
    )
    store = SeriesStore.create(tmp_path / "s", key=["market", "network"])
    store.replace_regions([("501", exposed)])
    fit(tmp_path / "s", run=tmp_path / "run", model=NOTHING, executor="inline")
    assert read_results(tmp_path / "run")["exposure"].to_pylist() == [6.0]


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_sequence_of_stops_ends_in_the_undisturbed_result(tmp_path_factory, data):
    tmp_path = tmp_path_factory.mktemp("stops")
    sizes = data.draw(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 80), min_size=1))
    store = make_store(tmp_path / "store", sizes, hours=26).folder
    arguments = {"model": "poisson_model:HourOfWeekPoisson", "executor": "inline"}
    with pytest.MonkeyPatch.context() as patch:
        original = run_task
        for blocks in data.draw(st.lists(st.integers(0, 2), max_size=3)):
            patch.setattr("daypart.engine.executors.inline.run_task", stopping(original, blocks))
            with contextlib.suppress(Interrupted):
                fit(store, run=tmp_path / "run", **arguments)
    fit(store, run=tmp_path / "run", **arguments)
    fit(store, run=tmp_path / "undisturbed", **arguments)
    left, right = read_results(tmp_path / "run"), read_results(tmp_path / "undisturbed")
    assert left.drop_columns(["seconds"]).equals(right.drop_columns(["seconds"]))


def stopping(original, blocks):
    """Return a run_task that is asked to stop after some blocks of all tasks."""
    stop, seen = Stop(), []
    if blocks == 0:
        stop.request("test")

    def run(run, index, *, on_event, **_):
        def count(event):
            on_event(event)
            seen.append(event)
            if len(seen) >= blocks:
                stop.request("test")

        return original(run, index, on_event=count, stop=stop)

    return run


def test_the_plan_lists_every_partition_with_its_place(store, tmp_path):
    fit(store, run=tmp_path / "run", model=NOTHING, executor="inline")
    import pyarrow.parquet as pq

    plan = pq.read_table(tmp_path / "run" / "plan.parquet")
    assert {"unique_id", "market", "network", "region", "task", "content_hash"} <= set(
        plan.column_names
    )
    assert len(plan) == 70
    assert plan["task"].null_count == 0
    by_task = plan.group_by("task").aggregate([("region", "count_distinct"), ("row", "count")])
    assert set(by_task["region_count_distinct"].to_pylist()) == {1}
    sizes = by_task.sort_by("task")["row_count"].to_pylist()
    assert sizes == sorted(sizes, reverse=True)
    assert pa.types.is_integer(plan.schema.field("task").type)
