"""The small tables of real figures from which the market is simulated.

`data/SOURCES.md` names the source and licence of each.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

SEXES = ("male", "female")
AGE_GROUPS = ("15-34", "35-54", "55+")
DEMOGRAPHICS = tuple((sex, age_group) for sex in SEXES for age_group in AGE_GROUPS)
DAY_TYPES = ("weekday", "saturday", "sunday")
LEAGUES = ("nfl", "nba", "mlb", "nhl", "nascar", "cbb", "cfb")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MARKETS = 210
NETWORKS = 165

_SMALL_SAMPLE = 30.0
"""Weight of the nation-wide mean, in respondents, beside a state's own cell."""
_DAY_TYPE_NAMES = {"weekday": "weekday", "saturday": "sat", "sunday": "sun"}
_GENRE_HOUR_EDGES = (0, 6, 9, 12, 16, 18, 20, 23, 24)


@dataclass(frozen=True)
class TvMarket:
    """A television market: Nielsen code, name, main state, time zone and TV homes."""

    code: str
    name: str
    state: str
    timezone: str
    tv_homes: int


@dataclass(frozen=True)
class Network:
    """A network: its name, genre, popularity (relative viewing) and whether it sells spots."""

    name: str
    genre: str
    popularity: float
    sells_spots: bool


@dataclass(frozen=True)
class SportsSlot:
    """A weekly live broadcast of a league within its season (first and last as MM-DD)."""

    league: str
    first_day: str
    last_day: str
    weekday: int
    hour_new_york: int
    hours: int
    lift: float
    networks: tuple[str, ...]


def _rows(name: str) -> list[dict[str, str]]:
    text = (resources.files("daypart.synthetic") / "data" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@functools.cache
def read_markets() -> tuple[TvMarket, ...]:
    """Return the 210 US television markets, the largest first.

    Examples
    --------
    >>> markets = read_markets()
    >>> len(markets), markets[0].code, markets[0].name, markets[0].timezone
    (210, '501', 'New York', 'America/New_York')
    """
    markets = [
        TvMarket(row["market"], row["name"], row["state"], row["timezone"], int(row["tv_homes"]))
        for row in _rows("markets.csv")
    ]
    return tuple(sorted(markets, key=lambda market: (-market.tv_homes, market.code)))


@functools.cache
def read_networks() -> tuple[Network, ...]:
    """Return 165 US networks, the most popular first (popularity is an assumption).

    Examples
    --------
    >>> len(read_networks()), read_networks()[0].genre
    (165, 'broadcast')
    """
    return tuple(
        Network(row["network"], row["genre"], float(row["popularity"]), row["sells_spots"] == "yes")
        for row in _rows("networks.csv")
    )


@functools.cache
def read_sports_calendar() -> tuple[SportsSlot, ...]:
    """Return the weekly slots of live sports (an assumption modelled on the usual seasons)."""
    return tuple(
        SportsSlot(
            row["league"],
            row["first_day"],
            row["last_day"],
            WEEKDAYS.index(row["weekday"]),
            int(row["hour_new_york"]),
            int(row["hours"]),
            float(row["lift"]),
            tuple(row["networks"].split("|")),
        )
        for row in _rows("sports_calendar.csv")
    )


@functools.cache
def sports_interest(market: str) -> dict[str, float]:
    """Return a market's interest in each league; 1 is the mean of all markets.

    Examples
    --------
    >>> sports_interest("501")["nhl"] > sports_interest("698")["nhl"]  # New York, Montgomery
    True
    """
    table = {row["market"]: [float(row[league]) for league in LEAGUES] for row in _interest_rows()}
    mean = np.mean(list(table.values()), axis=0)
    relative = np.asarray(table[market]) / mean if market in table else np.ones(len(LEAGUES))
    return dict(zip(LEAGUES, relative.tolist(), strict=True))


@functools.cache
def _interest_rows() -> list[dict[str, str]]:
    return _rows("sports_interest.csv")


@functools.cache
def weekday_profile(region: str) -> NDArray[np.float64]:
    """Return the share of people watching in each hour of a weekday.

    The nation-wide profile by demographic is tilted by the region's own.

    Parameters
    ----------
    region : str
        `northeast`, `midwest`, `south` or `west`.

    Returns
    -------
    float64 array, shape (6 demographics, 24 hours)
    """
    table = {
        (row["sex"], row["age_group"], row["region"]): [
            float(row[f"h{hour:02d}"]) for hour in range(24)
        ]
        for row in _rows("viewing_by_hour.csv")
    }
    national = np.array(table["all", "all", "all"])
    tilt = np.array(table["all", "all", region]) / national
    by_demographic = np.array([table[sex, age_group, "all"] for sex, age_group in DEMOGRAPHICS])
    return np.asarray(by_demographic * tilt, dtype=np.float64)


@functools.cache
def viewing_minutes(state: str) -> tuple[str, NDArray[np.float64]]:
    """Return a state's region and its mean viewing minutes a day and person.

    Cells of few respondents are shrunk towards the nation's mean.

    Returns
    -------
    region : str
    minutes : float64 array, shape (6 demographics, 3 day types)
    """
    rows = _rows("viewing_minutes_by_state.csv")
    minutes = np.zeros((len(DEMOGRAPHICS), len(DAY_TYPES)))
    for d, demographic in enumerate(DEMOGRAPHICS):
        for t, day_type in enumerate(DAY_TYPES):
            cell = [
                (row["state"], float(row["respondents"]), float(row["minutes"]))
                for row in rows
                if (row["sex"], row["age_group"]) == demographic
                and row["day_type"] == _DAY_TYPE_NAMES[day_type]
            ]
            total = sum(n for _, n, _ in cell)
            national = sum(n * value for _, n, value in cell) / total
            n, own = next(((n, value) for name, n, value in cell if name == state), (0.0, 0.0))
            minutes[d, t] = (n * own + _SMALL_SAMPLE * national) / (n + _SMALL_SAMPLE)
    region = next(row["region"] for row in rows if row["state"] == state)
    return region, minutes


@functools.cache
def genre_hours(genre: str) -> NDArray[np.float64]:
    """Return a genre's appeal at each hour; 1 is neutral (an assumption).

    Returns
    -------
    float64 array, shape (3 day types, 24 hours)
    """
    widths = np.diff(_GENRE_HOUR_EDGES)
    hours = np.ones((len(DAY_TYPES), 24))
    for row in _rows("genre_hours.csv"):
        if row["genre"] == genre:
            values = [float(row[name]) for name in row if name.startswith("h")]
            hours[DAY_TYPES.index(row["day_type"])] = np.repeat(values, widths)
    return hours


@functools.cache
def genre_tastes(genre: str) -> NDArray[np.float64]:
    """Return a genre's appeal to the six demographics; 1 is neutral (an assumption).

    Returns
    -------
    float64 array, shape (6 demographics,)
    """
    row = next(row for row in _rows("genre_tastes.csv") if row["genre"] == genre)
    return np.array([float(value) for name, value in row.items() if name != "genre"])


@functools.cache
def spot_cpm() -> dict[tuple[str, str], float]:
    """Return dollars a thousand A25-54 impressions by (buy type, daypart), third quarter 2014.

    Examples
    --------
    >>> spot_cpm()["spot_dma_all", "Prime"]
    51.56
    """
    return {(row["buy_type"], row["daypart"]): float(row["cpm_usd"]) for row in _rows("cpm.csv")}
