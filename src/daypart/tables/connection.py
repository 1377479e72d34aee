"""Connections to DuckDB: in memory, in UTC, without extensions from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

_CLOSED = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_unsigned_extensions": False,
    "allow_persistent_secrets": False,
    "temp_file_encryption": True,
    "force_mbedtls_unsafe": True,
}
"""A path in a user's table or list must not make DuckDB load code, or files of a network. What it
spills to the disk holds whatever was in memory before, ids of households too, so it is encrypted
with a key that only the process has. DuckDB calls the cipher that it brings unsafe, as its random
numbers are weak; the better one is in an extension, which would have to be downloaded."""
_SET_LATER = ("preserve_insertion_order",)


def open_connection(settings: Mapping[str, Any] | None = None) -> duckdb.DuckDBPyConnection:
    """Open a database in memory whose configuration can't be changed.

    Its time zone is UTC, and it loads no extension. Only `preserve_insertion_order` can be set
    later.

    Parameters
    ----------
    settings : mapping, optional
        Of DuckDB, such as `memory_limit` and `threads`.

    Returns
    -------
    duckdb.DuckDBPyConnection

    Examples
    --------
    >>> with open_connection({"threads": 1}) as connection:
    ...     connection.sql("SELECT current_setting('lock_configuration')").fetchall()
    [(True,)]
    """
    connection = duckdb.connect(":memory:", config={**_CLOSED, **(settings or {})})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    connection.execute(f"SET allowed_configs = {list(_SET_LATER)}")
    connection.execute("SET lock_configuration = true")
    return connection
