"""The household panel of a viewing store: who watched how many minutes of which cell.

A cell is market x network x daypart, numbered `(market * networks + network) * dayparts + daypart`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from daypart.errors import DaypartError, did_you_mean
from daypart.planning.arrays import Bools, Floats, Ints
from daypart.planning.brief.flight import DaypartClock

ALL = "all"
AXES = ("market", "network", "daypart")
"""The dimensions of a cell, in the order of their numbers."""


@dataclass(frozen=True)
class PanelMarket:
    """A market of a viewing store's household panel.

    Parameters
    ----------
    code, name, timezone : str
    window : tuple of int
        First UTC hour of its history, and how many hours it has.
    """

    code: str
    name: str
    timezone: str
    window: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Panel:
    """Panel households of one segment with their minutes by cell, as a sparse matrix by rows.

    Parameters
    ----------
    segment : str
    markets : tuple of PanelMarket
    networks, dayparts : tuple of str
    clock : DaypartClock
        When the dayparts are.
    household : int array [households]
        Hashed ids.
    market : int array [households]
        Index into `markets`; never falls from one household to the next.
    weight : float array [households]
        Projection weights, scaled so that each market sums to its universe estimate.
    universe_estimate : float array [markets]
        Households of the segment.
    row_start : int array [households + 1], cell : int array [entries]
        Where each household's entries begin, and their cells, rising within a household.
    minutes : float array [entries]
        Minutes watched in the history.
    odd_minutes : float array [entries]
        Those watched in every second week of it (for checks of one half against the other).
    weekly_minutes : float array [households, weeks]
        All minutes of the household in each week of the history.
    history_minutes : int array [markets, dayparts]
        Minutes of the daypart in the history: what `minutes` can't exceed.
    members : mapping of str to bool array [households]
        Which households are in which segment.
    universe : mapping of (market code, segment) to float
    simulated : bool
        Whether the events of the store were simulated.
    history : float array [cells], optional
        Minutes of history that `minutes` are relative to after calibration to a forecast (see
        `calibrated`); `history_minutes` without it.
    crediting : mapping
        The store's crediting rules.
    """

    segment: str
    markets: tuple[PanelMarket, ...]
    networks: tuple[str, ...]
    dayparts: tuple[str, ...]
    clock: DaypartClock
    household: Ints
    market: Ints
    weight: Floats
    universe_estimate: Floats
    row_start: Ints
    cell: Ints
    minutes: Floats
    odd_minutes: Floats
    weekly_minutes: Floats
    history_minutes: Ints
    members: Mapping[str, Bools]
    universe: Mapping[tuple[str, str], float]
    simulated: bool = False
    history: Floats | None = None
    crediting: Mapping[str, Any] = field(default_factory=dict)

    @property
    def households(self) -> int:
        """Raw panel households."""
        return len(self.market)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Markets, networks, dayparts."""
        return len(self.markets), len(self.networks), len(self.dayparts)

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return len(self.markets) * len(self.networks) * len(self.dayparts)

    @property
    def weeks(self) -> int:
        """Weeks of history."""
        return int(self.weekly_minutes.shape[1])

    def numbers(self) -> dict[str, dict[str, int]]:
        """Return the numbers of names by dimension; a market goes by its name and its code."""
        markets = {place.name: m for m, place in enumerate(self.markets)}
        return {
            "network": {name: n for n, name in enumerate(self.networks)},
            "daypart": {name: d for d, name in enumerate(self.dayparts)},
            "market": markets | {place.code: m for m, place in enumerate(self.markets)},
        }

    def catalogue(self) -> dict[str, dict[str, str]]:
        """Return by dimension what a name may be written as; a market has its name and code."""
        markets = {place.name: place.code for place in self.markets}
        return {
            "market": markets | {place.code: place.code for place in self.markets},
            "network": {name: name for name in self.networks},
            "daypart": {name: name for name in self.dayparts},
        }

    def cell_names(self, cell: int | np.integer) -> tuple[str, str, str]:
        """Return the code of a cell's market, its network and its daypart."""
        m, n, d = (int(i) for i in np.unravel_index(cell, self.shape))
        return self.markets[m].code, self.networks[n], self.dayparts[d]

    def cell_label(self, cell: int | np.integer) -> str:
        """Return the names of a cell for messages, such as `501, CNN, Prime`."""
        return ", ".join(self.cell_names(cell))

    def minutes_of_cell(self) -> Floats:
        """Return T, the minutes of history that each cell's `minutes` are relative to [cells]."""
        if self.history is not None:
            return self.history
        each = np.repeat(self.history_minutes[:, None, :], len(self.networks), axis=1)
        return each.ravel().astype(np.float64)

    def chance_of_entry(self) -> Floats:
        """Return the chance that an entry's household sees a spot in its cell [entries]."""
        history = np.maximum(self.minutes_of_cell(), 1e-9)
        return np.asarray(np.minimum(self.minutes / history[self.cell], 1.0))

    def household_of_entry(self) -> Ints:
        """Return the household of each entry [entries]."""
        return np.repeat(np.arange(self.households), np.diff(self.row_start))

    def impressions_per_spot(self) -> Floats:
        """Return the expected impressions of one spot in each cell [cells], in households."""
        weighted = self.weight[self.household_of_entry()] * self.chance_of_entry()
        totals = np.bincount(self.cell, weights=weighted, minlength=self.cells)
        return totals.astype(np.float64)

    def households_of_markets(self) -> list[slice]:
        """Return where the households of each market are."""
        ends = np.searchsorted(self.market, np.arange(len(self.markets) + 1)).tolist()
        return [slice(start, end) for start, end in pairwise(ends)]

    def select(self, chosen: Bools, segment: str | None = None) -> Panel:
        """Keep some households, with their weights scaled to the segment's universe estimates.

        Parameters
        ----------
        chosen : bool array [households]
        segment : str, optional
            The segment that they represent; the present one without it.

        Raises
        ------
        DaypartError
            Where a market is left without a household, or has no universe estimate.
        """
        name = self.segment if segment is None else segment
        counts = np.bincount(self.market[chosen], minlength=len(self.markets))
        if (counts == 0).any():
            place = self.markets[int(np.argmin(counts))]
            raise DaypartError(
                f"segment {name} has no panel households in {place.name} ({place.code})",
                hint="leave that market out of the brief or take a wider segment",
            )
        estimates = np.array([self._estimate(place.code, name) for place in self.markets])
        sums = np.bincount(
            self.market[chosen], weights=self.weight[chosen], minlength=len(self.markets)
        )
        lengths = np.diff(self.row_start)[chosen]
        keep = chosen[self.household_of_entry()]
        kept_market = self.market[chosen]
        return Panel(
            segment=name,
            markets=self.markets,
            networks=self.networks,
            dayparts=self.dayparts,
            clock=self.clock,
            household=self.household[chosen],
            market=kept_market,
            weight=self.weight[chosen] * (estimates / sums)[kept_market],
            universe_estimate=estimates,
            row_start=np.concatenate([[0], np.cumsum(lengths)]),
            cell=self.cell[keep],
            minutes=self.minutes[keep],
            odd_minutes=self.odd_minutes[keep],
            weekly_minutes=self.weekly_minutes[chosen],
            history_minutes=self.history_minutes,
            members={key: member[chosen] for key, member in self.members.items()},
            universe=self.universe,
            simulated=self.simulated,
            history=self.history,
            crediting=self.crediting,
        )

    def calibrated(self, factor: Floats) -> Panel:
        """Relate the minutes to another history, so that impressions are `factor` times these.

        The minutes stay whole counts of what was watched, which the unbiased count of reach needs;
        a cell in which more is forecast has a shorter history instead. Nobody watches more than
        all of it, so where a household's chance would exceed 1 the others make up for it.

        Parameters
        ----------
        factor : float array [cells]
            Above 0. A cell in which all who ever watched always do can't have more impressions.

        Returns
        -------
        Panel
        """
        history = np.maximum(self.minutes_of_cell(), 1.0)
        weighted = self.weight[self.household_of_entry()]
        wanted = self.impressions_per_spot() * factor
        shorter = history / factor
        while True:
            always = self.minutes >= shorter[self.cell]
            certain, others = (
                np.bincount(self.cell[rows], weights=values[rows], minlength=self.cells)
                for rows, values in ((always, weighted), (~always, weighted * self.minutes))
            )
            left = wanted - certain
            new = np.where((left > 0) & (others > 0), others / np.where(left > 0, left, 1), shorter)
            if not always.any() or (new >= shorter * (1 - 1e-12)).all():
                return replace(self, history=shorter)
            shorter = np.minimum(new, shorter)

    def of_segment(self, segment: str) -> Panel:
        """Return the households of a segment (`all` is everyone).

        Raises
        ------
        DaypartError
            For an unknown segment, or one without a household in a market.
        """
        if segment not in self.members:
            raise DaypartError(
                f"unknown segment {segment!r}", hint=did_you_mean(segment, self.members)
            )
        return self.select(self.members[segment], segment)

    def _estimate(self, market: str, segment: str) -> float:
        estimate = self.universe.get((market, segment), 0.0)
        if not estimate > 0:
            raise DaypartError(f"no universe estimate for segment {segment} in market {market}")
        return estimate
