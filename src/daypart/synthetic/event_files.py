"""The files of simulated tune events: Parquet, and a text file of late rows beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from daypart.synthetic.dirt import UNKNOWN_NAMES, SoiledSessions
from daypart.synthetic.households import Households
from daypart.synthetic.reference import Network
from daypart.synthetic.sessions import SECONDS_PER_HOUR, Sessions

SIMULATED = {b"daypart.simulated": b"true"}
"""Parquet metadata of every file of the simulator."""
COLUMNS = ("household_id", "device_id", "market", "network", "start", "end")


class EventWriter:
    """Writes the events of one market, chunk by chunk of its households.

    Parameters
    ----------
    path : Path
        The Parquet file.
    households : Households
    networks : tuple of Network
    first_hour : int
        Hour from which seconds count: whole hours since 1970, UTC.

    Attributes
    ----------
    parquet_rows : int
        Rows written so far.
    late_lines : list of str
        The lines of the text file so far, without a header.
    """

    def __init__(
        self,
        path: Path,
        households: Households,
        networks: tuple[Network, ...],
        first_hour: int,
    ) -> None:
        unknown = [f"Channel {900 + number}" for number in range(UNKNOWN_NAMES)]
        self._market = households.market
        self._household_ids = households.ids
        self._networks = np.array([*(network.name for network in networks), *unknown])
        self._first_second = first_hour * SECONDS_PER_HOUR
        self._writer = pq.ParquetWriter(
            path,
            _schema(),
            compression="zstd",
            store_schema=False,
            use_dictionary=list(COLUMNS[:4]),
            dictionary_pagesize_limit=1 << 24,
        )
        self._writer.add_key_value_metadata(SIMULATED)
        self.parquet_rows = 0
        self.late_lines: list[str] = []

    def close(self) -> None:
        """Finish the Parquet file."""
        self._writer.close()

    def write(self, soiled: SoiledSessions, chunk: slice) -> None:
        """Write the sessions of some households.

        Parameters
        ----------
        soiled : SoiledSessions
        chunk : slice
            Positions of the households.
        """
        names = self._names_of(chunk)
        self._writer.write_table(self._table(soiled.rows, names))
        self.parquet_rows += len(soiled.rows)
        self.late_lines += self._lines(soiled, names)

    def _names_of(self, chunk: slice) -> NDArray[np.str_]:
        prefix = self._household_ids[0].split("-")[0]
        unknown = [f"{prefix}-{900_000 + number}" for number in range(UNKNOWN_NAMES)]
        return np.array([*self._household_ids[chunk], *unknown])

    def _stamps(self, seconds: NDArray[np.int64]) -> NDArray[np.datetime64]:
        return (self._first_second + seconds).astype("datetime64[s]")

    def _table(self, rows: Sessions, names: NDArray[np.str_]) -> pa.Table:
        schema = _schema()
        devices = int(rows.device.max(initial=0)) + 1
        device = rows.household.astype(np.int64) * devices + rows.device
        used = np.bincount(device, minlength=len(names) * devices) > 0
        device_names = [
            f"{names[code // devices]}-{code % devices + 1}" for code in np.flatnonzero(used)
        ]
        device_position = np.cumsum(used) - 1
        arrays = [
            _coded(rows.household, names),
            _coded(device_position[device], device_names),
            _coded(np.zeros(len(rows), np.int32), [self._market]),
            _coded(rows.network, self._networks),
            *(
                pa.array(self._stamps(seconds)).cast(schema.field("start").type)
                for seconds in (rows.start, rows.end)
            ),
        ]
        return pa.Table.from_arrays(arrays, schema=schema)

    def _lines(self, soiled: SoiledSessions, names: NDArray[np.str_]) -> list[str]:
        rows = soiled.late_rows
        start, end = (np.datetime_as_string(self._stamps(s)) for s in (rows.start, rows.end))
        zones = np.where(soiled.late_has_zone, "Z", "")
        return [
            f"{names[household]},{names[household]}-{device + 1},{self._market},{network},"
            f"{begin}{zone},{finish}{zone}"
            for household, device, network, begin, finish, zone in zip(
                rows.household,
                rows.device,
                self._networks[rows.network],
                start,
                end,
                zones,
                strict=True,
            )
        ]


def _schema() -> pa.Schema:
    """Return the columns as the writer takes them; the file holds plain strings."""
    name, stamp = pa.dictionary(pa.int32(), pa.string()), pa.timestamp("us", tz="UTC")
    return pa.schema(list(zip(COLUMNS, [name] * 4 + [stamp] * 2, strict=True)))


def _coded(codes: NDArray[Any], names: Any) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(names))
