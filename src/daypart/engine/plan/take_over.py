"""Taking over: a partition whose hash has a good row in an earlier run is not fitted again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from daypart.engine.results.compaction import write_rows_of
from daypart.engine.results.folder import RunFolder, read_plan_table
from daypart.engine.results.parts import (
    MISSING_STATUS,
    ResultIndex,
    index_results,
    list_tables,
    table_path,
)
from daypart.storage.files import make_folder
from daypart.storage.location import PathLike, file_name_of

GOOD = ("ok", "skipped")
"""Statuses that are taken over; a failure may have had its cause outside the partition."""


HashRows = Callable[[str, Sequence[int]], Iterable[tuple[str, str]]]
"""Takes a region and the places of rows in it; returns each row's `unique_id` and content hash."""


def take_over_rows(
    folder: RunFolder, plan: pa.Table, earlier: PathLike, hash_rows: HashRows
) -> int:
    """Copy the good rows of an earlier run that answer to partitions still missing here.

    Rows of one content hash have one result, so these rows are what the tasks would make. They
    are written as tables of regions, before anything is planned on them; a crash
    leaves some of them, and the same call takes the rest.

    Parameters
    ----------
    folder : RunFolder
        Locked by the caller.
    plan : pyarrow.Table
        Of this run.
    earlier : path
        Another run.
    hash_rows : callable
        Computes the content hashes of rows of this run.

    Returns
    -------
    int
        Rows taken.

    Raises
    ------
    DaypartError
        Where there is no earlier run.
    """
    other = RunFolder.open(earlier)
    theirs = index_results(other, read_plan_table(other))
    places = _good_rows(theirs)
    own = index_results(folder, plan)
    missing = own.statuses() == MISSING_STATUS
    regions = own.rows.column("region").to_numpy(zero_copy_only=False)
    rows = own.rows.column("row").to_numpy()
    generations = {name: generation for name, generation, _ in list_tables(folder)}
    make_folder(folder.results)
    taken = 0
    for region in np.unique(regions[missing].astype(str)).tolist():
        wanted = np.sort(rows[missing & (regions == region)]).tolist()
        keys = hash_rows(region, wanted)
        found = [place for key in keys if (place := places.get(key)) is not None]
        if found:
            generation = generations.get(file_name_of(region), 0) + 1
            target = table_path(folder, region, generation)
            taken += write_rows_of(theirs, np.array(found, np.int64), target)
    return taken


def _good_rows(results: ResultIndex) -> dict[tuple[str, str], int]:
    """Return where the good rows of a run are, by partition and hash."""
    good: Any = np.flatnonzero(np.isin(results.statuses().astype(str), GOOD))
    chosen = results.rows.select(["unique_id", "content_hash"]).take(good)
    names, hashes = (chosen.column(i).to_pylist() for i in (0, 1))
    return dict(zip(zip(names, hashes, strict=True), good.tolist(), strict=True))
