"""A flipped bit in a table is found when it is read, or changes nothing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from daypart.errors import DaypartError
from daypart.storage.tables import read_table, write_table

RNG = np.random.default_rng(0)
ROWS = 4000
TABLES = {
    "counts": pa.table(
        {
            "unique_id": [f"501/{i}" for i in range(20)],
            "counts": [RNG.poisson(5.0, 500).astype(np.int32) for _ in range(20)],
        }
    ),
    "posteriors": pa.table({"name": ["a", "b"] * (ROWS // 2), "mean": RNG.normal(size=ROWS)}),
    "plan": pa.table({"task": np.arange(ROWS, dtype=np.int32), "region": ["501"] * ROWS}),
}


def pages_end(data):
    """Return where the footer begins, whose length is in the last eight bytes."""
    return len(data) - 8 - int.from_bytes(data[-8:-4], "little")


@pytest.mark.parametrize("name", TABLES)
def test_a_flipped_bit_in_a_page_is_an_error_or_harmless(name, tmp_path):
    table, path = TABLES[name], tmp_path / "t.parquet"
    write_table(path, table)
    data = path.read_bytes()
    bits = np.random.default_rng(1).choice(8 * pages_end(data), 300, replace=False)
    read = [_read_with_flip(path, data, bit) for bit in bits.tolist()]
    assert all(found is None or found.equals(table) for found in read)
    assert sum(found is None for found in read) > 200


def _read_with_flip(path, data, bit):
    """Return a table with one bit flipped; None where it is refused by the file's name."""
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << bit % 8
    path.write_bytes(damaged)
    try:
        return read_table(path)
    except DaypartError as error:
        return None if str(path) in error.message else error
