"""The rate card of a simulated market: the cost of a thousand impressions."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from daypart.synthetic.demand import random_stream
from daypart.synthetic.reference import Network, TvMarket, spot_cpm

_LARGE_MARKETS = 10
_GENRE_CPM = {
    "broadcast": 1.25,
    "sports": 1.35,
    "news": 0.95,
    "kids": 0.85,
    "entertainment": 0.9,
    "lifestyle": 1.05,
    "factual": 0.9,
    "movies": 0.85,
    "music": 0.75,
    "spanish": 0.8,
    "religion": 0.5,
}
"""Price of a genre's impressions against the mean of all (an assumption)."""

_DAYPART_SOURCES = {
    "Early Morning": (("Early Morning", 1.0),),
    "Daytime": (("Early Morning", 0.8),),
    "Early Fringe": (("Early Morning", 0.5), ("Early News", 0.5)),
    "Prime Access": (("Early News", 0.6), ("Prime", 0.4)),
    "Prime": (("Prime", 1.0),),
    "Late Fringe": (("Late Night", 1.0),),
    "Overnight": (("Late Night", 0.35),),
    "Weekend Day": (("Early News", 0.9),),
}
"""Each daypart's CPM as a mix of the published ones; those without a figure are assumptions."""


def rate_card_rows(
    market: TvMarket,
    rank: int,
    networks: tuple[Network, ...],
    dayparts: tuple[str, ...],
    flight: tuple[date, date],
    seed: int,
) -> list[dict[str, Any]]:
    """Return a price for every daypart of the networks that sell spots.

    Parameters
    ----------
    market : TvMarket
    rank : int
        0 is the largest market; the first ten pay more in prime.
    networks : tuple of Network
    dayparts : tuple of str
    flight : tuple of datetime.date
        First and last day on which the prices hold.
    seed : int

    Returns
    -------
    list of dict
        Rows of `rate_card.parquet`; `cpm` in dollars a thousand household impressions.
    """
    by_network = random_stream(seed, "network cpm").standard_normal(165)
    rng = random_stream(seed, "market cpm", int(market.code))
    by_market = float(np.exp(0.1 * rng.standard_normal()))
    rows = []
    for n, network in enumerate(networks):
        noise = np.exp(0.05 * rng.standard_normal(len(dayparts)))
        if not network.sells_spots:
            continue
        of_network = by_market * _GENRE_CPM[network.genre] * float(np.exp(0.12 * by_network[n]))
        for daypart, factor in zip(dayparts, noise, strict=True):
            cpm = round(_daypart_cpm(daypart, rank) * of_network * float(factor), 2)
            rows.append(
                {
                    "market": market.code,
                    "network": network.name,
                    "daypart": daypart,
                    "cpm": cpm,
                    "first_day": flight[0],
                    "last_day": flight[1],
                }
            )
    return rows


def _daypart_cpm(daypart: str, rank: int) -> float:
    published = spot_cpm()
    sources = _DAYPART_SOURCES.get(daypart, (("Early News", 1.0),))

    def cpm(name: str) -> float:
        nation = published["spot_dma_all", name]
        return published.get(("spot_dma_1_10", name), nation) if rank < _LARGE_MARKETS else nation

    return sum(share * cpm(name) for name, share in sources)
