"""From the valid tunes of a market to sessions: cut, capped, and with a status.

The table `tunes` holds the rows as they were read, `sessions` the same rows as credited.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from daypart.tables.sql import text_literal
from daypart.viewing.crediting import CreditingRules
from daypart.viewing.reading.workspace import Workspace

_NO_TUNES = """
    SELECT CAST(0 AS BIGINT) AS household, CAST(0 AS BIGINT) AS device,
           CAST(0 AS BIGINT) AS network, CAST(0 AS BIGINT) AS segment,
           CAST(0 AS BIGINT) AS start_ms, CAST(0 AS BIGINT) AS end_ms, true AS is_new,
           CAST(0 AS INTEGER) AS source_file, CAST(0 AS BIGINT) AS source_row
    WHERE false
"""
_IDENTITY = "start_ms, end_ms, network, segment"
ALL_SEGMENTS = 0
"""The number of the segment `all`."""


@dataclass(frozen=True)
class RowCounts:
    """Rows of a market by status, as changes to the counts of the store.

    Parameters
    ----------
    credited, below_minimum_tune, duplicate, overlapping, capped : int
        `capped` rows are counted as `credited` too.
    """

    credited: int
    below_minimum_tune: int
    duplicate: int
    overlapping: int
    capped: int


def load_tunes(
    workspace: Workspace,
    staged: str | None,
    stored: Sequence[str],
    start_ms: tuple[int, int],
) -> None:
    """Make the table `tunes`: a market's new rows and the stored rows that they may change.

    Parameters
    ----------
    workspace : Workspace
        With the tables `network_numbers` and `segment_numbers` (name, number).
    staged : str or None
        SQL of the new rows.
    stored : sequence of str
        Event files of the store.
    start_ms : tuple of int
        Stored tunes are read if they start from the first to before the second.
    """
    columns = "household, device, n.number AS network, s.number AS segment"
    joins = "JOIN network_numbers n ON network = n.name JOIN segment_numbers s ON segment = s.name"
    parts = []
    if staged:
        parts.append(
            f"SELECT {columns}, start_ms, end_ms, true AS is_new, source_file, source_row "
            f"FROM {staged} {joins}"
        )
    if stored:
        files = ", ".join(text_literal(path) for path in stored)
        parts.append(
            f"""
            SELECT {columns}, epoch_ms("start") AS start_ms, epoch_ms("end") AS end_ms,
                   false AS is_new, CAST(-1 AS INTEGER) AS source_file,
                   CAST(NULL AS BIGINT) AS source_row
            FROM read_parquet([{files}]) {joins}
            WHERE "start" >= make_timestamptz({start_ms[0] * 1000})
              AND "start" < make_timestamptz({start_ms[1] * 1000})
            """
        )
    if not parts:
        parts.append(_NO_TUNES)
    workspace.run(f"CREATE OR REPLACE TEMP TABLE tunes AS {' UNION ALL '.join(parts)}")


def judge_sessions(workspace: Workspace, rules: CreditingRules) -> RowCounts:
    """Make the table `sessions`: each tune cut at the device's next one, capped, with a status.

    A set that retunes ends its earlier session. Of equal rows, the earliest one is kept.

    Parameters
    ----------
    workspace : Workspace
        With the table `tunes`.
    rules : CreditingRules

    Returns
    -------
    RowCounts
    """
    after = _judge(
        workspace,
        rules,
        "sessions",
        f"lead(({_IDENTITY})) OVER after_it IS NOT DISTINCT FROM ({_IDENTITY})",
        f"FROM tunes WINDOW after_it AS (PARTITION BY household, device ORDER BY {_IDENTITY}, "
        "is_new DESC, source_file DESC, source_row DESC)",
    )
    before = _judge(
        workspace,
        rules,
        "earlier_sessions",
        "false",
        "FROM tunes WHERE NOT is_new "
        f"WINDOW after_it AS (PARTITION BY household, device ORDER BY {_IDENTITY})",
    )
    return RowCounts(*(now - then for now, then in zip(after, before, strict=True)))


def _judge(
    workspace: Workspace, rules: CreditingRules, table: str, duplicate: str, tunes: str
) -> list[int]:
    """Make a table of sessions; return its rows by status, and the capped ones."""
    workspace.run(
        f"""
        CREATE OR REPLACE TEMP TABLE {table} AS
        WITH followed AS (
            SELECT *, lead(start_ms) OVER after_it AS next_start, {duplicate} AS duplicate {tunes}
        ),
        cut AS (
            SELECT *, least(end_ms, start_ms + {rules.idle_cap_ms},
                            CASE WHEN device IS NOT NULL AND next_start IS NOT NULL
                                 THEN next_start ELSE end_ms END) AS stop_ms
            FROM followed
        )
        SELECT * EXCLUDE (next_start, duplicate),
               CASE WHEN duplicate THEN 'duplicate'
                    WHEN device IS NOT NULL AND next_start = start_ms AND end_ms > start_ms
                    THEN 'overlapping'
                    WHEN stop_ms - start_ms < {rules.minimum_tune_ms} THEN 'below_minimum_tune'
                    ELSE 'credited' END AS status
        FROM cut
        """
    )
    statuses = ("credited", "below_minimum_tune", "duplicate", "overlapping")
    counts = ", ".join(f"count(*) FILTER (status = '{status}')" for status in statuses)
    capped = (
        f"status = 'credited' AND stop_ms - start_ms = {rules.idle_cap_ms} AND stop_ms < end_ms"
    )
    query = f"SELECT {counts}, count(*) FILTER ({capped}) FROM {table}"
    return [int(value) for value in workspace.rows(query)[0]]
