"""The store of partitions keeps what it was given and survives a crash."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daypart.errors import DaypartError
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore, content_hash, partition_hash
from daypart.storage.tables import read_table


def block_of(region: str, series: list[list[int]], exposure: float = 10.0):
    names = [f"n{i:03d}" for i in range(len(series))]
    keys = pa.table(
        {
            "market": pa.array([region] * len(series), pa.string()),
            "network": pa.array(names, pa.string()),
            "unique_id": pa.array([f"{region}/{name}" for name in names], pa.string()),
        }
    )
    return block_from_arrays(
        keys,
        ["America/New_York"] * len(series),
        [482_000 + i for i in range(len(series))],
        [np.array(values, np.int32) for values in series],
        [np.full(-(-len(values) // 24), exposure, np.float32) for values in series],
        {"minutes": [np.array(values, np.float32) * 1.5 for values in series]},
    )


def new_store(folder: Path) -> SeriesStore:
    return SeriesStore.create(
        folder, key=["market", "network"], overlapping={}, measures=["minutes"]
    )


def assert_same(left, right):
    assert content_hash(left) == content_hash(right)


@given(st.lists(st.lists(st.integers(-1, 9), min_size=0, max_size=60), min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_a_block_is_read_as_it_was_written(tmp_path_factory, series):
    folder = tmp_path_factory.mktemp("store")
    block = block_of("501", series)
    new_store(folder).replace_regions([("501", block)])
    assert_same(SeriesStore.open(folder).read_region("501"), block)


def test_some_rows_are_read_in_the_given_order(tmp_path):
    block = block_of("501", [[i, i + 1, -1] for i in range(1300)])
    store = new_store(tmp_path / "s").replace_regions([("501", block)])
    rows = [1299, 3, 600]
    assert_same(store.read_region("501", rows), block.take(rows))
    assert len(store.read_region("501", [])) == 0


def test_missing_hours_are_null_for_other_readers(tmp_path):
    store = new_store(tmp_path / "s").replace_regions([("501", block_of("501", [[4, -1, 6]]))])
    table = read_table(store.folder / store.regions["501"]["file"])
    assert table.column("counts").to_pylist() == [[4, None, 6]]


def test_a_region_is_replaced_and_the_others_are_kept(tmp_path):
    first = new_store(tmp_path / "s").replace_regions(
        [("501", block_of("501", [[1]])), ("803", block_of("803", [[2]]))]
    )
    second = first.replace_regions([("803", block_of("803", [[3], [4]]))])
    assert second.partitions == 3
    assert second.regions["501"] == first.regions["501"]
    assert len(list((tmp_path / "s" / "series").iterdir())) == 2


def test_the_block_before_an_hour_has_only_earlier_hours():
    block = block_of("501", [list(range(60)), list(range(10))])
    earlier = block.before(482_000 + 30)
    assert earlier.hours_of(0) == 30
    assert earlier.hours_of(1) == 10
    assert len(earlier.exposures_of(0)) == 2
    assert len(block.before(0).counts) == 0


def test_a_partition_hash_depends_on_its_data_alone():
    one = block_of("501", [[1, 2], [3, 4]])
    other = block_of("501", [[1, 2], [3, 5]])
    assert partition_hash(one, 0) == partition_hash(other, 0)
    assert partition_hash(one, 1) != partition_hash(other, 1)


@pytest.mark.parametrize("crash_at", range(5))
def test_a_crash_between_any_two_writes_leaves_a_readable_store(tmp_path, monkeypatch, crash_at):
    folder = tmp_path / "s"
    before = [("501", block_of("501", [[1]])), ("803", block_of("803", [[2]]))]
    after = [("501", block_of("501", [[7]])), ("803", block_of("803", [[8]]))]
    store = new_store(folder).replace_regions(before)
    writes = 0
    real_replace = Path.replace

    def replace_or_crash(self, target):
        nonlocal writes
        if writes == crash_at:
            raise KeyboardInterrupt
        writes += 1
        return real_replace(self, target)

    monkeypatch.setattr(Path, "replace", replace_or_crash)
    extra = [("panel/501-2.parquet", pa.table({"household": [1]}))]
    try:
        store.replace_regions(after, before_commit=extra)
        committed = True
    except KeyboardInterrupt:
        committed = False
    monkeypatch.undo()
    assert committed == (crash_at == 4)
    expected = dict(after if committed else before)
    reopened = SeriesStore.open(folder)
    for region in ("501", "803"):
        assert_same(reopened.read_region(region), expected[region])
    again = reopened.replace_regions(after)
    assert_same(again.read_region("803"), dict(after)["803"])
    assert len(list((folder / "series").iterdir())) == 2


@pytest.mark.parametrize(
    ("version", "remedy"), [(99, "upgrade daypart"), (1, "make the store again")]
)
def test_a_store_of_another_version_is_refused_in_one_line(version, remedy, tmp_path):
    store = new_store(tmp_path / "s").replace_regions([("501", block_of("501", [[1]]))])
    content = json.loads((store.folder / "store.json").read_text())
    (store.folder / "store.json").write_text(json.dumps(content | {"schema_version": version}))
    with pytest.raises(DaypartError, match=f"schema version {version}.*{remedy}"):
        SeriesStore.open(store.folder)


def test_a_folder_without_a_store_is_refused_with_a_remedy(tmp_path):
    with pytest.raises(DaypartError, match="daypart ingest"):
        SeriesStore.open(tmp_path)


def test_a_second_store_in_one_folder_is_refused(tmp_path):
    new_store(tmp_path / "s").replace_regions([])
    with pytest.raises(DaypartError, match="holds a store already"):
        new_store(tmp_path / "s")


def test_an_unknown_region_names_the_nearest(tmp_path):
    store = new_store(tmp_path / "s").replace_regions([("501", block_of("501", [[1]]))])
    with pytest.raises(DaypartError, match="did you mean 501"):
        store.read_region("50")


def test_a_truncated_region_file_is_named(tmp_path):
    store = new_store(tmp_path / "s").replace_regions([("501", block_of("501", [[1] * 99]))])
    path = store.folder / store.regions["501"]["file"]
    path.write_bytes(path.read_bytes()[:200])
    for rows in (None, [0]):
        with pytest.raises(DaypartError, match="501-1.parquet: not a readable Parquet file"):
            store.read_region("501", rows)


def test_a_region_name_cannot_leave_the_store(tmp_path):
    hostile = "../../escape"
    new_store(tmp_path / "s").replace_regions([(hostile, block_of(hostile, [[1]]))])
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    assert len(SeriesStore.open(tmp_path / "s").read_region(hostile)) == 1
