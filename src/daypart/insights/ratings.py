"""The table of ratings: every market, network, daypart and segment with all its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from daypart.disclosure.release import Release
from daypart.insights import metrics
from daypart.insights.sampling_error import SamplingError
from daypart.insights.viewing_minutes import ALL_MARKETS, ALL_WEEK, Audience

UNIT = "households"
SUPPRESSED = "suppressed"
"""In place of a figure that may not be published; never 0."""
WINDOW = "live"
_NORMAL_90 = 1.2815515655446004
"""The normal quantile at 90 %: 80 % lie between it and its negative."""
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

DECIMALS: Mapping[str, int] = {
    "in_tab_households": 0,
    "rank": 0,
    "rank_by_index": 0,
    "credited_household_hours": 0,
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
    "index_lo_80": 1,
    "index_hi_80": 1,
}
"""Decimals of each figure in the CSV files."""


def ratings_table(
    audience: Audience,
    error: SamplingError,
    coming_week: NDArray[np.float64],
    release: Release,
    crediting: str,
) -> pa.Table:
    """Compute every metric of every cell.

    Parameters
    ----------
    audience : Audience
    error : SamplingError
    coming_week : float64 array, shape (3, markets + 1, networks, dayparts, segments)
        Mean and interval of the average audience of a coming week, households.
    release : Release
        What may be published; other figures are null.
    crediting : str
        The crediting rule, named on every row.

    Returns
    -------
    pyarrow.Table
        Rows by market (the last is `all`), network, daypart and segment, without networks that
        a market does not carry.
    """
    universe = _with_total(audience.universe_estimate)
    minutes = audience.viewing_minutes
    audiences = _with_total(
        metrics.average_audience(minutes, audience.window_minutes[:, None, :, None])
    )
    any_network = _with_total(
        metrics.average_audience(audience.any_network_minutes, audience.window_minutes[:, :, None])
    )
    base = universe[:, None, None, :]
    margin = _NORMAL_90 * error.audience
    rating = metrics.rating(audiences, base)
    hut = metrics.rating(any_network, universe[:, None, :])[:, None]
    index = metrics.index(rating, rating[..., :1])
    figures = {
        "universe_estimate": base,
        "credited_household_hours": _with_total(audience.counts),
        "viewing_minutes": _with_total(minutes),
        "average_audience": audiences,
        "rating": rating,
        "rating_lo_80": metrics.rating(np.maximum(audiences - margin, 0), base),
        "rating_hi_80": metrics.rating(np.minimum(audiences + margin, base), base),
        "coming_week_rating": metrics.rating(coming_week[0], base),
        "coming_week_lo_80": metrics.rating(coming_week[1], base),
        "coming_week_hi_80": metrics.rating(coming_week[2], base),
        "hut": hut,
        "share": metrics.share(rating, hut),
        "impressions": audiences,
        "index": index,
        "index_lo_80": index * np.exp(-_NORMAL_90 * error.log_index),
        "index_hi_80": index * np.exp(_NORMAL_90 * error.log_index),
    }
    carried = np.concatenate([audience.carried, audience.carried.any(axis=0, keepdims=True)])
    rows_kept = np.flatnonzero(np.broadcast_to(carried[:, :, None, None], rating.shape).ravel())

    def column(values: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.broadcast_to(values, rating.shape).ravel()[rows_kept])

    shown = column(release.cells)
    hidden = {name: ~column(release.any_network[:, None]) for name in ("hut", "share")}
    indexed = column(release.cells[..., :1])
    hidden |= dict.fromkeys(("index", "index_lo_80", "index_hi_80"), ~indexed)
    columns: dict[str, Any] = _labels(audience, rating.shape, rows_kept)
    rows = len(rows_kept)
    columns |= {"unit": [UNIT] * rows, "window": [WINDOW] * rows, "crediting": [crediting] * rows}
    in_tab = _with_total(audience.in_tab_households)[:, None, None, :]
    columns["in_tab_households"] = pa.array(column(in_tab), mask=~shown)
    for name, values in figures.items():
        flat = column(np.asarray(values, dtype=np.float64))
        columns[name] = pa.array(flat, mask=~shown | np.isnan(flat) | hidden.get(name, False))
    columns["suppressed"] = pa.array(~shown)
    return pa.table(columns)


def top_networks(ratings: pa.Table) -> list[dict[str, Any]]:
    """Return the networks of each segment by rating, over all markets and the whole week.

    Parameters
    ----------
    ratings : pyarrow.Table
        As `ratings_table` returns it.

    Returns
    -------
    list of dict
        `segment`, `rank` by rating, `rank_by_index`, `network`, then rating and index with
        their intervals, and the rating of a coming week with its own. A suppressed segment
        has its networks without ranks and figures.
    """
    whole = ratings.filter((pc.field("market") == ALL_MARKETS) & (pc.field("daypart") == ALL_WEEK))
    names = ["segment", "network", "rating", "rating_lo_80", "rating_hi_80"]
    names += ["index", "index_lo_80", "index_hi_80"]
    names += ["coming_week_rating", "coming_week_lo_80", "coming_week_hi_80", "suppressed"]
    ranked: list[dict[str, Any]] = []
    for segment in dict.fromkeys(whole.column("segment").to_pylist()):
        rows = whole.filter(pc.field("segment") == segment).select(names).to_pylist()
        by_index, by_rating = _ranks(rows, "index"), _ranks(rows, "rating")
        listed = [
            {"segment": segment, "rank": place, "rank_by_index": by_index[i]} | rows[i]
            for i, place in enumerate(by_rating)
        ]
        ranked += sorted(listed, key=lambda row: (row["rank"] is None, row["rank"], row["network"]))
    return ranked


def _ranks(rows: list[dict[str, Any]], figure: str) -> list[int | None]:
    """Return each row's rank by a figure, 1 the largest; None where there is no figure."""
    known = [i for i, row in enumerate(rows) if row[figure] is not None]
    known.sort(key=lambda i: (-rows[i][figure], rows[i]["network"]))
    place = {i: rank for rank, i in enumerate(known, start=1)}
    return [place.get(i) for i in range(len(rows))]


