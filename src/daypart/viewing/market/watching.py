"""Who was watching at an instant: the store's events, credited, held against airings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.storage.files import read_json
from daypart.storage.location import PathLike, local_path
from daypart.viewing.crediting import crediting_rules
from daypart.viewing.market.sessions import judge_sessions, load_tunes
from daypart.viewing.reading.workspace import Workspace

ALL = "all"


def viewers_at(
    store: PathLike,
    market: str,
    networks: Sequence[str],
    instants: NDArray[np.int64],
    *,
    segment: str = ALL,
) -> pa.Table:
    """Find the households that watched a network at an instant, by the store's crediting rules.

    A session counts once it is long enough to be credited, from its start to where the set
    retuned, the idle cap fell or the session ended; a household with several sets counts once.

    Parameters
    ----------
    store : path-like
        Folder of a viewing store.
    market : str
        Code.
    networks : sequence of str [airings]
    instants : int array [airings]
        Milliseconds since 1970, UTC.
    segment : str
        Where segments belong to events and not to households: count this one's events alone.

    Returns
    -------
    pyarrow.Table
        `airing` (position in `networks`) and `household`, each pair once.
    """
    import duckdb

    folder = local_path(store)
    viewing = read_json(folder / "store.json")["viewing"]
    rules = crediting_rules(viewing["crediting"])
    files = [str(folder / name) for name in viewing["files"]["events"].get(market, ())]
    by_event = bool(viewing.get("event_segments")) and segment != ALL
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        workspace = Workspace(connection, folder)
        _number(connection, "network_numbers", viewing["networks"])
        _number(connection, "segment_numbers", [ALL, *sorted(set(viewing["segments"]) - {ALL})])
        first = int(instants.min()) - rules.idle_cap_ms if len(instants) else 0
        last = int(instants.max()) + 1 if len(instants) else 0
        load_tunes(workspace, None, files, (first, last))
        judge_sessions(workspace, rules)
        connection.register("airings", _airings(networks, instants))
        only = "AND s.segment = (SELECT number FROM segment_numbers WHERE name = ?)"
        return connection.sql(
            f"""
            SELECT DISTINCT a.airing, s.household
            FROM airings a JOIN network_numbers n ON a.network = n.name
                 JOIN sessions s ON s.network = n.number
                      AND s.start_ms <= a.at_ms AND a.at_ms < s.stop_ms
            WHERE s.status = 'credited' {only if by_event else ""}
            ORDER BY ALL
            """,
            params=[segment] if by_event else [],
        ).to_arrow_table()


def _number(connection: Any, table: str, names: Sequence[str]) -> None:
    connection.execute(f"CREATE TEMP TABLE {table} (name VARCHAR, number BIGINT)")
    if names:
        connection.executemany(
            f"INSERT INTO {table} VALUES (?, ?)", [(name, n) for n, name in enumerate(names)]
        )


def _airings(networks: Sequence[str], instants: NDArray[np.int64]) -> pa.Table:
    return pa.table(
        {
            "airing": pa.array(np.arange(len(networks)), pa.int64()),
            "network": pa.array(list(networks), pa.string()),
            "at_ms": pa.array(instants, pa.int64()),
        }
    )
