"""The tables beside the events, loaded into the workspace: households, markets, networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from daypart.errors import DaypartError, did_you_mean
from daypart.tables.read import field_of
from daypart.tables.sql import text_literal
from daypart.tables.table import GivenTable, Table, name_of, reading
from daypart.tables.values.expressions import text_of
from daypart.viewing.clock import HOUR_MS, day_number, first_hour_of_day
from daypart.viewing.reading.columns import EVENTS
from daypart.viewing.reading.households import load_households
from daypart.viewing.reading.markets import (
    ViewingMarket,
    markets_in_one_zone,
    read_markets,
    read_networks,
)
from daypart.viewing.reading.segments import Predicate
from daypart.viewing.reading.staging import StagingRules
from daypart.viewing.reading.workspace import Workspace


@dataclass(frozen=True)
class Reference:
    """The content of the tables beside the events.

    Parameters
    ----------
    markets : mapping of str to ViewingMarket
        Every market that an event may have; its position in the mapping is its number.
    networks : mapping of str to (str or None), or None
        The networks to credit, with their markets; None credits every network.
    notes : tuple of str
    households : str or None
        Name of the table of households; None if they come from the events.
    """

    markets: Mapping[str, ViewingMarket]
    networks: Mapping[str, str | None] | None
    notes: tuple[str, ...]
    households: str | None = None


def load_reference(
    workspace: Workspace,
    *,
    households: GivenTable | None,
    segments: Mapping[str, Predicate],
    markets: GivenTable | None,
    timezone: str | None,
    networks: GivenTable | Sequence[str] | Mapping[str, str] | None,
    known_markets: Mapping[str, ViewingMarket],
    more_markets: Iterable[str] = (),
) -> Reference:
    """Read the tables beside the events; make the tables `members` and `listed_networks`.

    Parameters
    ----------
    workspace : Workspace
    households : path or None
        None if households come from the events.
    segments : mapping
        As `read_segments` returns them.
    markets : path or None
    timezone : str or None
        The zone of every market, without a table of markets.
    networks : path, names, mapping, or None
    known_markets : mapping of str to ViewingMarket
        Of the store before the ingest.
    more_markets : iterable of str
        Codes of further markets.

    Raises
    ------
    DaypartError
        For an unreadable table, a market without a time zone, or one whose zone changed.
    """
    notes: list[str] = []
    codes = set(more_markets)
    if households is None:
        workspace.run(
            "CREATE TEMP TABLE members "
            "(household BIGINT, market VARCHAR, weight BIGINT, segments BIGINT)"
        )
        notes.append("every id in the events is a household of weight 1")
    else:
        notes += load_households(workspace, households, segments)
        codes |= {str(row[0]) for row in workspace.rows("SELECT DISTINCT market FROM members")}
    listed = None if networks is None else read_networks(networks)
    _load_networks(workspace, listed or {})
    codes |= {market for market in (listed or {}).values() if market is not None}
    found = _markets(workspace, markets, timezone, codes, known_markets)
    if households is not None:
        _check_covered(name_of(households, "households"), codes, found)
        found = {code: market for code, market in found.items() if code in codes}
    named = None if households is None else name_of(households, "households")
    return Reference(_agreeing(found, known_markets), listed, tuple(notes), named)


def markets_in_events(
    workspace: Workspace, tables: Iterable[Table], rules: StagingRules
) -> set[str]:
    """Return the markets in the events.

    Parameters
    ----------
    workspace : Workspace
    tables : iterable of Table
    rules : StagingRules
    """
    found: set[str] = set()
    for table in tables:
        given = field_of(table, EVENTS["market"], rules.options)
        if given is not None:
            with reading(table):
                rows = workspace.rows(
                    f"SELECT DISTINCT {text_of(*given)} AS market FROM {table.rows_sql()} "
                    "WHERE market IS NOT NULL"
                )
            found |= {str(row[0]) for row in rows}
    return found


def load_market_table(
    workspace: Workspace,
    markets: Mapping[str, ViewingMarket],
    first_day: date | None,
    last_day: date | None,
) -> None:
    """Make the table `market_table`: market, number, timezone, and the range of valid starts.

    Parameters
    ----------
    workspace : Workspace
    markets : mapping of str to ViewingMarket
    first_day, last_day : date or None
        Local days.
    """
    workspace.run(
        "CREATE OR REPLACE TEMP TABLE market_table (market VARCHAR, number INTEGER, "
        "timezone VARCHAR, from_ms BIGINT, until_ms BIGINT)"
    )
    for number, market in enumerate(markets.values()):
        from_ms, until_ms = 0, 2**62
        if first_day is not None:
            from_ms = first_hour_of_day(day_number(first_day), market.timezone) * HOUR_MS
        if last_day is not None:
            until_ms = first_hour_of_day(day_number(last_day) + 1, market.timezone) * HOUR_MS
        workspace.run(
            "INSERT INTO market_table VALUES (?, ?, ?, ?, ?)",
            [market.code, number, market.timezone, from_ms, until_ms],
        )


def _load_networks(workspace: Workspace, networks: Mapping[str, str | None]) -> None:
    workspace.run("CREATE TEMP TABLE listed_networks (network VARCHAR, market VARCHAR)")
    rows = ", ".join(
        f"({text_literal(name)}, {text_literal(market) if market else 'NULL'})"
        for name, market in networks.items()
    )
    if rows:
        workspace.run(f"INSERT INTO listed_networks VALUES {rows}")


def _markets(
    workspace: Workspace,
    source: GivenTable | None,
    timezone: str | None,
    codes: Iterable[str],
    known: Mapping[str, ViewingMarket],
) -> dict[str, ViewingMarket]:
    if source is not None:
        return {**known, **read_markets(source)}
    new = sorted(set(codes) - set(known))
    if timezone is None and (new or not known):
        raise DaypartError(
            "the time zones of the markets are not known",
            hint="give a markets file (market, timezone), or one time zone for all",
        )
    return {**known, **(markets_in_one_zone(new, timezone) if timezone else {})}


def _check_covered(households: str, codes: set[str], markets: Mapping[str, ViewingMarket]) -> None:
    for code in sorted(codes - set(markets)):
        raise DaypartError(
            f"{households}: market {code!r} has no time zone", hint=did_you_mean(code, markets)
        )


def _agreeing(
    found: dict[str, ViewingMarket], known: Mapping[str, ViewingMarket]
) -> dict[str, ViewingMarket]:
    for code, market in known.items():
        if code in found and found[code].timezone != market.timezone:
            raise DaypartError(
                f"market {code!r} is in {found[code].timezone}, in the store in {market.timezone}",
                hint="make a new store",
            )
    merged = {**known, **found}
    return {code: merged[code] for code in sorted(merged)}
