"""Stamps and days: ISO 8601 in its common forms, a declared format, or a typed column."""

from __future__ import annotations

from collections.abc import Iterable

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
_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?"
_OFFSET = r"(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)"
_LOCAL = f"{_DAY}([T ]{_CLOCK})?"
_ZONED = f"{_DAY}[T ]{_CLOCK} ?({_OFFSET}|UTC|GMT|[A-Za-z]+/[A-Za-z_/+-]+)"
_BASIC = r"[0-9]{8}T[0-9]{4}([0-9]{2})?"
_MIDNIGHT = r"([T ]00:00(:00([.]0+)?)?(Z|[+-]00:?00)?)?"
_RANGE = f"TIMESTAMPTZ '{FIRST_YEAR}-01-01 00:00:00Z' AND TIMESTAMPTZ '{LAST_YEAR}-12-31 23:59:59Z'"


def stamp_sql(
    name: str,
    column: str,
    kind: str,
    options: TableOptions,
    *,
    zone: str | None = None,
    zones: Iterable[str] = (),
    later_of_repeated: bool = False,
) -> FieldSql:
    """Return SQL that reads a stamp as an instant (TIMESTAMPTZ).

    Parameters
    ----------
    name : str
        Begins the names of the steps' columns.
    column : str
        SQL of the field.
    kind : str
        DuckDB's type of it.
    options : TableOptions
        For the format of its stamps, and whether they count from 1970.
    zone : str, optional
        SQL for the zone of a stamp without one.
    zones : iterable of str
        The names that `zone` may have.
    later_of_repeated : bool
        Whether a local time that a clock repeats is the later of the two; else it is a problem.

    Returns
    -------
    FieldSql
    """
    text = trimmed_text(column) if is_text(kind) else column
    given = {f"{name}_given": f"({text}) IS NOT NULL"}
    if kind.startswith("TIMESTAMP") and ("ZONE" in kind or "TZ" in kind):
        return _instants(name, given, f"CAST({column} AS TIMESTAMPTZ)")
    if options.stamps_are in EPOCH_STAMPS:
        return _instants(name, given, _epoch(text, EPOCH_STAMPS[str(options.stamps_are)]))
    changes = days_of_clock_changes(zones) if zone else ()
    if kind.startswith(("TIMESTAMP", "DATE")):
        return _local(
            name, given, f"CAST({column} AS TIMESTAMP)", None, zone, changes, later_of_repeated
        )
    if not is_text(kind):
        return FieldSql(
            "CAST(NULL AS TIMESTAMPTZ)", f"CASE WHEN {name}_given THEN '{UNPARSABLE}' END", given
        )
    if options.stamp_format is not None:
        parsed = f"try_strptime({text}, {text_literal(options.stamp_format)})"
        if "%z" in options.stamp_format:
            return _instants(name, given, parsed)
        return _local(name, given, parsed, None, zone, changes, later_of_repeated)
    dotted = f"replace({text}, ',', '.')"
    zoned = (
        f"CASE WHEN {_matches(text, _ZONED)} THEN TRY_CAST({dotted} AS TIMESTAMPTZ) "
        f"WHEN {_matches(text, _BASIC + _OFFSET)} THEN TRY_CAST({_extended(text)} AS TIMESTAMPTZ) "
        "END"
    )
    local = (
        f"CASE WHEN {_matches(text, _LOCAL)} THEN TRY_CAST({dotted} AS TIMESTAMP) "
        f"WHEN {_matches(text, _BASIC)} THEN TRY_CAST({_extended(text)} AS TIMESTAMP) END"
    )
    return _local(name, given, local, zoned, zone, changes, later_of_repeated)


def day_sql(name: str, column: str, kind: str, options: TableOptions) -> FieldSql:
    """Return SQL that reads a day as DATE; a time of the day other than 00:00 is a problem.

    Parameters
    ----------
    name, column, kind, options
        As `stamp_sql`.

    Returns
    -------
    FieldSql
    """
    text = trimmed_text(column) if is_text(kind) else column
    if kind == "DATE":
        day = column
    elif kind.startswith("TIMESTAMP"):
        moment = f"CAST({column} AS TIMESTAMP)"
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
        {f"{name}_given": f"({text}) IS NOT NULL", f"{name}_day": day},
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


def _epoch(number: str, factor: float) -> str:
    ms = f"TRY_CAST({number} AS DOUBLE) * {factor}"
    sane = f"{ms} BETWEEN -1e14 AND 1e14"
    return f"CASE WHEN {sane} THEN make_timestamptz(CAST(round({ms}) AS BIGINT) * 1000) END"


def _instants(
    name: str, given: dict[str, str], instant: str, problem: str = "CAST(NULL AS VARCHAR)"
) -> FieldSql:
    """Limit instants to the years that a stamp may have."""
    at = f"{name}_instant"
    return FieldSql(
        f"CASE WHEN {at} BETWEEN {_RANGE} THEN {at} END",
        f"CASE WHEN NOT {name}_given OR {at} BETWEEN {_RANGE} THEN NULL "
        f"WHEN {at} IS NOT NULL THEN '{OUT_OF_RANGE}' "
        f"ELSE coalesce({problem}, '{UNPARSABLE}') END",
        given | {at: instant},
    )


def _local(
    name: str,
    given: dict[str, str],
    local: str,
    zoned: str | None,
    zone: str | None,
    changes: Iterable[object],
    later_of_repeated: bool,
) -> FieldSql:
    """Read an instant with its zone (`zoned`), or else a local time of a zone."""
    instants = {f"{name}_instant": zoned or "CAST(NULL AS TIMESTAMPTZ)"}
    steps = given | instants | {f"{name}_local": local}
    if zone is None:
        checked = _instants(
            name, given, "", f"CASE WHEN {name}_local IS NOT NULL THEN '{WITHOUT_ZONE}' END"
        )
        return FieldSql(checked.value, checked.problem, steps)
    here, at = f"{name}_local", f"coalesce({name}_instant, timezone({zone}, {name}_local))"
    placed = f"timezone({zone}, {here})"
    again = " OR ".join(
        f"timezone({zone}, {placed} {sign} INTERVAL {minutes} MINUTE) = {here}"
        for sign in "+-"
        for minutes in (60, 30, 120)
    )
    days = ", ".join(f"DATE {text_literal(str(day))}" for day in changes)
    near = f"{name}_instant IS NULL AND CAST({here} AS DATE) IN ({days})" if days else "false"
    repeated = "" if later_of_repeated else f"WHEN {again} THEN '{REPEATED}' "
    changed = (
        f"CASE WHEN {near} THEN CASE WHEN timezone({zone}, {placed}) <> {here} THEN '{SKIPPED}' "
        f"{repeated}END END"
    )
    good = f"{at} BETWEEN {_RANGE}"
    return FieldSql(
        f"CASE WHEN {good} AND ({changed}) IS NULL THEN {at} END",
        f"CASE WHEN NOT {name}_given THEN NULL WHEN {at} IS NULL THEN '{UNPARSABLE}' "
        f"WHEN NOT ({good}) THEN '{OUT_OF_RANGE}' ELSE {changed} END",
        steps,
    )
