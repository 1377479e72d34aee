"""The files of a viewing store on all its markets, and the removal of superseded files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from daypart.storage.files import delete_files, remove_unfinished
from daypart.storage.location import Location
from daypart.storage.seals import sealed_path
from daypart.storage.tables import write_table
from daypart.tables.sql import text_literal
from daypart.viewing.market.cells import in_tab_households, load_market_members
from daypart.viewing.reading.households import WEIGHT_UNIT
from daypart.viewing.reading.segments import segment_names_sql
from daypart.viewing.reading.workspace import MARKET_FOLDERS, Workspace


def write_households(
    workspace: Workspace, target: Location, segments: Sequence[str], *, event_segments: bool
) -> None:
    """Write the households in tab: hashed id, market, weight, in_panel, segments.

    Parameters
    ----------
    workspace : Workspace
        With the table `members`.
    target : Location
    segments : sequence of str
    event_segments : bool
        Whether segments belong to events, not to households.
    """
    names = segment_names_sql(segments, event_segments=event_segments)
    with sealed_path(target) as path:
        workspace.run(
            f"""
            COPY (
                SELECT household, market, CAST(weight AS DOUBLE) / {WEIGHT_UNIT}.0 AS weight,
                       in_panel, {names} AS segments
                FROM members ORDER BY market, household
            ) TO {text_literal(str(path))} (FORMAT parquet, COMPRESSION zstd)
            """
        )


def write_universe(
    workspace: Workspace,
    target: Location,
    markets: Sequence[str],
    segments: Sequence[str],
    *,
    event_segments: bool,
) -> None:
    """Write the universe: raw and projected households of each market x segment.

    Parameters
    ----------
    workspace : Workspace
        With the table `members`.
    target : Location
    markets, segments : sequence of str
    event_segments : bool
        Whether segments belong to events, not to households.
    """
    in_tab, estimates = [], []
    for market in markets:
        load_market_members(workspace, market, len(segments), event_segments=event_segments)
        households, projected = in_tab_households(workspace, len(segments))
        in_tab.append(households)
        estimates.append(projected)
    table = pa.table(
        {
            "market": np.repeat(markets, len(segments)).tolist(),
            "segment": list(segments) * len(markets),
            "in_tab_households": pa.array(np.concatenate(in_tab), pa.int64()),
            "universe_estimate": pa.array(np.concatenate(estimates), pa.float64()),
        }
    )
    write_table(target, table)


def named_files(files: Mapping[str, Any]) -> set[str]:
    """Return every path in the `files` of a viewing store.

    Examples
    --------
    >>> sorted(named_files({"hut": {"501": "hut/501-1.parquet"}, "quarantine": ["q"]}))
    ['hut/501-1.parquet', 'q']
    """
    found: set[str] = set()
    for value in files.values():
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, Mapping):
            found |= named_files(value)
        else:
            found.update(value)
    return found


def remove_superseded(folder: Location, files: Mapping[str, Any]) -> None:
    """Remove the files of a viewing store that its `store.json` no longer names.

    Parameters
    ----------
    folder : Location
    files : mapping
        The `files` of the new `store.json`.
    """
    kept = named_files(files)
    remove_unfinished(folder)
    present: list[Location] = list(folder.glob("households-*.parquet"))
    present += folder.glob("universe-*.parquet")
    for name in MARKET_FOLDERS:
        remove_unfinished(folder / name)
        present += (folder / name).glob("*.parquet")
    before = len(str(folder)) + 1
    delete_files([file for file in present if str(file)[before:] not in kept])
