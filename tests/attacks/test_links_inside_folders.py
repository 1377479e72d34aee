"""What a link inside a store or a run leads to is neither emptied, locked nor overwritten."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from daypart.demo import demo
from daypart.engine.plan.planning_record import removed_if_not_planned
from daypart.engine.results.folder import RUN_FILES, RunFolder
from daypart.errors import DaypartError
from daypart.runs.fit import fit
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore
from daypart.storage.removal import remove_own_files
from daypart.viewing.reading.workspace import MARKET_FOLDERS, open_workspace

OPTIONS = {"model": "seasonal_naive", "executor": "inline"}


@pytest.fixture
def thesis(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "elsewhere" / "thesis-1.parquet"
    file.write_text("years of work")
    yield file
    assert file.read_text() == "years of work"


@pytest.fixture
def store(tmp_path):
    return SeriesStore.create(tmp_path / "store", key=["shop"]).replace_regions([("a", a_block())])


def a_block():
    keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    return block_from_arrays(keys, ["UTC"], [0], [np.arange(400)])


@pytest.mark.parametrize("name", ["parts", "results", "history", "logs", "arrays", "submissions"])
def test_a_fit_refuses_a_run_with_a_linked_folder(name, store, tmp_path, thesis):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).symlink_to(thesis.parent)
    with pytest.raises(DaypartError, match=rf"{name}: is a link"):
        fit(store.folder, run=tmp_path / "run", **OPTIONS)


def test_a_linked_lock_of_a_run_is_not_truncated(store, tmp_path, thesis):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "driver.lock").symlink_to(thesis)
    with pytest.raises(DaypartError, match=r"driver\.lock: is a link"):
        fit(store.folder, run=tmp_path / "run", **OPTIONS)


def test_a_store_with_linked_series_is_not_written(store, thesis):
    for file in (store.folder / "series").iterdir():
        file.unlink()
    (store.folder / "series").rmdir()
    (store.folder / "series").symlink_to(thesis.parent)
    with pytest.raises(DaypartError, match="series: is a link"):
        store.replace_regions([("a", a_block())])


@pytest.mark.parametrize("name", ["series", *MARKET_FOLDERS])
def test_an_ingest_refuses_a_store_with_a_linked_folder(name, tmp_path, thesis):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / name).symlink_to(thesis.parent)
    with (
        pytest.raises(DaypartError, match=f"{name}: is a link"),
        open_workspace(tmp_path / "store", memory="100MB", threads=1, key=b"k" * 32),
    ):
        pass


def test_a_demo_refuses_a_linked_folder_of_an_earlier_one(tmp_path, thesis):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "demo.json").write_text("{}")
    (tmp_path / "demo" / "market").symlink_to(thesis.parent)
    with pytest.raises(DaypartError, match="market: is a link"):
        demo(tmp_path / "demo")


def test_a_failed_first_fit_removes_only_its_own_files(tmp_path, thesis):
    folder = RunFolder.at(tmp_path / "run")
    for name in ("parts", "history"):
        (folder.path / name).mkdir(parents=True)
    (folder.path / "parts" / "a.parquet").touch()
    (folder.path / "history" / ".writing-a").touch()
    (folder.path / "history" / "linked").symlink_to(thesis.parent)
    (folder.path / "notes.txt").write_text("mine")
    with pytest.raises(DaypartError), removed_if_not_planned(folder, is_new=True):
        raise DaypartError("no plan")
    assert {path.name for path in folder.path.rglob("*")} == {"history", "linked", "notes.txt"}


@pytest.mark.parametrize("executor", ["inline", "local"])
def test_the_names_of_a_run_cover_all_its_files(executor, store, tmp_path):
    fit(store.folder, run=tmp_path / "run", model="seasonal_naive", executor=executor)
    remove_own_files(tmp_path / "run", RUN_FILES)
    assert not (tmp_path / "run").exists()
