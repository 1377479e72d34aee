"""Stamps and days: ISO 8601 in its common forms, a declared format, or a typed column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from daypart.tables.options import EPOCH_STAMPS, TableOptions
from daypart.tables.sql import text_literal
from daypart.tables.values.expressions import FieldSql, is_text, trimmed_text
from daypart.tables.zones import FIRST_YEAR, LAST_YEAR, days_of_clock_changes

WITHOUT_ZONE = "stamp_without_zone"
UNPARSABLE = "unparsable_stamp"
OUT_OF_RANGE = "stamp_out_of_range"
SKIPPED = "stamp_skipped_by_clock"
REPEATED = "stamp_repeated_by_clock"
BAD_DAY = "not_a_day"

_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
_OFFSET = r"(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)"
_LOCAL = f"{_DAY}([T ]{_CLOCK})?"
_ZONED = f"{_DAY}[T ]{_CLOCK} ?({_OFFSET}|UTC|GMT|[A-Za-z]+/[A-Za-z_/+-]+)"
_BASIC = r"[0-9]{8}T[0-9]{4}([0-9]{2})?"
_MIDNIGHT = r"([T ]00:00(:00([.]0+)?)?(Z|[+-]00:?00)?)?"
_RANGE = f"TIMESTAMPTZ '{FIRST_YEAR}-01-01 00:00:00Z' AND TIMESTAMPTZ '{LAST_YEAR}-12-31 23:59:59Z'"
_IS_ZONED, _IS_LOCAL, _IS_OTHER = 1, 2, 3


@dataclass(frozen=True)
class StampZone:
    """The zone of stamps without one.

    Parameters
    ----------
    sql : str
        Its name, as SQL.
    names : tuple of str
        The names that `sql` may have.
    later_of_repeated : bool
        Whether a local time that a clock repeats is the later of the two; else it is a problem.
    """

    sql: str
    names: tuple[str, ...]
    later_of_repeated: bool = False


def zone_of(options: TableOptions, *, later_of_repeated: bool = False) -> StampZone | None:
    """Return the one zone that a table's options name for stamps without one.

    Parameters
    ----------
    options : TableOptions
    later_of_repeated : bool
    """
    zone = options.zone
    return None if zone is None else StampZone(text_literal(zone), (zone,), later_of_repeated)


def stamp_sql(name: str, kind: str, options: TableOptions, zone: StampZone | None) -> FieldSql:
    """Return SQL that reads a stamp as an instant (TIMESTAMPTZ).

    Parameters
    ----------
    name : str
        The field is the column `NAME_raw`.
    kind : str
        DuckDB's type of it.
    options : TableOptions
        For the format of its stamps, and whether they count from 1970.
    zone : StampZone or None
        Of stamps without one.

    Returns
    -------
    FieldSql
    """
    raw, given = f"{name}_raw", f"{name}_raw IS NOT NULL"
    if kind.startswith("TIMESTAMP") and ("ZONE" in kind or "TZ" in kind):
        return _instants(name, given, f"CAST({raw} AS TIMESTAMPTZ)")
    text = trimmed_text(raw) if is_text(kind) else raw
    if options.stamps_are in EPOCH_STAMPS:
        number = f"TRY_CAST({text} AS DOUBLE) * {EPOCH_STAMPS[str(options.stamps_are)]}"
        return _instants(name, f"({text}) IS NOT NULL", _from_epoch(number))
    if kind.startswith(("TIMESTAMP", "DATE")):
        return _local(name, given, ({f"{name}_local": f"CAST({raw} AS TIMESTAMP)"},), zone)
    if not is_text(kind):
        wrong = f"CASE WHEN {given} THEN '{UNPARSABLE}' END"
        return FieldSql("CAST(NULL AS TIMESTAMPTZ)", wrong)
    if options.stamp_format is not None:
        parsed = f"try_strptime({text}, {text_literal(options.stamp_format)})"
        if "%z" in options.stamp_format:
            return _instants(name, f"({text}) IS NOT NULL", parsed)
        return _local(name, f"({text}) IS NOT NULL", ({f"{name}_local": parsed},), zone)
    return _local(name, f"{name}_text IS NOT NULL", _iso_levels(name, text), zone)


def _iso_levels(name: str, text: str) -> tuple[dict[str, str], ...]:
    """Return the columns of a stamp as ISO 8601: `text`, `instant` with a zone, `local` without.

    The usual forms are recognised as they are, the others after trimming.
    """
    raw, form, plain = f"{name}_raw", f"{name}_form", f"{name}_text"
    dotted = f"replace({plain}, ',', '.')"

    def cast(kind: str, known: int, extended: str, basic: str) -> str:
        return (
            f"CASE WHEN {form} = {known} THEN TRY_CAST({raw} AS {kind}) "
            f"WHEN {form} = {_IS_OTHER} THEN "
            f"CASE WHEN {_matches(dotted, extended)} THEN TRY_CAST({dotted} AS {kind}) "
            f"WHEN {_matches(plain, basic)} THEN TRY_CAST({_extended(plain)} AS {kind}) END END"
        )

    return (
        {
            form: f"CASE WHEN {raw} IS NULL THEN 0 WHEN {raw} LIKE '____-__-__T__:__:__Z' "
            f"OR {_matches(raw, _ZONED)} THEN {_IS_ZONED} "
            f"WHEN {_matches(raw, _LOCAL)} THEN {_IS_LOCAL} ELSE {_IS_OTHER} END"
        },
        {plain: f"CASE WHEN {form} = {_IS_OTHER} THEN {text} ELSE {raw} END"},
        {
            f"{name}_instant": cast("TIMESTAMPTZ", _IS_ZONED, _ZONED, _BASIC + _OFFSET),
            f"{name}_local": cast("TIMESTAMP", _IS_LOCAL, _LOCAL, _BASIC),
        },
    )


def day_sql(name: str, kind: str, options: TableOptions) -> FieldSql:
    """Return SQL that reads a day as DATE; a time of the day other than 00:00 is a problem.

    Parameters
    ----------
    name, kind, options
        As `stamp_sql`.

    Returns
    -------
    FieldSql
    """
    raw = f"{name}_raw"
    text = trimmed_text(raw) if is_text(kind) else raw
    if kind == "DATE":
        day = raw
    elif kind.startswith("TIMESTAMP"):
        moment = f"CAST({raw} AS TIMESTAMP)"
        day = f"CASE WHEN {moment} = date_trunc('day', {moment}) THEN CAST({moment} AS DATE) END"
    elif not is_text(kind):
        day = "CAST(NULL AS DATE)"
    elif options.stamp_format is not None:
        day = f"CAST(try_strptime({text}, {text_literal(options.stamp_format)}) AS DATE)"
    else:
        iso = _matches(text, _DAY + _MIDNIGHT)
        day = f"CASE WHEN {iso} THEN TRY_CAST(left({text}, 10) AS DATE) END"
    sane = f"year({name}_day) BETWEEN {FIRST_YEAR} AND {LAST_YEAR}"
    return FieldSql(
        f"CASE WHEN {sane} THEN {name}_day END",
        f"CASE WHEN NOT {name}_given OR ({sane}) THEN NULL "
        f"WHEN {name}_day IS NULL THEN '{BAD_DAY}' ELSE '{OUT_OF_RANGE}' END",
        ({f"{name}_given": f"({text}) IS NOT NULL", f"{name}_day": day},),
    )


def _matches(text: str, form: str) -> str:
    return f"regexp_full_match({text}, {text_literal(form)})"


def _extended(text: str) -> str:
    """Return SQL that turns 20250131T2000 into 2025-01-31T20:00."""
    with_seconds = r"^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)"
    without = r"^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)"
    return (
        rf"regexp_replace(regexp_replace({text}, '{with_seconds}', '\1-\2-\3T\4:\5:\6'), "
        rf"'{without}', '\1-\2-\3T\4:\5')"
    )


def _from_epoch(ms: str) -> str:
    sane = f"{ms} BETWEEN -1e14 AND 1e14"
    return f"CASE WHEN {sane} THEN make_timestamptz(CAST(round({ms}) AS BIGINT) * 1000) END"


def _instants(name: str, given: str, instant: str) -> FieldSql:
    """Limit instants to the years that a stamp may have."""
    at = f"{name}_instant"
    return FieldSql(
        f"CASE WHEN {at} BETWEEN {_RANGE} THEN {at} END",
        f"CASE WHEN NOT ({given}) OR {at} BETWEEN {_RANGE} THEN NULL "
        f"WHEN {at} IS NOT NULL THEN '{OUT_OF_RANGE}' ELSE '{UNPARSABLE}' END",
        ({at: instant},),
    )


def _local(
    name: str, given: str, levels: tuple[Mapping[str, str], ...], zone: StampZone | None
) -> FieldSql:
    """Read an instant with its zone (`instant`, if the levels have it), or else a local time."""
    here, at = f"{name}_local", f"{name}_at"
    instant = f"{name}_instant" if f"{name}_instant" in levels[-1] else "NULL::TIMESTAMPTZ"
    placed = "NULL" if zone is None else f"timezone({zone.sql}, {here})"
    missing = f"WHEN {here} IS NOT NULL THEN '{WITHOUT_ZONE}'" if zone is None else ""
    changed = "NULL" if zone is None else _changed_clock(name, instant, zone)
    good = f"{at} BETWEEN {_RANGE}"
    return FieldSql(
        f"CASE WHEN {good} AND {name}_changed IS NULL THEN {at} END",
        f"CASE WHEN {good} THEN {name}_changed WHEN NOT ({given}) THEN NULL "
        f"WHEN {at} IS NOT NULL THEN '{OUT_OF_RANGE}' {missing} ELSE '{UNPARSABLE}' END",
        (
            *levels,
            {
                at: f"coalesce({instant}, {placed})",
                f"{name}_changed": f"CAST({changed} AS VARCHAR)",
            },
        ),
    )


def _changed_clock(name: str, instant: str, zone: StampZone) -> str:
    """Return SQL for the problem of a local time that its clock skips or repeats.

    Only days around a change of a clock are looked at.
    """
    days = ", ".join(f"DATE {text_literal(str(day))}" for day in days_of_clock_changes(zone.names))
    if not days:
        return "NULL"
    here = f"{name}_local"
    placed = f"timezone({zone.sql}, {here})"
    again = " OR ".join(
        f"timezone({zone.sql}, {placed} {sign} INTERVAL {minutes} MINUTE) = {here}"
        for sign in "+-"
        for minutes in (60, 30, 120)
    )
    repeated = "" if zone.later_of_repeated else f"WHEN {again} THEN '{REPEATED}' "
    return (
        f"CASE WHEN {instant} IS NULL AND CAST({here} AS DATE) IN ({days}) THEN "
        f"CASE WHEN timezone({zone.sql}, {placed}) <> {here} THEN '{SKIPPED}' {repeated}END END"
    )
