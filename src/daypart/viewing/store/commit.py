"""The files of a viewing store that belong to no one market, and the removal of superseded ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from daypart.storage.files import atomic_path, delete_files, remove_unfinished
from daypart.storage.location import Location
from daypart.storage.tables import write_table
from daypart.viewing.market.aggregate import (
    in_tab_households,
    load_market_members,
    universe_estimates,
)
from daypart.viewing.reading.households import WEIGHT_UNIT
from daypart.viewing.reading.sources import text_literal
from daypart.viewing.reading.workspace import Workspace

MARKET_FOLDERS = ("events", "hut", "panel", "quarantine")


def segment_names_sql(segments: Sequence[str], *, event_segments: bool) -> str:
    """Return SQL that turns a household's bits into the names of its segments."""
    if event_segments:
        return "[" + ", ".join(text_literal(name) for name in segments) + "]"
    terms = [
        f"CASE WHEN (segments >> {number}) & 1 = 1 THEN {text_literal(name)} END"
        for number, name in enumerate(segments[1:])
    ]
    listed = ", ".join([text_literal(segments[0]), *terms])
    return f"list_filter([{listed}], lambda name: name IS NOT NULL)"


def segment_bits_sql(segments: Sequence[str], *, event_segments: bool) -> str:
    """Return SQL that turns the names of a household's segments into bits."""
    if event_segments or len(segments) == 1:
        return "CAST(0 AS BIGINT)"
    terms = [
        f"CASE WHEN list_contains(segments, {text_literal(name)}) THEN {1 << number} ELSE 0 END"
        for number, name in enumerate(segments[1:])
    ]
    return f"CAST({' + '.join(terms)} AS BIGINT)"


def write_households(
    workspace: Workspace, target: Location, segments: Sequence[str], *, event_segments: bool
) -> None:
    """Write the households in tab: hashed id, market, weight, in_panel, segments."""
    names = segment_names_sql(segments, event_segments=event_segments)
    with atomic_path(target) as path:
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
    """Write the universe: raw and projected households of each market x segment."""
    in_tab, estimates = [], []
    for market in markets:
        load_market_members(workspace, market, len(segments), event_segments=event_segments)
        in_tab.append(in_tab_households(workspace, len(segments)))
        estimates.append(universe_estimates(workspace, len(segments)))
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
    """Return every path that the files of a viewing store name.

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
    """Remove the files of a viewing store that its `store.json` no longer names."""
    kept = named_files(files)
    remove_unfinished(folder)
    present: list[Location] = list(folder.glob("households-*.parquet"))
    present += folder.glob("universe-*.parquet")
    for name in MARKET_FOLDERS:
        remove_unfinished(folder / name)
        present += (folder / name).glob("*.parquet")
    before = len(str(folder)) + 1
    delete_files([file for file in present if str(file)[before:] not in kept])
