"""Exposures that happened: which households of a target watched at the instant of each airing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from daypart.errors import DaypartError, did_you_mean
from daypart.planning.arrays import Bools, Floats, Ints
from daypart.planning.delivery.asrun import Airing
from daypart.planning.panel.panel import ALL
from daypart.planning.reach.frequency import TOP
from daypart.series.store_document import read_viewing
from daypart.series.store_tables import HOUSEHOLD_COLUMNS, UNIVERSE_COLUMNS
from daypart.storage.location import PathLike, local_path
from daypart.storage.tables import read_table
from daypart.viewing.market.viewers import viewers_at


@dataclass(frozen=True)
class Exposures:
    """Who saw which airing, over all in-tab households of a target.

    Parameters
    ----------
    codes : tuple of str
        Of the markets.
    household_id : int array [households]
        Hashed ids.
    market : int array [households]
        Index into `codes`; never falls.
    weight : float array [households]
        Scaled so that each market sums to its universe estimate.
    universe_estimate : float array [markets]
    airing, household : int array [exposures]
        Each pair once.
    impressions : float array [airings]
        Projected households that watched.
    """

    codes: tuple[str, ...]
    household_id: Ints
    market: Ints
    weight: Floats
    universe_estimate: Floats
    airing: Ints
    household: Ints
    impressions: Floats

    @property
    def households(self) -> int:
        """Raw households."""
        return len(self.market)

    def households_of_markets(self) -> list[slice]:
        """Return where the households of each market are."""
        ends = np.searchsorted(self.market, np.arange(len(self.codes) + 1)).tolist()
        return [slice(start, end) for start, end in pairwise(ends)]

    def counts(self, chosen: Bools) -> Ints:
        """Return each household's exposures to some of the airings [households]."""
        kept = self.household[chosen[self.airing]]
        return np.bincount(kept, minlength=self.households)

    def chances(self, chosen: Bools) -> Floats:
        """Return 1 at each household's number of exposures, up to 10 [households, 11]."""
        number = np.minimum(self.counts(chosen), TOP)
        return np.asarray(number[:, None] == np.arange(TOP + 1), dtype=np.float64)


def count_exposures(
    store: PathLike, airings: Sequence[Airing], codes: Sequence[str], segment: str
) -> Exposures:
    """Join airings to the viewing of a store, market by market.

    Parameters
    ----------
    store : path-like
    airings : sequence of Airing
    codes : sequence of str
        Markets that the figures refer to.
    segment : str

    Raises
    ------
    DaypartError
        For a segment that the store doesn't have, or without a household in a market.
    """
    folder = local_path(store)
    files = read_viewing(folder)["files"]
    households = read_table(folder / files["households"], HOUSEHOLD_COLUMNS)
    homes = households.drop_columns("in_panel").to_pydict()
    universe = read_table(folder / files["universe"], UNIVERSE_COLUMNS).to_pydict()
    estimates = {
        (market, name): float(estimate)
        for market, name, estimate in zip(
            universe["market"], universe["segment"], universe["universe_estimate"], strict=True
        )
    }
    known = {name for _, name in estimates}
    if segment not in known:
        raise DaypartError(f"unknown segment {segment!r}", hint=did_you_mean(segment, known))
    of_market: dict[str, list[tuple[int, float]]] = {code: [] for code in codes}
    for household, code, weight, segments in zip(*homes.values(), strict=True):
        if code in of_market and (segment == ALL or segment in (segments or ())):
            of_market[code].append((int(household), float(weight)))
    parts: list[tuple[Ints, Floats]] = []
    pairs: list[tuple[Ints, Ints]] = []
    offset = 0
    for code in codes:
        if not of_market[code]:
            raise DaypartError(f"segment {segment} has no households in market {code}")
        rows = sorted(of_market[code])
        ids = np.array([row[0] for row in rows], dtype=np.int64)
        weight = np.array([row[1] for row in rows])
        parts.append((ids, weight * (estimates[code, segment] / weight.sum())))
        here = np.array([i for i, a in enumerate(airings) if a.market == code], dtype=np.int64)
        found = viewers_at(
            store,
            code,
            [airings[i].network for i in here],
            np.array([airings[i].instant for i in here], dtype=np.int64),
            segment=segment,
        )
        viewer = found["household"].to_numpy()
        row = np.minimum(np.searchsorted(ids, viewer), len(ids) - 1)
        inside = ids[row] == viewer
        pairs.append((here[found["airing"].to_numpy()[inside]], row[inside] + offset))
        offset += len(ids)
    weight = np.concatenate([part[1] for part in parts])
    airing = np.concatenate([pair[0] for pair in pairs])
    household = np.concatenate([pair[1] for pair in pairs])
    return Exposures(
        codes=tuple(codes),
        household_id=np.concatenate([part[0] for part in parts]),
        market=np.repeat(np.arange(len(codes)), [len(part[0]) for part in parts]),
        weight=weight,
        universe_estimate=np.array([estimates[code, segment] for code in codes]),
        airing=airing,
        household=household,
        impressions=np.bincount(airing, weights=weight[household], minlength=len(airings)).astype(
            np.float64
        ),
    )
