"""The households that watched a network at given instants, from the store's events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.series.store_document import read_viewing
from daypart.series.store_tables import EVENT_COLUMNS
from daypart.storage.location import PathLike, local_path
from daypart.storage.tables import checked_copy
from daypart.tables.connection import open_connection
from daypart.viewing.crediting import crediting_rules
from daypart.viewing.market.sessions import judge_sessions, load_tunes
from daypart.viewing.reading.segments import ALL_HOUSEHOLDS
from daypart.viewing.reading.workspace import Workspace, number_names


def viewers_at(
    store: PathLike,
    market: str,
    networks: Sequence[str],
    instants: NDArray[np.int64],
    *,
    segment: str = ALL_HOUSEHOLDS,
) -> pa.Table:
    """Find the households that watched a network at an instant, by the store's crediting rules.

    A credited session counts from its start until the set retunes, the idle cap is reached or
    the session ends. A household with several sets counts once.

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
        If segments belong to events, count the events of this one only.

    Returns
    -------
    pyarrow.Table
        `airing` (position in `networks`) and `household`, each pair once.
    """
    folder = local_path(store)
    viewing = read_viewing(folder)
    rules = crediting_rules(viewing["crediting"])
    files = [
        str(checked_copy(folder / name, EVENT_COLUMNS))
        for name in viewing["files"]["events"].get(market, ())
    ]
    by_event = bool(viewing.get("event_segments")) and segment != ALL_HOUSEHOLDS
    with open_connection() as connection:
        workspace = Workspace(connection, folder)
        others = sorted(set(viewing["segments"]) - {ALL_HOUSEHOLDS})
        number_names(workspace, viewing["networks"], [ALL_HOUSEHOLDS, *others])
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


def _airings(networks: Sequence[str], instants: NDArray[np.int64]) -> pa.Table:
    return pa.table(
        {
            "airing": pa.array(np.arange(len(networks)), pa.int64()),
            "network": pa.array(list(networks), pa.string()),
            "at_ms": pa.array(instants, pa.int64()),
        }
    )
