"""Segments: named predicates over the attributes of households."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daypart.errors import DaypartError, did_you_mean
from daypart.storage.files import read_toml
from daypart.storage.location import PathLike
from daypart.tables.sql import name_literal, text_literal

ALL_HOUSEHOLDS = "all"
MOST_SEGMENTS = 60
"""A household's segments are the bits of a 64-bit number."""

_BOUNDS = {"min": ">=", "max": "<="}

Predicate = Mapping[str, Any]


def read_segments(
    source: PathLike | Mapping[str, Predicate] | None,
) -> dict[str, dict[str, Any]]:
    """Read segments from a TOML file or a mapping; `all` always exists and comes first.

    Parameters
    ----------
    source : path or mapping, optional
        `[segments.NAME]` with lines `column = value`, `column = [values]` or
        `column = {min = 2, max = 4}`; a household in the segment fulfils all lines.

    Returns
    -------
    dict
        Name to predicate, `all` first with an empty one.

    Raises
    ------
    DaypartError
        For an unreadable file, a predicate of another form, or too many segments.

    Examples
    --------
    >>> read_segments({"young": {"age_group": ["18-34"]}})
    {'all': {}, 'young': {'age_group': ['18-34']}}
    """
    where = "segments"
    if source is None:
        named: Mapping[str, Any] = {}
    elif isinstance(source, Mapping):
        named = source
    else:
        where = str(source)
        named = read_toml(source).get("segments", {})
    if not isinstance(named, Mapping):
        raise DaypartError(f"{where}: segments is not a table", hint="write [segments.NAME]")
    if len(named) > MOST_SEGMENTS:
        raise DaypartError(f"{where}: {len(named)} segments", hint=f"give up to {MOST_SEGMENTS}")
    segments: dict[str, dict[str, Any]] = {ALL_HOUSEHOLDS: {}}
    for name, predicate in named.items():
        if not isinstance(predicate, Mapping) or (name == ALL_HOUSEHOLDS and predicate):
            raise DaypartError(
                f"{where}: segment {name!r} is not a table of column = value",
                hint=f"write [segments.{name}] and under it column = value; `all` has none",
            )
        segments[name] = dict(predicate)
        for column, condition in predicate.items():
            _check_condition(f"{where}: segment {name!r}: {column}", condition)
    return segments


def _check_condition(where: str, condition: object) -> None:
    if isinstance(condition, Mapping):
        for bound, value in condition.items():
            if bound not in _BOUNDS:
                raise DaypartError(
                    f"{where}: no bound {bound!r}", hint=did_you_mean(bound, _BOUNDS)
                )
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise DaypartError(f"{where}: {bound} is {value!r}", hint="give a number")
        if condition:
            return
    values = condition if isinstance(condition, list | tuple) else [condition]
    kinds = {"text" if isinstance(value, str) else type(value).__name__ for value in values}
    if not values or not all(isinstance(value, str | int | float) for value in values):
        raise DaypartError(f"{where} = {condition!r}: is not a condition", hint="see read_segments")
    if "text" in kinds and len(kinds) > 1:
        raise DaypartError(f"{where} = {condition!r}: mixes text and numbers")


def segment_condition(
    where: str,
    name: str,
    predicate: Predicate,
    types: Mapping[str, str],
    columns: Mapping[str, str] | None = None,
) -> tuple[str, list[Any]]:
    """Return a predicate as SQL over the households' columns, with the values to bind.

    Parameters
    ----------
    where : str
        The households file, for messages.
    name : str
        The segment.
    predicate : mapping
    types : mapping of str to str
        DuckDB's type of each column.
    columns : mapping of str to str, optional
        SQL of each column; its name by default.

    Returns
    -------
    tuple of (str, list)

    Raises
    ------
    DaypartError
        For an unknown column, or a value of another type than the column's.

    Examples
    --------
    >>> segment_condition("hh.csv", "big", {"size": {"min": 3}}, {"size": "BIGINT"})
    ('("size" >= ?)', [3])
    """
    parts: list[str] = []
    values: list[Any] = []
    for column, condition in predicate.items():
        if column not in types:
            raise DaypartError(
                f"{where}: segment {name!r} uses the column {column!r}, which does not exist",
                hint=did_you_mean(column, types),
            )
        if isinstance(condition, Mapping):
            pairs = [(_BOUNDS[bound], value) for bound, value in condition.items()]
        else:
            listed = list(condition) if isinstance(condition, list | tuple) else [condition]
            pairs = [("=", value) for value in listed]
        for _, value in pairs:
            _check_type(where, name, column, value, types[column])
        joint = " AND " if isinstance(condition, Mapping) else " OR "
        quoted = (columns or {}).get(column) or name_literal(column)
        parts.append("(" + joint.join(f"{quoted} {sign} ?" for sign, _ in pairs) + ")")
        values += [value for _, value in pairs]
    return " AND ".join(parts) or "true", values


def segment_names_sql(segments: Sequence[str], *, event_segments: bool) -> str:
    """Return SQL that turns a household's bits into the names of its segments.

    Parameters
    ----------
    segments : sequence of str
        `all` first.
    event_segments : bool
        Whether segments belong to events; then each household has all names.
    """
    if event_segments:
        return "[" + ", ".join(text_literal(name) for name in segments) + "]"
    terms = [
        f"CASE WHEN (segments >> {number}) & 1 = 1 THEN {text_literal(name)} END"
        for number, name in enumerate(segments[1:])
    ]
    listed = ", ".join([text_literal(segments[0]), *terms])
    return f"list_filter([{listed}], lambda name: name IS NOT NULL)"


def segment_bits_sql(segments: Sequence[str], *, event_segments: bool) -> str:
    """Return SQL that turns the names of a household's segments into bits.

    Parameters
    ----------
    segments : sequence of str
        `all` first.
    event_segments : bool
        Whether segments belong to events; then the bits are 0.
    """
    if event_segments or len(segments) == 1:
        return "CAST(0 AS BIGINT)"
    terms = [
        f"CASE WHEN list_contains(segments, {text_literal(name)}) THEN {1 << number} ELSE 0 END"
        for number, name in enumerate(segments[1:])
    ]
    return f"CAST({' + '.join(terms)} AS BIGINT)"


def _check_type(where: str, name: str, column: str, value: object, column_type: str) -> None:
    kind = _kind_of(column_type)
    given = "truth" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
    if kind != given:
        raise DaypartError(
            f"{where}: segment {name!r} compares {column}, a column of {kind}s, with {value!r}",
            hint=f"give a {kind}",
        )


def _kind_of(column_type: str) -> str:
    if column_type.startswith(("VARCHAR", "ENUM")):
        return "text"
    return "truth" if column_type == "BOOLEAN" else "number"
