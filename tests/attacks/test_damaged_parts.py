"""A damaged file of results is named and set aside; `status` and `fit` go on."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daypart import fit, status
from daypart.cli.main import main
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.parts import read_results, write_part
from daypart.errors import DamagedFile
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore
from daypart.storage.tables import read_table

OPTIONS = {"model": "seasonal_naive", "executor": "inline"}


@pytest.fixture
def run(tmp_path):
    keys = pa.table({"shop": list("abcd"), "unique_id": list("abcd")})
    block = block_from_arrays(keys, ["UTC"] * 4, [0] * 4, [np.arange(400)] * 4)
    SeriesStore.create(tmp_path / "store", key=["shop"]).replace_regions([("a", block)])
    fit(tmp_path / "store", run=tmp_path / "run", **OPTIONS)
    return tmp_path / "run"


@pytest.fixture
def uncompacted(run):
    """Return a run whose results are in two parts, as one that was killed leaves them."""
    (table,) = (run / "results").iterdir()
    rows = read_table(table)
    table.unlink()
    for task in (0, 1):
        write_part(RunFolder.at(run), task, 0, rows.slice(2 * task, 2))
    return run


def size_of_column(column):
    return column.total_compressed_size


def largest_column_flipped(file):
    data = bytearray(file.read_bytes())
    group = pq.read_metadata(file).row_group(0)
    column = max(map(group.column, range(group.num_columns)), key=size_of_column)
    data[column.data_page_offset + column.total_compressed_size - 2] ^= 1
    file.write_bytes(data)


def without_columns(file):
    pq.write_table(pa.table({"unique_id": ["a"]}), file)


def of_other_types(file):
    pq.write_table(pq.read_table(file).drop_columns("attempt").append_column(
        "attempt", pa.array(["x", "y"])), file)  # fmt: skip


def cut(file):
    file.write_bytes(file.read_bytes()[:-30])


def emptied(file):
    file.write_bytes(b"")


DAMAGE = [largest_column_flipped, without_columns, of_other_types, cut, emptied]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_part_is_named_and_its_partitions_are_fitted_again(damage, uncompacted, capsys):
    whole = read_results(uncompacted).drop_columns(["seconds", "attempt"])
    part = sorted((uncompacted / "parts").iterdir())[0]
    damage(part)
    found = fit(uncompacted.parent / "store", run=uncompacted, **OPTIONS)
    assert (found.ok, found.fitted) == (4, 2)
    assert found.unreadable == status(uncompacted).unreadable == (f"parts/{part.name}.damaged",)
    assert read_results(uncompacted).drop_columns(["seconds", "attempt"]).equals(whole)
    with pytest.raises(SystemExit) as done:
        main(["status", str(uncompacted)])
    assert done.value.code == 0
    assert f"damaged: parts/{part.name}" in capsys.readouterr().out


@pytest.mark.parametrize("damage", [cut, emptied, without_columns])
def test_a_damaged_table_of_a_region_is_named_and_fitted_again(damage, run):
    whole = read_results(run).drop_columns(["seconds", "attempt"])
    (table,) = (run / "results").iterdir()
    damage(table)
    assert status(run).unreadable == (f"results/{table.name}",)
    assert status(run).missing == 4
    assert fit(run.parent / "store", run=run, **OPTIONS).ok == 4
    assert read_results(run).drop_columns(["seconds", "attempt"]).equals(whole)
    assert table.exists()


def test_damage_that_only_a_forecast_reads_says_what_to_do(run):
    (table,) = (run / "results").iterdir()
    largest_column_flipped(table)
    assert status(run).ok == 4
    with pytest.raises(DamagedFile, match=r"results/a-1.*delete it, and run the same daypart fit"):
        read_results(run)
    table.unlink()
    assert fit(run.parent / "store", run=run, **OPTIONS).fitted == 4
    assert len(read_results(run)) == 4
