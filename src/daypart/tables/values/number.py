"""Numbers: of any numeric type, or as text with declared marks."""

from __future__ import annotations

from daypart.tables.options import TableOptions
from daypart.tables.sql import text_literal
from daypart.tables.values.expressions import FieldSql, is_text, trimmed_text

BAD_NUMBER = "not_a_number"
NOT_FINITE = "not_finite"
EMPTY_NUMBERS = ("na", "n/a", "#n/a", "null", "none")
"""Texts that mean an empty field in a column of numbers, in any case."""

_NUMERIC = frozenset(
    (
        *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
        *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
        *("FLOAT", "DOUBLE", "DECIMAL", "BIGNUM"),
    )
)
_PLAIN = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"


def number_sql(name: str, column: str, kind: str, options: TableOptions) -> FieldSql:
    """Return SQL that reads a number as DOUBLE.

    An empty field and the words for it (`EMPTY_NUMBERS`) are NULL. NaN, infinity, a truth value
    and any other text are problems.

    Parameters
    ----------
    name : str
        Begins the names of the steps' columns.
    column : str
        SQL of the field.
    kind : str
        DuckDB's type of it.
    options : TableOptions
        For its decimal mark and the mark between thousands.

    Returns
    -------
    FieldSql
    """
    if kind.split("(")[0] in _NUMERIC:
        number = f"{name}_number"
        return FieldSql(
            f"CASE WHEN isfinite({number}) THEN {number} END",
            f"CASE WHEN NOT isfinite({number}) THEN '{NOT_FINITE}' END",
            {number: f"CAST({column} AS DOUBLE)"},
        )
    if not is_text(kind):
        wrong = f"CASE WHEN {name}_given THEN '{BAD_NUMBER}' END"
        return FieldSql("CAST(NULL AS DOUBLE)", wrong, {f"{name}_given": f"{column} IS NOT NULL"})
    words = ", ".join(text_literal(word) for word in EMPTY_NUMBERS)
    plain = f"{name}_plain"
    number = f"TRY_CAST({plain} AS DOUBLE)"
    good = f"regexp_full_match({plain}, {text_literal(_PLAIN)}) AND isfinite({number})"
    infinite = f"regexp_full_match(lower({plain}), '[+-]?(nan|inf(inity)?)')"
    return FieldSql(
        f"CASE WHEN {good} THEN {number} END",
        f"CASE WHEN {plain} IS NULL OR lower({plain}) IN ({words}) OR ({good}) THEN NULL "
        f"WHEN {infinite} THEN '{NOT_FINITE}' ELSE '{BAD_NUMBER}' END",
        {plain: _plain(trimmed_text(column), options)},
    )


def _plain(text: str, options: TableOptions) -> str:
    """Return SQL that writes a number without marks between thousands, with a decimal point."""
    decimal, thousands = options.decimal_mark, options.thousands_mark
    if thousands:
        grouped = f"[+-]?[0-9]{{1,3}}([{thousands}][0-9]{{3}})+([{decimal}][0-9]*)?"
        text = (
            f"CASE WHEN regexp_full_match({text}, {text_literal(grouped)}) "
            f"THEN replace({text}, {text_literal(thousands)}, '') ELSE {text} END"
        )
    if decimal != ".":  # a point is then wrong: no number has a question mark
        text = f"replace(replace({text}, '.', '?'), {text_literal(decimal)}, '.')"
    return text
