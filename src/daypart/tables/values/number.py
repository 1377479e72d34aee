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


def number_sql(name: str, kind: str, options: TableOptions) -> FieldSql:
    """Return SQL that reads a number as DOUBLE.

    An empty field and the words for it (`EMPTY_NUMBERS`) are NULL. NaN, infinity, a truth value
    and any other text are problems.

    Parameters
    ----------
    name : str
        The field is the column `NAME_raw`.
    kind : str
        DuckDB's type of it.
    options : TableOptions
        For its decimal mark and the mark between thousands.

    Returns
    -------
    FieldSql
    """
    number = f"{name}_number"
    if kind.split("(")[0] in _NUMERIC:
        return FieldSql(
            f"CASE WHEN isfinite({number}) THEN {number} END",
            f"CASE WHEN NOT isfinite({number}) THEN '{NOT_FINITE}' END",
            ({number: f"CAST({name}_raw AS DOUBLE)"},),
        )
    if not is_text(kind):
        wrong = f"CASE WHEN {name}_raw IS NOT NULL THEN '{BAD_NUMBER}' END"
        return FieldSql("CAST(NULL AS DOUBLE)", wrong)
    words = ", ".join(text_literal(word) for word in EMPTY_NUMBERS)
    plain = f"{name}_plain"
    infinite = f"regexp_full_match(lower({plain}), '[+-]?(nan|inf(inity)?)')"
    return FieldSql(
        number,
        f"CASE WHEN {plain} IS NULL OR {number} IS NOT NULL OR lower({plain}) IN ({words}) "
        f"THEN NULL WHEN {infinite} THEN '{NOT_FINITE}' ELSE '{BAD_NUMBER}' END",
        (
            {plain: _plain(trimmed_text(f"{name}_raw"), options)},
            {
                number: f"CASE WHEN regexp_full_match({plain}, {text_literal(_PLAIN)}) "
                f"THEN TRY_CAST({plain} AS DOUBLE) END"
            },
        ),
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
