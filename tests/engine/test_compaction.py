"""One table per region in place of parts: whenever it is broken off, each partition has one row."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from counted_stores import POISSON, fit_in_parts, make_block, make_store, planned

from daypart.engine.executors.registry import get_executor
from daypart.engine.results import compaction as module
from daypart.engine.results.compaction import compact
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.parts import index_results, read_results
from daypart.errors import DaypartError
from daypart.runs.fit import fit
from daypart.storage.tables import read_table


def comparable(run):
    return read_results(run).drop_columns(["seconds", "attempt"])


def rows_on_disk(run):
    """Count the rows of each partition in all files of results."""
    files = [*run.glob("parts/*.parquet"), *run.glob("results/*.parquet")]
    tables = [pq.read_table(file, columns=["unique_id"]) for file in files]
    return Counter(pa.concat_tables(tables)["unique_id"].to_pylist())


def test_it_changes_no_result_and_leaves_one_row_of_each_partition(store, tmp_path):
    run = tmp_path / "run"
    fit_in_parts(store, run, parameters={"raise_on": "n0003"})
    before = comparable(run)
    done = compact(run)
    assert (done.tables, done.rows, done.files) == (2, 70, 2)
    assert comparable(run).equals(before)
    assert set(rows_on_disk(run).values()) == {1}
    assert compact(run).tables == 0


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_broken_off_anywhere_it_loses_nothing_and_doubles_nothing(
    store, tmp_path, monkeypatch, writes
):
    run = tmp_path / "run"
    fit_in_parts(store, run)
    before = comparable(run)
    write, done = module._write_table, []

    def write_some(*arguments):
        if len(done) == writes:
            raise OSError("no space left")
        done.append(write(*arguments))
        return done[-1]

    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_THREADS", 1)
        patch.setattr(module, "_write_table", write_some)
        patch.setattr(module, "_remove_superseded", crash)
        with pytest.raises((OSError, KeyboardInterrupt)):
            compact(run)
    assert comparable(run).equals(before)
    compact(run)
    assert comparable(run).equals(before)
    assert set(rows_on_disk(run).values()) == {1}


def test_a_crash_while_parts_are_removed_is_mended_by_the_next_compaction(
    store, tmp_path, monkeypatch
):
    run = tmp_path / "run"
    fit_in_parts(store, run)
    before = comparable(run)
    with monkeypatch.context() as patch:
        patch.setattr(module, "delete_files", lambda files: files[0].unlink())
        compact(run)
    assert comparable(run).equals(before)
    assert max(rows_on_disk(run).values()) == 2
    compact(run)
    assert set(rows_on_disk(run).values()) == {1}
    assert comparable(run).equals(before)


def test_a_task_run_again_after_it_fits_nothing(store, tmp_path):
    run = tmp_path / "run"
    tasks = planned(store, run)
    get_executor("inline").execute(tasks, lambda event: None)
    compact(run)
    get_executor("inline").execute(tasks, lambda event: None)
    assert list(run.glob("parts/*.parquet")) == []


def test_few_new_partitions_do_not_rewrite_a_region_s_table(tmp_path):
    store = make_store(tmp_path / "store", {"501": 40})
    run = tmp_path / "run"
    fit(store.folder, run=run, model=POISSON, executor="inline")
    (table,) = run.glob("results/*.parquet")
    names = [f"n{i:04d}" for i in range(41)]
    store.replace_regions([("501", make_block("501", names, timezone="America/New_York"))])
    report = fit(store.folder, run=run, model=POISSON, executor="inline")
    assert report.fitted == 1
    assert table.exists()
    assert set(read_results(run)["status"].to_pylist()) == {"ok"}


def test_row_groups_are_read_one_by_one_from_a_large_table(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROWS_PER_GROUP", 16)
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 32)
    store = make_store(tmp_path / "store", {"501": 70}).folder
    fit_in_parts(store, tmp_path / "run")
    before = comparable(tmp_path / "run")
    compact(tmp_path / "run")
    (table,) = (tmp_path / "run").glob("results/*.parquet")
    assert pq.ParquetFile(table).num_row_groups > 3
    assert comparable(tmp_path / "run").equals(before)


def test_a_run_that_a_driver_holds_is_not_compacted(store, tmp_path):
    fit(store, run=tmp_path / "run", model=POISSON, executor="inline")
    folder = RunFolder.at(tmp_path / "run")
    with folder.lock(), pytest.raises(DaypartError, match="is fitting this run"):
        compact(tmp_path / "run")


def test_tables_come_before_parts_where_both_hold_a_partition(store, tmp_path):
    run = tmp_path / "run"
    fit(store, run=run, model=POISSON, executor="inline", parameters={"raise_on": "n0003"})
    fit(
        store,
        run=run,
        model=POISSON,
        executor="inline",
        parameters={"raise_on": "n0003"},
        retry_failed=True,
    )
    folder = RunFolder.open(run)
    results = index_results(folder, read_table(folder.plan))
    failed = [row for row in results.rows.to_pylist() if row["status"] == "failed"]
    assert [row["attempt"] for row in failed] == [2, 2]


def test_a_part_that_a_broken_off_compaction_left_is_removed_by_the_next_fit(tmp_path):
    store = make_store(tmp_path / "store", {"501": 100}).folder
    run = tmp_path / "run"
    last = fit_in_parts(store, run)[-1]
    content = last.read_bytes()
    fit(store, run=run, model=POISSON, executor="inline")
    assert not last.exists()
    last.write_bytes(content)
    fit(store, run=run, model=POISSON, executor="inline")
    assert not last.exists()
    assert read_results(run)["status"].to_pylist() == ["ok"] * 100
