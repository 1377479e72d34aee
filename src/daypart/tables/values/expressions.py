"""A field's value and its problem, as SQL in two steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MISSING_VALUE = "missing_value"


@dataclass(frozen=True)
class FieldSql:
    """SQL of a field.

    Parameters
    ----------
    value : str
        NULL where the field is empty or wrong.
    problem : str
        The reason why a field that is not empty can't be read; NULL without one.
    steps : mapping of str to str
        Columns that an earlier projection computes once, for `value` and `problem`.
    """

    value: str
    problem: str
    steps: Mapping[str, str] = field(default_factory=dict)


def is_text(kind: str) -> bool:
    """Return whether a type of DuckDB is text.

    Examples
    --------
    >>> is_text("VARCHAR"), is_text("ENUM('a')"), is_text("BIGINT")
    (True, True, False)
    """
    return kind.startswith(("VARCHAR", "ENUM"))


def trimmed_text(column: str) -> str:
    """Return SQL for a column as text without the spaces around it; NULL where it is empty.

    Parameters
    ----------
    column : str
        SQL of any type.
    """
    return f"nullif(trim(CAST({column} AS VARCHAR), ' \t\u00a0'), '')"
