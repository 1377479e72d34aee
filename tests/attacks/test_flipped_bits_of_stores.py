"""One flipped bit in any table of a store, a run or a plan is found, or changes nothing."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from flips import READERS, count_flips

from daypart.demo import demo
from daypart.errors import DaypartError
from daypart.storage.seals import sealed_path
from daypart.storage.tables import checked_copy, read_table, write_table

RNG = np.random.default_rng(0)
TABLE = pa.table(
    {
        "household": RNG.integers(0, 2**62, 3000),
        "network": RNG.choice(["CNN", "ESPN", "FOX"], 3000),
        "minutes": RNG.gamma(2.0, 10.0, 3000),
    }
)


def by_daypart(path):
    write_table(path, TABLE)


def by_duckdb(path):
    with duckdb.connect() as connection, sealed_path(path) as target:
        connection.register("given", TABLE)
        connection.execute(f"COPY given TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def with_duckdb(path):
    return duckdb.read_parquet(str(checked_copy(path, TABLE.schema))).to_arrow_table()


def bits_of(data, part, flips):
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    first, last = {"pages": (0, footer - 48), "footer": (footer - 48, len(data))}[part]
    return (np.random.default_rng(2).choice(8 * (last - first), flips) + 8 * first).tolist()


@pytest.mark.parametrize("part", ["pages", "footer"])
@pytest.mark.parametrize(
    ("write", "read"), [(by_daypart, read_table), (by_duckdb, read_table), (by_duckdb, with_duckdb)]
)
def test_a_flipped_bit_anywhere_in_a_file_is_an_error_or_harmless(write, read, part, tmp_path):
    path = tmp_path / "t.parquet"
    write(path)
    whole, data = read(path), path.read_bytes()
    found = [_with_flip(path, data, bit, read) for bit in bits_of(data, part, 300)]
    assert all(table is None or table.equals(whole) for table in found)
    assert sum(table is None for table in found) > 150


def _with_flip(path, data, bit, read):
    """Return a table with one bit flipped; None where it is refused by the file's name."""
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << bit % 8
    path.write_bytes(damaged)
    try:
        return read(path)
    except (DaypartError, duckdb.Error) as error:
        return None if str(path) in str(error) else error


@pytest.mark.parametrize("write", [by_daypart, by_duckdb])
def test_a_sealed_file_is_read_by_others(write, tmp_path):
    import pyarrow.parquet as pq

    path = tmp_path / "t.parquet"
    write(path)
    assert pq.read_table(path).equals(TABLE)
    assert duckdb.read_parquet(str(path)).to_arrow_table().cast(TABLE.schema).equals(TABLE)


def test_a_file_of_others_without_a_seal_is_read(tmp_path):
    import pyarrow.parquet as pq

    pq.write_table(TABLE, tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").equals(TABLE)
    assert checked_copy(tmp_path / "t.parquet", TABLE.schema) == tmp_path / "t.parquet"


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory):
    return demo(tmp_path_factory.mktemp("flips") / "demo").folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", READERS)
def test_a_flipped_bit_in_a_store_or_a_run_is_named_or_harmless(kind, demonstration):
    assert set(count_flips(demonstration, kind, 60)) <= {"found", "harmless"}
