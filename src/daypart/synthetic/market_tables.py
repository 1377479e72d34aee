"""The tables beside the events of a simulated market: households, markets, networks, truth."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from daypart.storage.files import atomic_path
from daypart.storage.tables import write_table
from daypart.synthetic.event_files import SIMULATED
from daypart.synthetic.households import SEGMENTS
from daypart.synthetic.reference import Network, TvMarket

_HOUR_US = 3_600_000_000


@contextmanager
def parquet_writer(target: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Open a Parquet file that appears, complete, when the block ends without an error.

    Parameters
    ----------
    target : Path
    schema : pyarrow.Schema
    """
    coded = [name for name in schema.names if name != "expected_households"]
    with (
        atomic_path(target) as path,
        pq.ParquetWriter(
            path, schema, compression="zstd", store_schema=False, use_dictionary=coded
        ) as writer,
    ):
        writer.add_key_value_metadata(SIMULATED)
        yield writer


def household_schema() -> pa.Schema:
    """Return the columns of `households.parquet`."""
    types = {"weight": pa.float64(), "size": pa.int64(), "tv_sets": pa.int64()}
    names = ("household_id", "market", "weight", "size", "sex", "age_group", "income", "tv_sets")
    return pa.schema([(name, types.get(name, pa.string())) for name in names])


def truth_schema() -> pa.Schema:
    """Return the columns of `truth.parquet` as the writer takes them (the file holds strings)."""
    name = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        {
            **dict.fromkeys(("market", "network", "segment"), name),
            "hour": pa.timestamp("us", tz="UTC"),
            "expected_households": pa.float64(),
        }
    )


def truth_table(
    market: TvMarket,
    networks: Sequence[Network],
    segments: Sequence[str],
    first_hour: int,
    expected: NDArray[np.float64],
) -> pa.Table:
    """Return the expected households of a market as rows.

    Parameters
    ----------
    market : TvMarket
    networks : sequence of Network
    segments : sequence of str
    first_hour : int
        Whole hours since 1970, UTC.
    expected : float64 array, shape (networks, segments, hours)

    Returns
    -------
    pyarrow.Table
    """
    rows = expected.size
    shape = expected.shape
    network, segment, hour = (
        np.broadcast_to(index, shape).ravel().astype(np.int32)
        for index in np.ix_(*(np.arange(length) for length in shape))
    )
    stamps = (first_hour + hour.astype(np.int64)) * _HOUR_US
    schema = truth_schema()
    dictionary = pa.DictionaryArray.from_arrays
    return pa.Table.from_arrays(
        [
            dictionary(pa.array(np.zeros(rows, np.int32)), pa.array([market.code])),
            dictionary(pa.array(network), pa.array([item.name for item in networks])),
            dictionary(pa.array(segment), pa.array(list(segments))),
            pa.array(stamps).cast(schema.field("hour").type),
            pa.array(expected.ravel()),
        ],
        schema=schema,
    )


def write_market_tables(
    folder: Path, markets: Sequence[TvMarket], networks: Sequence[Network]
) -> None:
    """Write `markets.parquet` and `networks.parquet`.

    Parameters
    ----------
    folder : Path
    markets : sequence of TvMarket
    networks : sequence of Network
    """
    tables = {
        "markets": {
            "market": [market.code for market in markets],
            "name": [market.name for market in markets],
            "timezone": [market.timezone for market in markets],
            "tv_homes": [market.tv_homes for market in markets],
        },
        "networks": {
            "network": [network.name for network in networks],
            "genre": [network.genre for network in networks],
        },
    }
    for name, columns in tables.items():
        table = pa.table(columns).replace_schema_metadata(SIMULATED)
        write_table(folder / f"{name}.parquet", table)


def write_rate_card(target: Path, rows: list[dict[str, Any]]) -> None:
    """Write `rate_card.parquet`.

    Parameters
    ----------
    target : Path
    rows : list of dict
        As `rate_card_rows` returns them.
    """
    names = pa.string()
    schema = pa.schema(
        {
            **dict.fromkeys(("market", "network", "daypart"), names),
            "cpm": pa.float64(),
            **dict.fromkeys(("first_day", "last_day"), pa.date32()),
        },
        metadata=SIMULATED,
    )
    write_table(target, pa.Table.from_pylist(rows, schema=schema))


def segments_toml(count: int) -> str:
    """Return the first segments as TOML.

    Examples
    --------
    >>> print(segments_toml(2))
    # The segments of a simulated market.
    <BLANKLINE>
    [segments.all]
    <BLANKLINE>
    [segments.men_15_34]
    sex = "male"
    age_group = "15-34"
    <BLANKLINE>
    """
    lines = ["# The segments of a simulated market."]
    for name, predicate in list(SEGMENTS.items())[:count]:
        lines += ["", f"[segments.{name}]"]
        lines += [f"{column} = {_toml_value(value)}" for column, value in predicate.items()]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{bound} = {limit}" for bound, limit in value.items()) + "}"
    return json.dumps(value)
