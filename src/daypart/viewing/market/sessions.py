"""Crediting in DuckDB: from valid tunes of one market to credited time by hour.

The tables follow each other: `tunes` (what was said), `sessions` (cut, capped, judged),
`network_hours` and `any_network_hours` (milliseconds credited, each once).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from daypart.viewing.crediting import CreditingRules
from daypart.viewing.reading.sources import text_literal
from daypart.viewing.reading.workspace import Workspace

HOUR_MS = 3_600_000
_QUARTER_MS = 900_000
_QUARTER_CREDIT_MS = 300_000
_NO_TUNES = """
    SELECT CAST(0 AS BIGINT) AS household, CAST(0 AS BIGINT) AS device,
           CAST(0 AS BIGINT) AS network, CAST(0 AS BIGINT) AS segment,
           CAST(0 AS BIGINT) AS start_ms, CAST(0 AS BIGINT) AS end_ms, true AS is_new,
           CAST(0 AS INTEGER) AS source_file, CAST(0 AS BIGINT) AS source_row
    WHERE false
"""
ALL_SEGMENTS = 0
"""The number of the segment `all`."""


@dataclass(frozen=True)
class RowCounts:
    """How a market's rows were judged, as changes to what the store counted before.

    Parameters
    ----------
    credited, below_minimum_tune, duplicate, overlapping, capped : int
        `capped` rows are among the credited ones.
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
    """Make the table `tunes`: a market's new rows and the stored ones that they may touch.

    Parameters
    ----------
    workspace : Workspace
        With the tables `network_numbers` and `segment_numbers` (name, number).
    staged : str or None
        SQL of the new rows.
    stored : sequence of str
        Event files of the store.
    start_ms : tuple of int
        Stored tunes that start from the first to before the second are read.
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

    A set that retunes ends its earlier session. Of equal rows the one that was there first
    stays. `was` is the status that the stored rows had before the new ones came.

    Parameters
    ----------
    workspace : Workspace
        With the table `tunes`.
    rules : CreditingRules

    Returns
    -------
    RowCounts
    """
    ties = "start_ms, end_ms, network, segment"
    order = f"ORDER BY {ties}, is_new DESC, source_file DESC, source_row DESC"
    stop = _stop_sql(rules)
    workspace.run(
        f"""
        CREATE OR REPLACE TEMP TABLE sessions AS
        WITH followed AS (
            SELECT *, lead(start_ms) OVER after_it AS next_start,
                   lead(({ties})) OVER after_it IS NOT DISTINCT FROM ({ties}) AS duplicate
            FROM tunes WINDOW after_it AS (PARTITION BY household, device {order})
        ),
        cut AS (SELECT *, {stop} AS stop_ms FROM followed)
        SELECT * EXCLUDE (next_start, duplicate), {_status_sql(rules)} AS status FROM cut
        """
    )
    count = "count(*) FILTER (status = '{}')"
    capped = (
        f"status = 'credited' AND stop_ms - start_ms = {rules.idle_cap_ms} AND stop_ms < end_ms"
    )
    columns = ", ".join(count.format(name) for name in _STATUSES)
    now = workspace.rows(f"SELECT {columns}, count(*) FILTER ({capped}) FROM sessions")[0]
    before = _stored_counts(workspace, rules, columns, capped)
    changes = [int(after) - int(earlier) for after, earlier in zip(now, before, strict=True)]
    return RowCounts(*changes)


_STATUSES = ("credited", "below_minimum_tune", "duplicate", "overlapping")


def _stop_sql(rules: CreditingRules) -> str:
    return (
        f"least(end_ms, start_ms + {rules.idle_cap_ms}, "
        "CASE WHEN device IS NOT NULL AND next_start IS NOT NULL THEN next_start ELSE end_ms END)"
    )


def _status_sql(rules: CreditingRules) -> str:
    return (
        "CASE WHEN duplicate THEN 'duplicate' "
        "WHEN device IS NOT NULL AND next_start = start_ms AND end_ms > start_ms "
        "THEN 'overlapping' "
        f"WHEN stop_ms - start_ms < {rules.minimum_tune_ms} THEN 'below_minimum_tune' "
        "ELSE 'credited' END"
    )


def _stored_counts(
    workspace: Workspace, rules: CreditingRules, columns: str, capped: str
) -> tuple[int, ...]:
    """Judge the stored rows as if the new ones had not come, into `earlier_sessions`."""
    workspace.run(
        f"""
        CREATE OR REPLACE TEMP TABLE earlier_sessions AS
        WITH followed AS (
            SELECT *, lead(start_ms) OVER after_it AS next_start, false AS duplicate
            FROM tunes WHERE NOT is_new
            WINDOW after_it AS (PARTITION BY household, device
                                ORDER BY start_ms, end_ms, network, segment)
        ),
        cut AS (SELECT *, {_stop_sql(rules)} AS stop_ms FROM followed)
        SELECT * EXCLUDE (next_start, duplicate), {_status_sql(rules)} AS status FROM cut
        """
    )
    query = f"SELECT {columns}, count(*) FILTER ({capped}) FROM earlier_sessions"
    return tuple(int(value) for value in workspace.rows(query)[0])


