"""Durations: seconds, HH:MM:SS or ISO 8601, as text or typed."""

from __future__ import annotations

from daypart.tables.options import TableOptions
from daypart.tables.values.expressions import FieldSql, is_text, text_of
from daypart.tables.values.number import number_sql

BAD_DURATION = "not_a_duration"

_CLOCK = r"[0-9]+:[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
_ISO = r"P([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+(\.[0-9]+)?S)?)?"


def duration_sql(name: str, kind: str, options: TableOptions) -> FieldSql:
    """Return SQL that reads a duration as seconds (DOUBLE).

    Parameters
    ----------
    name, kind, options
        As `number_sql`.

    Returns
    -------
    FieldSql
    """
    if kind in ("INTERVAL", "TIME"):
        return FieldSql(f"CAST(epoch({name}_raw) AS DOUBLE)", "NULL")
    number = number_sql(name, kind, options)
    if not is_text(kind):
        return number
    text = f"{name}_text"
    clock = " + ".join(
        f"{unit} * CAST(split_part({text}, ':', {part}) AS DOUBLE)"
        for part, unit in ((1, 3600), (2, 60), (3, 1))
    )
    iso = " + ".join(
        f"{unit} * coalesce(TRY_CAST(regexp_extract({text}, '{form}', 1) AS DOUBLE), 0)"
        for form, unit in (
            ("^P([0-9]+)D", 86_400),
            ("T([0-9]+)H", 3600),
            ("[TH]([0-9]+)M", 60),
            ("[THM]([0-9.]+)S", 1),
        )
    )
    seconds = f"{name}_seconds"
    levels = (
        {**number.levels[0], text: text_of(f"{name}_raw", kind)},
        {
            **number.levels[1],
            seconds: f"CASE WHEN regexp_full_match({text}, '{_CLOCK}') THEN {clock} "
            f"WHEN regexp_full_match({text}, '{_ISO}') AND length({text}) > 2 THEN {iso} END",
        },
    )
    return FieldSql(
        f"coalesce({number.value}, {seconds})",
        f"CASE WHEN {seconds} IS NULL AND ({number.problem}) IS NOT NULL THEN '{BAD_DURATION}' END",
        levels,
    )
