"""Counts of a store's partitions in total, by hour or by day, as far as they may be published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from daypart.disclosure.partitions import release_partitions
from daypart.series.block import MISSING, SeriesBlock
from daypart.series.local_time import local_hours
from daypart.series.store import SeriesStore

_EPOCH = date(1970, 1, 1)


def counted_hours(
    folder: Path, where: Mapping[str, str], first_hour: int, last_hour: int
) -> dict[int, int]:
    """Add up the counts of some partitions, hour by hour (UTC hours since 1970).

    Parameters
    ----------
    folder : Path
        Of a store.
    where : mapping of str to str
        Values of key columns; an overlapping key column (segment) that is not named has its value
        for all.
    first_hour, last_hour : int
        Hours since 1970, UTC; the last one is not included.

    Returns
    -------
    dict of int to int
        Total count by hour, without hours of too few households for the store's disclosure rules.
    """
    totals: dict[int, int] = {}
    blocks, least = _blocks(folder, where)
    for block in blocks:
        for place in range(len(block)):
            start = int(block.first_hours[place])
            counts = block.counts_of(place)
            begin, end = max(first_hour, start), min(last_hour, start + len(counts))
            for hour, count in zip(
                range(begin, end), counts[begin - start : end - start].tolist(), strict=False
            ):
                if count != MISSING:
                    totals[hour] = totals.get(hour, 0) + count
    return {hour: count for hour, count in sorted(totals.items()) if count >= least}


def counted_days(
    folder: Path, where: Mapping[str, str], first_day: date, last_day: date
) -> dict[date, int]:
    """Add up the counts of some partitions over whole local days.

    Parameters
    ----------
    folder, where
        As in `counted_hours`.
    first_day, last_day : date
        Local days; the last one is not included.

    Returns
    -------
    dict of date to int
        Total count by day, without days of too few households for the store's disclosure rules.
    """
    first, last = (first_day - _EPOCH).days, (last_day - _EPOCH).days
    totals = np.zeros(max(0, last - first), np.int64)
    hours = np.zeros(len(totals), np.int64)
    series = 0
    blocks, least = _blocks(folder, where)
    for block in blocks:
        for place in range(len(block)):
            counts = block.counts_of(place)
            zone = block.timezones[place]
            day = local_hours(int(block.first_hours[place]), len(counts), zone).day - first
            inside = (day >= 0) & (day < len(totals)) & (counts != MISSING)
            np.add.at(totals, day[inside], counts[inside])
            np.add.at(hours, day[inside], 1)
            series += 1
    whole = (hours >= 23 * max(series, 1)) & (totals >= least)
    return {first_day + timedelta(days=int(d)): int(totals[d]) for d in np.flatnonzero(whole)}


def wall_clock(when: datetime, zone: ZoneInfo) -> str:
    """Return an instant as ISO text of a local clock, for the time axis of a chart.

    Parameters
    ----------
    when : datetime
        With a zone.
    zone : ZoneInfo
        Of the clock.
    """
    return when.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")


def _blocks(folder: Path, where: Mapping[str, str]) -> tuple[list[SeriesBlock], int]:
    """Read the partitions, none where their sum may not be published, and the least count."""
    store = SeriesStore.open(folder)
    values = {**{k: v for k, v in store.overlapping.items() if k not in where}, **where}
    keys = [store.read_keys(region) for region in store.regions]
    columns = [zip(*(table.column(n).to_pylist() for n in values), strict=True) for table in keys]
    wanted = [[row == tuple(values.values()) for row in rows] for rows in columns]
    chosen = np.flatnonzero(np.concatenate([[], *wanted]))
    shown = release_partitions(store, pa.concat_tables(keys)) if len(chosen) else None
    if shown is None or not shown.may_publish_sum(chosen):
        return [], 0
    places = [np.flatnonzero(rows).tolist() for rows in wanted]
    blocks = [
        store.read_region(region, rows)
        for region, rows in zip(store.regions, places, strict=True)
        if rows
    ]
    return blocks, shown.contributors
