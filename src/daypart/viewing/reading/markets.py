"""Markets with their time zones, and the list of networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daypart.errors import DaypartError
from daypart.tables.read import read_rows
from daypart.tables.table import GivenTable
from daypart.tables.zones import timezone_of
from daypart.viewing.reading.columns import MARKETS, NETWORKS


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


def read_markets(source: GivenTable) -> dict[str, ViewingMarket]:
    """Read a table of markets: `market`, `timezone`, and optionally `name` and `tv_homes`.

    Parameters
    ----------
    source : path, rows or Arrow object

    Returns
    -------
    dict of str to ViewingMarket

    Raises
    ------
    DaypartError
        For a missing column, a market without code or listed twice, or an unknown time zone.
    """
    rows = read_rows(source, MARKETS).refuse_problems()
    columns = (rows.values(name) for name in MARKETS.names)
    markets: dict[str, ViewingMarket] = {}
    for number, (code, timezone, name, homes) in enumerate(zip(*columns, strict=True), start=1):
        if code in markets:
            raise DaypartError(f"{rows.table}: row {number:,} names market {code!r} again")
        try:
            timezone_of(timezone)
        except DaypartError as error:
            raise DaypartError(
                f"{rows.table}: row {number:,}: {error.message}", hint=error.hint
            ) from None
        markets[code] = ViewingMarket(code, name or code, timezone, homes)
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
    source: GivenTable | Sequence[str] | Mapping[str, str],
) -> dict[str, str | None]:
    """Read the networks to credit, and the market of each local network.

    Parameters
    ----------
    source : path, list of names, mapping of names to markets, or Arrow object
        A table has the column `network` and optionally `market`: the market of the network's
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
        return dict.fromkeys(map(str, source))
    rows = read_rows(source, NETWORKS).refuse_problems()
    networks: dict[str, str | None] = {}
    for number, (name, market) in enumerate(
        zip(rows.values("network"), rows.values("market"), strict=True), start=1
    ):
        if name in networks:
            raise DaypartError(f"{rows.table}: row {number:,} names network {name!r} again")
        networks[name] = market
    return networks
