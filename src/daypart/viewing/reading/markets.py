"""Markets with their time zones, and the list of networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from daypart.errors import DaypartError
from daypart.storage.location import PathLike
from daypart.tables.zones import timezone_of
from daypart.viewing.reading.sources import Source, name_literal, open_source


@dataclass(frozen=True)
class ViewingMarket:
    """A market: code, name, IANA time zone, and homes with television if known."""

    code: str
    name: str
    timezone: str
    tv_homes: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the market as `store.json` holds it, under its code."""
        return {"name": self.name, "timezone": self.timezone, "tv_homes": self.tv_homes}


def markets_of_json(content: Mapping[str, Mapping[str, Any]]) -> dict[str, ViewingMarket]:
    """Return markets by code, from what `ViewingMarket.as_json` returned."""
    return {
        code: ViewingMarket(code, about["name"], about["timezone"], about["tv_homes"])
        for code, about in content.items()
    }


def read_markets(
    connection: duckdb.DuckDBPyConnection, source: PathLike
) -> dict[str, ViewingMarket]:
    """Read a table of markets: `market`, `timezone`, and optionally `name` and `tv_homes`.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    source : path
        Parquet or CSV.

    Returns
    -------
    dict of str to ViewingMarket

    Raises
    ------
    DaypartError
        For a missing column, a market without code or listed twice, or an unknown time zone.
    """
    file = open_source(connection, source, typed=True)
    file.require("market")
    file.require("timezone")
    markets: dict[str, ViewingMarket] = {}
    columns = ["market", "timezone", "name", "tv_homes"]
    for number, row in enumerate(_read(connection, file, columns), start=1):
        code, timezone, name, homes = row
        if not code or not timezone:
            raise DaypartError(f"{file.path}: row {number:,} has no market or no time zone")
        if code in markets:
            raise DaypartError(f"{file.path}: row {number:,} names market {code!r} again")
        try:
            timezone_of(timezone)
        except DaypartError as error:
            raise DaypartError(
                f"{file.path}: row {number:,}: {error.message}", hint=error.hint
            ) from None
        markets[code] = ViewingMarket(code, name or code, timezone, _number(file, number, homes))
    if not markets:
        raise DaypartError(f"{file.path}: has no market")
    return markets


def markets_in_one_zone(codes: Sequence[str], timezone: str) -> dict[str, ViewingMarket]:
    """Return markets of which only the codes are known.

    Parameters
    ----------
    codes : sequence of str
    timezone : str
        IANA name.

    Examples
    --------
    >>> markets_in_one_zone(["a"], "UTC")
    {'a': ViewingMarket(code='a', name='a', timezone='UTC', tv_homes=None)}
    """
    timezone_of(timezone)
    return {code: ViewingMarket(code, code, timezone) for code in sorted(codes)}


def read_networks(
    connection: duckdb.DuckDBPyConnection, source: PathLike | Sequence[str] | Mapping[str, str]
) -> dict[str, str | None]:
    """Read the networks to credit, and the market of each local network.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    source : path, list of names, or mapping of names to markets
        A file has the column `network` and optionally `market`: the market of the network's
        events that have none.

    Returns
    -------
    dict of str to str or None
        Network to market.

    Raises
    ------
    DaypartError
        For a missing column, or a network without name or listed twice.
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
            raise DaypartError(f"{file.path}: row {number:,} has no network")
        if name in networks:
            raise DaypartError(f"{file.path}: row {number:,} names network {name!r} again")
        networks[name] = market
    if not networks:
        raise DaypartError(f"{file.path}: has no network")
    return networks


def _read(
    connection: duckdb.DuckDBPyConnection, file: Source, columns: Sequence[str]
) -> list[tuple[str | None, ...]]:
    """Return some columns as text; one that the file lacks is None."""
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
