"""`inspect`: the profile of a store, with no figure of fewer households than may be published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from daypart.disclosure.partitions import release_partitions
from daypart.disclosure.rules import DisclosureRules
from daypart.series.block import MISSING, SeriesBlock
from daypart.series.coverage import Coverage, OddSeries, coverage_of, find_silent_run
from daypart.series.local_time import local_hours
from daypart.series.store import SeriesStore
from daypart.storage.location import PathLike
from daypart.storage.tables import read_table
from daypart.viewing.clock import day_of_number
from daypart.viewing.reading.segments import ALL_HOUSEHOLDS

_LEAST_SURPRISE = 7.0
"""Of an odd series: a run of days less likely than 1 in 1,000."""


@dataclass(frozen=True)
class Profile:
    """What a store contains.

    Parameters
    ----------
    store, grain : str
    partitions : int
    timezones : tuple of str
    first_day, last_day : str
        Local days, `YYYY-MM-DD`.
    rows : int or None
        Rows read from tables, where the store records them.
    set_aside : mapping of str to float
        Percent of the rows by reason, `duplicate` among them.
    coverage : tuple of Coverage
        Hours with data by region and day. In a viewing store, hours in which as many households
        viewed as a published figure needs.
    least_households : int or None
        That number; None in a store without households.
    regions_withheld : int
        Markets with too few households for a coverage.
    households, households_without_events : int or None
        None without households, not requested, or between 1 and the least number to publish.
    odd_series : tuple of OddSeries
        The oddest first; in a viewing store only of partitions that may be published.
    simulated : bool
        Whether the events come from the simulator.
    """

    store: str
    grain: str
    partitions: int
    timezones: tuple[str, ...]
    first_day: str
    last_day: str
    rows: int | None
    set_aside: dict[str, float]
    coverage: tuple[Coverage, ...]
    least_households: int | None
    regions_withheld: int
    households: int | None
    households_without_events: int | None
    odd_series: tuple[OddSeries, ...]
    simulated: bool


def inspect(store: PathLike, *, odd: int = 10) -> Profile:
    """Return the profile of a store.

    Parameters
    ----------
    store : path
    odd : int
        The largest number of odd series to name; 0 leaves out what every series must be read for,
        and the households without events.

    Returns
    -------
    Profile

    Raises
    ------
    DaypartError
        For a folder without a store.

    Examples
    --------
    >>> inspect("/nowhere")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: /nowhere: no store here; create one with daypart ingest or ...
    """
    opened = SeriesStore.open(store)
    viewing = opened.extra.get("viewing") or {}
    is_viewing = "files" in viewing
    rules = DisclosureRules.of_store(viewing["crediting"]) if is_viewing else None
    found = _market_coverage(opened, rules) if rules else _region_coverage(opened)
    rows = viewing.get("rows") or {}
    read = rows.get("read")
    days = sorted(day for each in found for day in (each.first_day, each.last_day))
    window = viewing.get("window") or {}
    return Profile(
        store=str(opened.folder),
        grain="hour",
        partitions=opened.partitions,
        timezones=tuple(sorted({str(each["timezone"]) for each in opened.regions.values()})),
        first_day=window.get("first_day") or days[0],
        last_day=window.get("last_day") or days[-1],
        rows=read,
        set_aside={
            reason: 100.0 * count / read for reason, count in rows.get("set_aside", {}).items()
        },
        coverage=tuple(found),
        least_households=rules.contributors if rules else None,
        regions_withheld=len(opened.regions) - len(found),
        households=viewing.get("households") if is_viewing else None,
        households_without_events=_without_events(opened, rules) if rules and odd else None,
        odd_series=_odd_series(opened, rules, odd) if odd else (),
        simulated=bool(viewing.get("simulated")),
    )


def _market_coverage(store: SeriesStore, rules: DisclosureRules) -> list[Coverage]:
    """Return the coverage of markets with enough households, from their files of any network."""
    files = store.extra["viewing"]["files"]
    universe = read_table(store.folder / files["universe"]).to_pylist()
    in_tab = {
        row["market"]: row["in_tab_households"]
        for row in universe
        if row["segment"] == ALL_HOUSEHOLDS
    }
    found = []
    for market, file in sorted(files["hut"].items()):
        if in_tab.get(market, 0) < rules.households:
            continue
        table = read_table(store.folder / file, ["segment", "first_hour", "counts"])
        row = table.filter(pc.equal(table.column("segment"), ALL_HOUSEHOLDS)).to_pylist()[0]
        viewed = np.array(row["counts"]) >= rules.contributors
        first_hour = int(row["first_hour"].timestamp()) // 3600
        zone = str(store.regions[market]["timezone"])
        found.append(coverage_of(market, zone, first_hour, viewed))
    return found


def _region_coverage(store: SeriesStore) -> list[Coverage]:
    found = []
    for region in store.regions:
        block = store.read_region(region)
        first = int(block.first_hours.min())
        has_data = np.zeros(int((block.first_hours + np.diff(block.offsets)).max()) - first, bool)
        for i in range(len(block)):
            start = int(block.first_hours[i]) - first
            has_data[start : start + block.hours_of(i)] |= block.counts_of(i) != MISSING
        found.append(coverage_of(region, block.timezones[0], first, has_data))
    return found


def _without_events(store: SeriesStore, rules: DisclosureRules) -> int | None:
    """Return the number of households without a row of events; None where it is too small."""
    viewing = store.extra["viewing"]
    seen = 0
    for files in viewing["files"]["events"].values():
        tables = [read_table(store.folder / file, ["household"]) for file in files]
        seen += len(pc.unique(pa.concat_tables(tables).column("household"))) if tables else 0
    without = int(viewing["households"]) - seen
    return without if without == 0 or min(without, seen) >= rules.contributors else None


def _odd_series(
    store: SeriesStore, rules: DisclosureRules | None, number: int
) -> tuple[OddSeries, ...]:
    """Return the oddest series; a count of fewer households than publishable is as none."""
    least = rules.contributors if rules else 1
    silence = f"under {least} households in every hour" if rules else "no count"
    found = [
        each
        for block, published in _blocks(store)
        for each in _odd_of_block(block, published, least, silence)
        if each.surprise >= _LEAST_SURPRISE
    ]
    found.sort(key=lambda each: (-each.surprise, each.unique_id))
    return tuple(found[:number])


def _blocks(store: SeriesStore) -> Iterator[tuple[SeriesBlock, NDArray[np.bool_]]]:
    """Yield every region, and which of its partitions may be named."""
    keys = [store.read_keys(region) for region in store.regions]
    published = release_partitions(store, pa.concat_tables(keys)).published
    start = 0
    for region, own in zip(store.regions, keys, strict=True):
        yield store.read_region(region), published[start : start + len(own)]
        start += len(own)


def _odd_of_block(
    block: SeriesBlock, published: NDArray[np.bool_], least: int, silence: str
) -> Iterator[OddSeries]:
    """Yield the least likely silence of each series, on days on which any series counts."""
    first = int(block.first_hours.min())
    hours = int((block.first_hours + np.diff(block.offsets)).max()) - first
    day = local_hours(first, hours, block.timezones[0]).day
    place = day - day[0]
    active = np.zeros((len(block), int(place[-1]) + 1), bool)
    for i in range(len(block)):
        start = int(block.first_hours[i]) - first
        counted = block.counts_of(i) >= least
        active[i, place[start : start + block.hours_of(i)][counted]] = True
    shared = np.flatnonzero(active.any(axis=0))
    days = [day_of_number(int(day[0]) + int(number)) for number in shared]
    ids = block.unique_ids
    for row in np.flatnonzero(published):
        if (odd := find_silent_run(ids[row], days, active[row, shared], silence)) is not None:
            yield odd
