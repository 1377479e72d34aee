"""From the sessions of a market to credited time by hour.

The tables `network_hours` and `any_network_hours` hold milliseconds, each counted once for a
household and network, and once for a household over all networks.
"""

from __future__ import annotations

from daypart.viewing.clock import HOUR_MS
from daypart.viewing.crediting import CreditingRules
from daypart.viewing.market.hour_range import HourRange
from daypart.viewing.market.sessions import ALL_SEGMENTS
from daypart.viewing.reading.workspace import Workspace

_QUARTER_MS = 900_000
_QUARTER_CREDIT_MS = 300_000
"""A quarter hour is credited if at least this time of it is."""


def credit_hours(
    workspace: Workspace,
    rules: CreditingRules,
    hours: HourRange,
    *,
    event_segments: bool,
) -> None:
    """Make the tables `network_hours` and `any_network_hours`: credited time by hour.

    Columns: household, network (not in `any_network_hours`), segment, hour, ms. If segments
    belong to households, the only segment is 0 (`all`).

    Parameters
    ----------
    workspace : Workspace
        With the table `sessions`.
    rules : CreditingRules
    hours : HourRange
        The hours to keep.
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
        pieces = _split_sql(credited, rules, hours)
    else:
        pieces = _pieces_sql(_disjoint_sql(credited, by_network), rules, hours)
    anywhere = _pieces_sql(_disjoint_sql(credited, "household, segment"), rules, hours)
    workspace.run(_hours_table_sql("network_hours", by_network, pieces, rules))
    workspace.run(_hours_table_sql("any_network_hours", "household, segment", anywhere, rules))


def _disjoint_sql(sessions: str, same: str) -> str:
    """Trim sessions to the time that earlier ones with the same columns do not cover."""
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


def _pieces_sql(sessions: str, rules: CreditingRules, hours: HourRange) -> str:
    """Split sessions at the borders of hours (or quarter hours): `bucket`, `ms`."""
    size = _bucket_ms(rules)
    first, last = hours.start * HOUR_MS // size, hours.stop * HOUR_MS // size
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


def _split_sql(sessions: str, rules: CreditingRules, hours: HourRange) -> str:
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
