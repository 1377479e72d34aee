"""The plan of a simulation: its arguments, checked, and its markets and networks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from daypart.errors import DaypartError
from daypart.synthetic.households import SEGMENTS, split_over_markets
from daypart.synthetic.reference import (
    MARKETS,
    NETWORKS,
    Network,
    TvMarket,
    read_markets,
    read_networks,
)

DEFAULT_START = date(2025, 1, 13)
"""A Monday; thirteen weeks from it hold the change to daylight saving time of 9 March 2025."""


MOST_WEEKS = 104
LARGEST_SEED = 2**63 - 1
_MOST_HOUSEHOLDS = 10_000_000
_MOST_DIRTY_SHARE = 0.2


@dataclass(frozen=True)
class SimulationPlan:
    """The checked arguments of `simulate`.

    Parameters
    ----------
    markets : tuple of TvMarket
    samples : tuple of int
        Households of each market.
    networks : tuple of Network
    start : datetime.date
        First local day.
    weeks, seed, segments : int
    dirty_share : float
    """

    markets: tuple[TvMarket, ...]
    samples: tuple[int, ...]
    networks: tuple[Network, ...]
    start: date
    weeks: int
    seed: int
    segments: int
    dirty_share: float


def simulation_plan(
    *,
    markets: int,
    networks: int,
    households: int,
    weeks: int,
    seed: int,
    start: date | str | None,
    segments: int,
    dirty_share: float,
) -> SimulationPlan:
    """Check the arguments of `simulate`.

    Parameters
    ----------
    markets, networks, households, weeks, seed, start, segments, dirty_share
        As `simulate` takes them.

    Raises
    ------
    DaypartError
        With the name of the argument that is out of its range.

    Examples
    --------
    >>> plan = simulation_plan(
    ...     markets=2, networks=3, households=10, weeks=1, seed=7, start="2025-03-03",
    ...     segments=1, dirty_share=0.0
    ... )
    >>> plan.samples, plan.start.isoweekday()
    ((5, 5), 1)
    """
    check_range("markets", markets, 1, MARKETS)
    check_range("networks", networks, 1, NETWORKS)
    check_range("households", households, 2 * markets, _MOST_HOUSEHOLDS)
    check_range("weeks", weeks, 1, MOST_WEEKS)
    check_range("seed", seed, 0, LARGEST_SEED)
    check_range("segments", segments, 1, len(SEGMENTS))
    check_range("dirty_share", dirty_share, 0, _MOST_DIRTY_SHARE)
    chosen = read_markets()[:markets]
    samples = split_over_markets(households, [market.tv_homes for market in chosen])
    return SimulationPlan(
        chosen,
        tuple(samples),
        read_networks()[:networks],
        _day(start),
        weeks,
        seed,
        segments,
        dirty_share,
    )


def _day(start: date | str | None) -> date:
    if start is None:
        return DEFAULT_START
    if isinstance(start, date):
        return start
    try:
        return date.fromisoformat(start)
    except ValueError:
        raise DaypartError(f"start is {start!r}", hint="give a day as YYYY-MM-DD") from None


def check_range(name: str, value: float, lowest: float, highest: float) -> None:
    """Check that an argument is in its range.

    Parameters
    ----------
    name : str
        For the message.
    value, lowest, highest : float

    Raises
    ------
    DaypartError
        With the argument and its range.

    Examples
    --------
    >>> check_range("weeks", 13, 1, 104)
    """
    if not lowest <= value <= highest:
        raise DaypartError(
            f"{name} is {value}", hint=f"give a number from {lowest:,} to {highest:,}"
        )
