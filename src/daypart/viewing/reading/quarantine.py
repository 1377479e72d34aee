"""The rows set aside: kept with their reason, file, row number and hashed ids."""

from __future__ import annotations

from collections.abc import Sequence

from daypart.storage.files import make_folder
from daypart.storage.location import Location
from daypart.storage.seals import sealed_path
from daypart.tables.sql import text_literal
from daypart.viewing.reading.staging import SET_ASIDE, staged_rows_sql
from daypart.viewing.reading.workspace import Workspace

_STAMP = "strftime(make_timestamp({} * 1000), '%Y-%m-%dT%H:%M:%S.%gZ')"
_EARLIER_INGEST = "an earlier ingest"
_HOUSEHOLDS = -2
"""The number of the table of households among the source files."""


def open_quarantine(workspace: Workspace) -> None:
    """Make the empty table `rows_set_aside`."""
    workspace.run(
        """
        CREATE TEMP TABLE rows_set_aside (
            source_file INTEGER, source_row BIGINT, reason VARCHAR, household BIGINT,
            device BIGINT, market VARCHAR, network VARCHAR, "start" VARCHAR, "end" VARCHAR
        )
        """
    )


def keep_rows_set_aside(workspace: Workspace, market: str) -> None:
    """Add the rows that crediting set aside in a market: duplicates and fully overlapped tunes.

    Parameters
    ----------
    workspace : Workspace
        With the tables `sessions` and `earlier_sessions`.
    market : str
    """
    identity = "household, device, network, segment, start_ms, end_ms"
    workspace.run(
        f"""
        INSERT INTO rows_set_aside
        SELECT source_file, source_row, status, household, device, {text_literal(market)}, n.name,
               {_STAMP.format("start_ms")}, {_STAMP.format("end_ms")}
        FROM sessions s JOIN network_numbers n ON s.network = n.number
        WHERE (is_new AND status IN ('duplicate', 'overlapping'))
           OR (NOT is_new AND status = 'overlapping' AND ({identity}) NOT IN (
                  SELECT ({identity}) FROM earlier_sessions WHERE status = 'overlapping'))
        """
    )


def write_quarantine(
    workspace: Workspace, target: Location, files: Sequence[str], households: str | None = None
) -> bool:
    """Write every row set aside by this ingest to one Parquet file.

    Parameters
    ----------
    workspace : Workspace
    target : Location
        The file.
    files : sequence of str
        The source files by number.
    households : str, optional
        The table of households, whose rows set aside are written, too.

    Returns
    -------
    bool
        False if no row was set aside; then no file is written.
    """
    if staged := staged_rows_sql(workspace, SET_ASIDE):
        workspace.run(
            "INSERT INTO rows_set_aside SELECT source_file, source_row, reason, household, device, "
            f"market, network, start_text, end_text FROM {staged}"
        )
    named = list(enumerate(files))
    if households is not None:
        named.append((_HOUSEHOLDS, households))
        workspace.run(
            f"INSERT INTO rows_set_aside BY NAME SELECT {_HOUSEHOLDS} AS source_file, source_row, "
            "reason, household, market FROM given_households WHERE reason IS NOT NULL"
        )
    if workspace.rows("SELECT count(*) FROM rows_set_aside")[0][0] == 0:
        return False
    names = ", ".join(f"({number}, {text_literal(file)})" for number, file in named)
    make_folder(target.parent)
    with sealed_path(target) as path:
        workspace.run(
            f"""
            COPY (
                SELECT coalesce(f.file, '{_EARLIER_INGEST}') AS source_file,
                       r.* EXCLUDE (source_file)
                FROM rows_set_aside r
                     LEFT JOIN (VALUES {names}) f(number, file) ON r.source_file = f.number
                ORDER BY ALL
            ) TO {text_literal(str(path))} (FORMAT parquet, COMPRESSION zstd)
            """
        )
    return True
