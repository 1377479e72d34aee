"""The table of ratings: every market, network, daypart and segment with all its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daypart.insights import metrics
from daypart.insights.privacy import SUPPRESSED
from daypart.insights.viewing_minutes import ALL_MARKETS, ALL_WEEK, Audience

if TYPE_CHECKING:
    import pyarrow as pa

UNIT = "households"
WINDOW = "live"
_NORMAL_90 = 1.2815515655446004
"""The normal quantile at 90 %: 80 % lie between it and its negative."""
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

DECIMALS: Mapping[str, int] = {
    "universe_estimate": 0,
    "viewing_minutes": 0,
    "average_audience": 1,
    "rating": 3,
    "rating_lo_80": 3,
    "rating_hi_80": 3,
    "coming_week_rating": 3,
    "coming_week_lo_80": 3,
    "coming_week_hi_80": 3,
    "hut": 2,
    "share": 2,
    "impressions": 1,
    "index": 1,
}
"""Decimals of each figure in the CSV files."""


def ratings_table(
    audience: Audience,
    standard_error: NDArray[np.float64],
    coming_week: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    crediting: str,
) -> pa.Table:
    """Work out every metric of every cell.

    Parameters
    ----------
    audience : Audience
    standard_error : float64 array, shape (markets + 1, networks, dayparts, segments)
        Of the average audience, households.
    coming_week : float64 array, shape (3, markets + 1, networks, dayparts, segments)
        Mean and interval of the average audience of a coming week, households.
    allowed : bool array, shape (markets + 1, segments)
        Whether a cell may be published; figures of the others are null.
    crediting : str
        The crediting rule, named on every row.

    Returns
    -------
    pyarrow.Table
        Rows by market (the last is `all`), network, daypart and segment.
    """
    import pyarrow as pa

    universe = _with_total(audience.universe_estimate)
    in_tab = _with_total(audience.in_tab_households)
    minutes = audience.viewing_minutes
    audiences = metrics.average_audience(minutes, audience.window_minutes[:, None, :, None])
    any_network = metrics.average_audience(
        audience.any_network_minutes, audience.window_minutes[:, :, None]
    )
    audiences, any_network = _with_total(audiences), _with_total(any_network)
    base = universe[:, None, None, :]
    margin = _NORMAL_90 * standard_error
    rating = metrics.rating(audiences, base)
    hut = metrics.rating(any_network, universe[:, None, :])[:, None]
    figures = {
        "universe_estimate": np.broadcast_to(base, rating.shape),
        "viewing_minutes": _with_total(minutes),
        "average_audience": audiences,
        "rating": rating,
        "rating_lo_80": metrics.rating(np.maximum(audiences - margin, 0), base),
        "rating_hi_80": metrics.rating(np.minimum(audiences + margin, base), base),
        "coming_week_rating": metrics.rating(coming_week[0], base),
        "coming_week_lo_80": metrics.rating(coming_week[1], base),
        "coming_week_hi_80": metrics.rating(coming_week[2], base),
        "hut": np.broadcast_to(hut, rating.shape),
        "share": metrics.share(rating, hut),
        "impressions": audiences,
        "index": metrics.index(rating, rating[..., :1]),
    }
    shown = np.broadcast_to(allowed[:, None, None, :], rating.shape).ravel()
    columns: dict[str, Any] = _labels(audience, rating.shape)
    rows = rating.size
    columns |= {"unit": [UNIT] * rows, "window": [WINDOW] * rows, "crediting": [crediting] * rows}
    households = np.broadcast_to(in_tab[:, None, None, :], rating.shape).ravel()
    columns["in_tab_households"] = pa.array(households, mask=~shown)
    for name, values in figures.items():
        flat = np.ascontiguousarray(values, dtype=np.float64).ravel()
        columns[name] = pa.array(flat, mask=~shown | np.isnan(flat))
    columns["suppressed"] = pa.array(~shown)
    return pa.table(columns)


def top_networks(ratings: pa.Table) -> list[dict[str, Any]]:
    """Return the networks of each segment by rating, over all markets and the whole week.

    Returns
    -------
    list of dict
        `segment, rank, network, rating, rating_lo_80, rating_hi_80, index` and the rating of a
        coming week with its interval.
    """
    import pyarrow.compute as pc

    whole = ratings.filter(
        (pc.field("market") == ALL_MARKETS)
        & (pc.field("daypart") == ALL_WEEK)
        & ~pc.field("suppressed")
    )
    names = ["segment", "network", "rating", "rating_lo_80", "rating_hi_80", "index"]
    names += ["coming_week_rating", "coming_week_lo_80", "coming_week_hi_80"]
    ranked: list[dict[str, Any]] = []
    rank: dict[str, int] = {}
    for row in whole.select(names).sort_by([("rating", "descending")]).to_pylist():
        rank[row["segment"]] = rank.get(row["segment"], 0) + 1
        ranked.append({"segment": row["segment"], "rank": rank[row["segment"]]} | row)
    return sorted(ranked, key=lambda row: (row["segment"] != "all", row["segment"], row["rank"]))


def heat_map(audience: Audience, allowed: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Return the rating of every hour of the week, of any network (HUT) and of each.

    Over all markets, each in its local time.

    Returns
    -------
    list of dict
        `segment, network, day, hour, hour_of_week, rating`; rating is None where suppressed.
    """
    of_any = metrics.rating(audience.any_network_by_hour_of_week, audience.hour_of_week_minutes)
    of_each = metrics.rating(audience.minutes_by_hour_of_week, audience.hour_of_week_minutes[None])
    rows = []
    for position, segment in enumerate(audience.segments):
        shown = bool(allowed[-1, position])
        named = [("any", of_any[position])]
        named += [(name, of_each[i, position]) for i, name in enumerate(audience.networks)]
        for network, ratings in named:
            rows += [
                {
                    "segment": segment,
                    "network": network,
                    "day": DAYS[hour // 24],
                    "hour": hour % 24,
                    "hour_of_week": hour,
                    "rating": float(value) if shown and not np.isnan(value) else None,
                }
                for hour, value in enumerate(ratings)
            ]
    return rows


def readable(table: pa.Table) -> pa.Table:
    """Turn figures into text for CSV: rounded, and `suppressed` where they are.

    Parameters
    ----------
    table : pyarrow.Table
        With the column `suppressed`.
    """
    import pyarrow as pa

    hidden = table.column("suppressed").to_numpy(zero_copy_only=False)
    for name, decimals in DECIMALS.items():
        values = table.column(name).to_numpy(zero_copy_only=False)
        text = np.char.mod(f"%.{decimals}f", np.nan_to_num(values)).astype(object)
        text[np.isnan(values)] = ""
        text[hidden] = SUPPRESSED
        column = pa.array(text, pa.string())
        table = table.set_column(table.column_names.index(name), name, column)
    households = table.column("in_tab_households").to_pylist()
    raw = [SUPPRESSED if value is None else str(value) for value in households]
    place = table.column_names.index("in_tab_households")
    return table.set_column(place, "in_tab_households", pa.array(raw, pa.string()))


def _labels(audience: Audience, shape: tuple[int, ...]) -> dict[str, Any]:
    import pyarrow as pa

    markets = [*audience.markets, ALL_MARKETS]
    names = [*audience.market_names, "All markets"]
    levels = {
        "market": (0, markets),
        "market_name": (0, names),
        "network": (1, audience.networks),
        "daypart": (2, audience.dayparts),
        "segment": (3, audience.segments),
    }
    positions = np.indices(shape).reshape(len(shape), -1)
    return {
        name: pa.array(list(values), pa.string()).take(pa.array(positions[axis]))
        for name, (axis, values) in levels.items()
    }


def _with_total(values: NDArray[Any]) -> NDArray[Any]:
    """Append the sum over markets. Households add up over markets; ratings never do."""
    return np.concatenate([values, values.sum(axis=0, keepdims=True)])