def credit_hours(
    workspace: Workspace,
    rules: CreditingRules,
    hours: tuple[int, int],
    *,
    event_segments: bool,
) -> None:
    """Make the tables `network_hours` and `any_network_hours`: credited time, each hour once.

    Columns: household, network (but for `any_network_hours`), segment, hour, ms. Where
    segments belong to households, only the segment 0 (`all`) is there.

    Parameters
    ----------
    workspace : Workspace
        With the table `sessions`.
    rules : CreditingRules
    hours : tuple of int
        UTC hours from the first to before the second are kept.
    event_segments : bool
        Whether each session counts for its own segment, and for `all`.
    """
    credited = (
        f"SELECT household, network, {ALL_SEGMENTS} AS segment, start_ms, stop_ms FROM sessions "
        "WHERE status = 'credited' AND stop_ms > start_ms"
    )
    if event_segments:
        credited += (
            " UNION ALL SELECT household, network, segment, start_ms, stop_ms FROM sessions "
            f"WHERE status = 'credited' AND stop_ms > start_ms AND segment <> {ALL_SEGMENTS}"
        )
    by_network = "household, segment, network"
    if rules.multi_set == "split":
        pieces = _split_sql(_disjoint_or_not(credited, None), rules, hours)
    else:
        pieces = _pieces_sql(_disjoint_or_not(credited, by_network), rules, hours)
    anywhere = _pieces_sql(_disjoint_or_not(credited, "household, segment"), rules, hours)
    workspace.run(_hours_table_sql("network_hours", by_network, pieces, rules))
    workspace.run(_hours_table_sql("any_network_hours", "household, segment", anywhere, rules))


def _disjoint_or_not(sessions: str, same: str | None) -> str:
    """Trim sessions of the same columns to what earlier ones leave of them."""
    if same is None:
        return sessions
    return f"""
        SELECT * EXCLUDE (reached, start_ms),
               greatest(start_ms, coalesce(reached, start_ms)) AS start_ms
        FROM (SELECT *, max(stop_ms) OVER (PARTITION BY {same} ORDER BY start_ms, stop_ms
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
              FROM ({sessions}))
        WHERE stop_ms > coalesce(reached, start_ms)
    """


def _bucket_ms(rules: CreditingRules) -> int:
    return _QUARTER_MS if rules.quarter_hour == "quarter_hour" else HOUR_MS


def _pieces_sql(sessions: str, rules: CreditingRules, hours: tuple[int, int]) -> str:
    """Split sessions at the borders of hours (or quarter hours): `bucket`, `ms`."""
    size = _bucket_ms(rules)
    first, last = hours[0] * HOUR_MS // size, hours[1] * HOUR_MS // size
    return f"""
        WITH whole AS MATERIALIZED ({sessions})
        SELECT *, start_ms // {size} AS bucket, stop_ms - start_ms AS ms
        FROM whole
        WHERE start_ms // {size} = (stop_ms - 1) // {size}
          AND start_ms // {size} >= {first} AND start_ms // {size} < {last}
        UNION ALL BY NAME
        SELECT * EXCLUDE (start_ms, stop_ms), greatest(start_ms, bucket * {size}) AS start_ms,
               least(stop_ms, (bucket + 1) * {size}) AS stop_ms,
               least(stop_ms, (bucket + 1) * {size}) - greatest(start_ms, bucket * {size}) AS ms
        FROM (SELECT *, unnest(range(start_ms // {size}, (stop_ms - 1) // {size} + 1)) AS bucket
              FROM whole WHERE start_ms // {size} <> (stop_ms - 1) // {size})
        WHERE bucket >= {first} AND bucket < {last}
    """


def _split_sql(sessions: str, rules: CreditingRules, hours: tuple[int, int]) -> str:
    """Split a household's time over the sets that are on: each gets an equal share."""
    return f"""
        WITH pieces AS MATERIALIZED ({_pieces_sql(sessions, rules, hours)}),
        borders AS (
            SELECT household, segment, bucket, start_ms AS border FROM pieces
            UNION SELECT household, segment, bucket, stop_ms FROM pieces
        ),
        spans AS (
            SELECT *, lead(border) OVER same AS until
            FROM borders
            WINDOW same AS (PARTITION BY household, segment, bucket ORDER BY border)
        ),
        shares AS (
            SELECT p.household, p.segment, p.network, p.bucket, s.until - s.border AS span,
                   count(*) OVER (PARTITION BY p.household, p.segment, p.bucket, s.border) AS sets
            FROM pieces p JOIN spans s USING (household, segment, bucket)
            WHERE s.until IS NOT NULL AND p.start_ms <= s.border AND p.stop_ms >= s.until
        ),
        split AS (
            SELECT household, segment, network, bucket, sum(span * 1000 // sets) AS us
            FROM shares GROUP BY ALL
        )
        SELECT household, segment, network, bucket, (us + 500) // 1000 AS ms FROM split
    """


def _hours_table_sql(name: str, by: str, pieces: str, rules: CreditingRules) -> str:
    if rules.quarter_hour == "quarter_hour":
        pieces = f"""
            SELECT {by}, bucket, {_QUARTER_MS} AS ms FROM ({pieces})
            GROUP BY {by}, bucket HAVING sum(ms) >= {_QUARTER_CREDIT_MS}
        """
    per_hour = HOUR_MS // _bucket_ms(rules)
    return f"""
        CREATE OR REPLACE TEMP TABLE {name} AS
        SELECT {by}, CAST(bucket // {per_hour} AS INTEGER) AS hour, CAST(sum(ms) AS INTEGER) AS ms
        FROM ({pieces}) GROUP BY ALL HAVING sum(ms) > 0
    """