def heat_map(audience: Audience, release: Release) -> list[dict[str, Any]]:
    """Return the rating of every hour of the week, of any network (HUT) and of each.

    Over all markets, each in its local time.

    Parameters
    ----------
    audience : Audience
    release : Release
        What may be published.

    Returns
    -------
    list of dict
        `segment, network, day, hour, hour_of_week, rating, suppressed`; `rating` is None where
        it is suppressed, or the hour is not in the window.
    """
    of_any = metrics.rating(audience.any_network_by_hour_of_week, audience.hour_of_week_minutes)
    of_each = metrics.rating(audience.minutes_by_hour_of_week, audience.hour_of_week_minutes[None])
    rows = []
    for position, segment in enumerate(audience.segments):
        named = [("any", -1, of_any[position])]
        named += [(name, i, of_each[i, position]) for i, name in enumerate(audience.networks)]
        for network, number, ratings in named:
            shown = release.hours[number, position].tolist()
            rows += [
                {
                    "segment": segment,
                    "network": network,
                    "day": DAYS[hour // 24],
                    "hour": hour % 24,
                    "hour_of_week": hour,
                    "rating": float(value) if shown[hour] and not np.isnan(value) else None,
                    "suppressed": not shown[hour],
                }
                for hour, value in enumerate(ratings)
            ]
    return rows


def readable(table: pa.Table) -> pa.Table:
    """Return figures as text for CSV: rounded, or `suppressed`.

    Parameters
    ----------
    table : pyarrow.Table
        With the column `suppressed`.

    Examples
    --------
    >>> import pyarrow as pa
    >>> table = pa.table({"rating": [1.23456, None], "suppressed": [False, True]})
    >>> readable(table).column("rating").to_pylist()
    ['1.235', 'suppressed']
    """
    hidden = table.column("suppressed")
    for place, name in enumerate(table.column_names):
        if name in DECIMALS:
            values = table.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
            # A NumPy float prints in microseconds, an Arrow scalar does not.
            text = np.char.mod(f"%.{DECIMALS[name]}f", np.nan_to_num(values)).astype(object)
            text[np.isnan(values)] = ""
            column = pc.if_else(hidden, SUPPRESSED, pa.array(text, pa.string()))
            table = table.set_column(place, name, column)
    return table


def _labels(audience: Audience, shape: tuple[int, ...], rows: NDArray[np.int64]) -> dict[str, Any]:
    markets = [*audience.markets, ALL_MARKETS]
    names = [*audience.market_names, "All markets"]
    levels = {
        "market": (0, markets),
        "market_name": (0, names),
        "network": (1, audience.networks),
        "daypart": (2, audience.dayparts),
        "segment": (3, audience.segments),
    }
    positions = np.unravel_index(rows, shape)
    return {
        name: pa.array(list(values), pa.string()).take(pa.array(positions[axis]))
        for name, (axis, values) in levels.items()
    }


def _with_total(values: NDArray[Any]) -> NDArray[Any]:
    """Append the sum over markets. Households add up over markets; ratings never do."""
    return np.concatenate([values, values.sum(axis=0, keepdims=True)])
