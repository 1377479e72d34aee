"""Texts and names as SQL."""

from __future__ import annotations


def text_literal(text: str) -> str:
    """Return a text as an SQL literal.

    Examples
    --------
    >>> text_literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def name_literal(name: str) -> str:
    """Return a column's name as an SQL identifier.

    Examples
    --------
    >>> name_literal("end")
    '"end"'
    """
    return '"' + name.replace('"', '""') + '"'
