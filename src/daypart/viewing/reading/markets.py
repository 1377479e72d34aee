"""Markets with their time zones, and the list of networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from daypart.errors import DaypartError
from daypart.series.local_time import timezone_of
from daypart.storage.location import PathLike
from daypart.viewing.reading.sources import Source, name_literal, open_source

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Market:
    """A market: its code, name, IANA time zone, and its homes with television where known."""

    code: str
    name: str
    timezone: str
    tv_homes: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what `store.json` holds of a market, beside its code."""
        return {"name": self.name, "timezone": self.timezone, "tv_homes": self.tv_homes}


def read_markets(connection: duckdb.DuckDBPyConnection, source: PathLike) -> dict[str, Market]:
    """Read a table of markets: `market`, `timezone`, and perhaps `name` and `tv_homes`.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    source : path
        Parquet or CSV.

    Returns
    -------
    dict of str to Market

    Raises
    ------
    DaypartError
        For a missing column, a market without code or named twice, or an unknown time zone.
    """
    file = open_source(connection, source, typed=True)
    file.require("market")
    file.require("timezone")
    markets: dict[str, Market] = {}
    columns = ["market", "timezone", "name", "tv_homes"]
    for number, row in enumerate(_read(connection, file, columns), start=1):
        code, timezone, name, homes = row
        if not code or not timezone:
            raise DaypartError(f"{file.path}: row {number:,} lacks its market or time zone")
        if code in markets:
            raise DaypartError(f"{file.path}: row {number:,} names market {code!r} again")
        try:
            timezone_of(timezone)
        except DaypartError as error:
            raise DaypartError(
                f"{file.path}: row {number:,}: {error.message}", hint=error.hint
            ) from None
        markets[code] = Market(code, name or code, timezone, _number(file, number, homes))
    if not markets:
        raise DaypartError(f"{file.path}: holds no market")
    return markets


def markets_in_one_zone(codes: Sequence[str], timezone: str) -> dict[str, Market]:
    """Return markets that are known by their codes alone.

    Examples
    --------
    >>> markets_in_one_zone(["a"], "UTC")
    {'a': Market(code='a', name='a', timezone='UTC', tv_homes=None)}
    """
    timezone_of(timezone)
    return {code: Market(code, code, timezone) for code in sorted(codes)}


def read_networks(
    connection: duckdb.DuckDBPyConnection, source: PathLike | Sequence[str] | Mapping[str, str]
) -> dict[str, str | None]:
    """Read the networks that count, and perhaps the one market of each.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    source : path, list of names, or mapping of names to markets
        A file has the column `network` and may have `market`: the market of events that carry
        none, where a network is local.

    Returns
    -------
    dict of str to str or None
        Network to market.

    Raises
    ------
    DaypartError
        For a missing column, or a network without name or named twice.
    """
    if isinstance(source, Mapping):
        return dict(source)
    if not isinstance(source, str) and isinstance(source, Sequence):
        return dict.fromkeys(source)
    file = open_source(connection, source, typed=True)
    file.require("network")
    networks: dict[str, str | None] = {}
    for number, (name, market) in enumerate(_read(connection, file, ["network", "market"]), 1):
        if not name:
            raise DaypartError(f"{file.path}: row {number:,} lacks its network")
        if name in networks:
            raise DaypartError(f"{file.path}: row {number:,} names network {name!r} again")
        networks[name] = market
    if not networks:
        raise DaypartError(f"{file.path}: holds no network")
    return networks


def _read(
    connection: duckdb.DuckDBPyConnection, file: Source, columns: Sequence[str]
) -> list[tuple[str | None, ...]]:
    """Return some columns as text, None where the file lacks one."""
    chosen = ", ".join(
        f"trim(CAST({name_literal(name)} AS VARCHAR))" if name in file.types else "NULL"
        for name in columns
    )
    rows: list[tuple[str | None, ...]] = connection.sql(
        f"SELECT {chosen} FROM {file.rows_sql(columns)}"
    ).fetchall()
    return rows


def _number(file: Source, row: int, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise DaypartError(f"{file.path}: row {row:,}: tv_homes is {text!r}", hint="give a number")
    return number
