"""A field's value and its problem, as SQL over columns that a query computes level by level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MISSING_VALUE = "missing_value"


@dataclass(frozen=True)
class FieldSql:
    """SQL of a field whose text or typed value is the column `NAME_raw`.

    Parameters
    ----------
    value : str
        NULL where the field is empty or wrong.
    problem : str
        The reason why a field that is not empty can't be read; NULL without one.
    levels : tuple of mapping of str to str
        Columns that projections before compute once, each from those of the levels before it.
    """

    value: str
    problem: str
    levels: tuple[Mapping[str, str], ...] = ()


def with_levels(rows: str, raw: Mapping[str, str], fields: Iterable[FieldSql]) -> str:
    """Return SQL for rows with the columns that some fields need.

    Parameters
    ----------
    rows : str
        SQL of a table.
    raw : mapping of str to str
        Column of the result to SQL over the table; `NAME_raw` for every field. Without any,
        the table has them.
    fields : iterable of FieldSql

    Examples
    --------
    >>> with_levels("t", {"a_raw": "a"}, [FieldSql("a_b", "NULL", ({"a_b": "a_raw + 1"},))])
    '(SELECT *, a_raw + 1 AS a_b FROM (SELECT a AS a_raw FROM t))'
    """
    sql = f"(SELECT {_listed(raw)} FROM {rows})" if raw else rows
    listed = list(fields)
    for level in range(max((len(field.levels) for field in listed), default=0)):
        columns: dict[str, str] = {}
        for field in listed:
            columns |= field.levels[level] if level < len(field.levels) else {}
        sql = f"(SELECT *, {_listed(columns)} FROM {sql})"
    return sql


def _listed(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{sql} AS {name}" for name, sql in columns.items())


def is_text(kind: str) -> bool:
    """Return whether a type of DuckDB is text.

    Examples
    --------
    >>> is_text("VARCHAR"), is_text("ENUM('a')"), is_text("BIGINT")
    (True, True, False)
    """
    return kind.startswith(("VARCHAR", "ENUM"))


def text_of(column: str, kind: str) -> str:
    """Return SQL for a field as text: trimmed; NULL where it is empty.

    A whole number of a floating-point column has no decimals, as in the table it came from.

    Parameters
    ----------
    column : str
        SQL of the field.
    kind : str
        DuckDB's type of it.
    """
    if is_text(kind):
        return trimmed_text(column)
    text = f"CAST({column} AS VARCHAR)"
    if kind in ("FLOAT", "DOUBLE"):
        whole = f"{column} = floor({column}) AND abs({column}) < 1e15"
        return f"CASE WHEN {whole} THEN CAST(CAST({column} AS BIGINT) AS VARCHAR) ELSE {text} END"
    return text


def trimmed_text(text: str) -> str:
    """Return SQL for a text without the spaces around it; NULL where it is empty.

    Most texts have none: five comparisons cost half of trimming.

    Parameters
    ----------
    text : str
        SQL of type VARCHAR.
    """
    ends = " OR ".join(f"suffix({text}, '{space}')" for space in " \t\u00a0")
    return (
        f"CASE WHEN {text} < '!' OR {text} >= '\u00a0' OR {ends} "
        f"THEN nullif(trim({text}, ' \t\u00a0'), '') ELSE {text} END"
    )
