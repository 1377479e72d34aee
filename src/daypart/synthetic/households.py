"""Simulated households: demographics, weights, tastes and segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.synthetic.reference import (
    AGE_GROUPS,
    DEMOGRAPHICS,
    SEXES,
    Network,
    TvMarket,
    genre_tastes,
)

INCOMES = ("low", "middle", "high")
CHRONOTYPE_SHIFTS = (-1, 0, 1)
"""Hours by which early birds, the middle and night owls are earlier or later."""
GROUPS = len(DEMOGRAPHICS) * len(CHRONOTYPE_SHIFTS)
"""Availability groups: demographic x chronotype."""

SEGMENTS: Mapping[str, Mapping[str, Any]] = {
    "all": {},
    "men_15_34": {"sex": "male", "age_group": "15-34"},
    "women_35_54": {"sex": "female", "age_group": "35-54"},
    "adults_55_plus": {"age_group": "55+"},
    "high_income": {"income": "high"},
    "large_households": {"size": {"min": 4}},
}
"""Segments that a simulated market defines: name to predicate, as in `segments.toml`."""

_SMALLEST_SAMPLE = 200
_UNIVERSE_SHARES = (0.13, 0.18, 0.17, 0.13, 0.19, 0.20)
"""Share of TV homes by demographic of the reference person."""
_SAMPLE_SHARES = (0.10, 0.18, 0.19, 0.11, 0.19, 0.23)
"""Share of the sample: the young are harder to recruit, and weigh more."""
_SIZE_SHARES = {
    "15-34": (0.24, 0.30, 0.20, 0.15, 0.08, 0.03),
    "35-54": (0.16, 0.22, 0.19, 0.24, 0.13, 0.06),
    "55+": (0.37, 0.46, 0.10, 0.04, 0.02, 0.01),
}
_INCOME_SHARES = {
    "15-34": (0.40, 0.42, 0.18),
    "35-54": (0.25, 0.42, 0.33),
    "55+": (0.38, 0.40, 0.22),
}
_CHRONOTYPE_SHARES = {
    "15-34": (0.15, 0.45, 0.40),
    "35-54": (0.30, 0.50, 0.20),
    "55+": (0.40, 0.45, 0.15),
}
_APPETITE_SIGMA = 0.55
_SIZE_ELASTICITY = 0.35
_MEAN_SIZE = 2.5
_INCOME_APPETITE = (1.15, 1.0, 0.85)
_GENRE_SIGMA = 0.55
_SPANISH_SIGMA = 1.8
_NETWORK_SIGMA = 1.15


@dataclass(frozen=True)
class Households:
    """Simulated households of one market, an array element each.

    Parameters
    ----------
    market : str
    ids : list of str
    weight : float64 array
        Households of the market that it represents.
    size, tv_sets : int64 arrays
    demographic, income : int64 arrays
        Positions in `DEMOGRAPHICS` and `INCOMES`.
    group : int64 array
        Availability group: demographic x chronotype.
    tastes : float64 array, shape (households, networks)
        Appetite times the network's share of it.
    """

    market: str
    ids: list[str]
    weight: NDArray[np.float64]
    size: NDArray[np.int64]
    tv_sets: NDArray[np.int64]
    demographic: NDArray[np.int64]
    income: NDArray[np.int64]
    group: NDArray[np.int64]
    tastes: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)

    def columns(self) -> dict[str, list[Any]]:
        """Return the public columns, as in `households.parquet`."""
        return {
            "household_id": self.ids,
            "market": [self.market] * len(self),
            "weight": self.weight.tolist(),
            "size": self.size.tolist(),
            "sex": [DEMOGRAPHICS[d][0] for d in self.demographic],
            "age_group": [DEMOGRAPHICS[d][1] for d in self.demographic],
            "income": [INCOMES[i] for i in self.income],
            "tv_sets": self.tv_sets.tolist(),
        }


def split_over_markets(households: int, tv_homes: list[int]) -> list[int]:
    """Split the sample over markets: a minimum each, the rest by the root of their TV homes.

    Parameters
    ----------
    households : int
    tv_homes : list of int
        Of each market.

    Examples
    --------
    >>> split_over_markets(1000, [4000000, 1000000])
    [600, 400]
    """
    floor = min(_SMALLEST_SAMPLE, households // len(tv_homes))
    rest = households - floor * len(tv_homes)
    exact = np.sqrt(tv_homes) / np.sqrt(tv_homes).sum() * rest
    sizes = floor + np.floor(exact).astype(np.int64)
    missing = households - int(sizes.sum())
    sizes[np.argsort(-(exact % 1), kind="stable")[:missing]] += 1
    return [int(size) for size in sizes]


def sample_households(
    market: TvMarket,
    networks: tuple[Network, ...],
    households: int,
    rng: np.random.Generator,
) -> Households:
    """Draw the households of a market.

    Parameters
    ----------
    market : TvMarket
    networks : tuple of Network
    households : int
    rng : numpy.random.Generator

    Returns
    -------
    Households
        Their weights sum to the market's TV homes.
    """
    demographic = rng.choice(len(DEMOGRAPHICS), households, p=_SAMPLE_SHARES)
    age = demographic % len(AGE_GROUPS)
    size = _draw_by_age(age, _SIZE_SHARES, rng) + 1
    income = _draw_by_age(age, _INCOME_SHARES, rng)
    chronotype = _draw_by_age(age, _CHRONOTYPE_SHARES, rng)
    weight = np.divide(_UNIVERSE_SHARES, _SAMPLE_SHARES)[demographic]
    weight *= np.exp(0.1 * rng.standard_normal(households))
    appetite = np.exp(_APPETITE_SIGMA * rng.standard_normal(households) - _APPETITE_SIGMA**2 / 2)
    appetite *= (size / _MEAN_SIZE) ** _SIZE_ELASTICITY * np.take(_INCOME_APPETITE, income)
    tv_sets = np.minimum(1 + rng.poisson((0.6 + 0.4 * size) * np.sqrt(appetite)), 8)
    shares = _network_shares(networks, demographic, rng)
    return Households(
        market.code,
        [f"H{int(market.code):04d}-{number:06d}" for number in range(1, households + 1)],
        weight * (market.tv_homes / weight.sum()),
        size,
        tv_sets,
        demographic,
        income,
        demographic * len(CHRONOTYPE_SHIFTS) + chronotype,
        appetite[:, None] * shares,
    )


def _draw_by_age(
    age: NDArray[np.int64], shares: Mapping[str, tuple[float, ...]], rng: np.random.Generator
) -> NDArray[np.int64]:
    edges = np.array([np.cumsum(shares[name]) for name in AGE_GROUPS])[age]
    above = rng.random(len(age))[:, None] > edges[:, :-1]
    return np.asarray(above.sum(axis=1), dtype=np.int64)


def _network_shares(
    networks: tuple[Network, ...], demographic: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return each household's share of viewing by network (rows sum to 1)."""
    genres = sorted({network.genre for network in networks})
    genre_of = np.array([genres.index(network.genre) for network in networks])
    popularity = np.array([network.popularity for network in networks])
    appeal = np.array([genre_tastes(genre) for genre in genres])
    sigma = np.array([_SPANISH_SIGMA if genre == "spanish" else _GENRE_SIGMA for genre in genres])
    by_market = 0.2 * rng.standard_normal(len(genres))[genre_of]
    by_market += 0.2 * rng.standard_normal(len(networks))
    own_genre = sigma * rng.standard_normal((len(demographic), len(genres))) - sigma**2 / 2
    own_network = rng.standard_normal((len(demographic), len(networks))) * _NETWORK_SIGMA
    liking = np.log(popularity * appeal[genre_of][:, demographic].T)
    shares = np.exp(liking + by_market + own_genre[:, genre_of] + own_network)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float64)


def in_segments(households: Households) -> NDArray[np.bool_]:
    """Return which households belong to which of `SEGMENTS`.

    Returns
    -------
    bool array, shape (6 segments, households)
    """
    sex = np.array(SEXES)[households.demographic // len(AGE_GROUPS)]
    age_group = np.array(AGE_GROUPS)[households.demographic % len(AGE_GROUPS)]
    columns: dict[str, NDArray[Any]] = {
        "sex": sex,
        "age_group": age_group,
        "income": np.array(INCOMES)[households.income],
        "size": households.size,
    }
    members = np.ones((len(SEGMENTS), len(households)), dtype=np.bool_)
    for s, predicate in enumerate(SEGMENTS.values()):
        for column, condition in predicate.items():
            if isinstance(condition, Mapping):
                members[s] &= columns[column] >= condition["min"]
            else:
                members[s] &= columns[column] == condition
    return members
