"""Charts of audiences: the week's hours, and networks against all households."""

from __future__ import annotations

import altair as alt

from daypart.charts.look import (
    MUTED,
    SEQUENTIAL,
    Chart,
    ChartRows,
    data_of,
    finish,
    interval_dots,
    interval_tooltips,
    name_rows,
    names_axis,
    rows_height,
)
from daypart.charts.quantities import INDEX, PERCENT, RATING

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def hour_of_week(rows: ChartRows, *, title: str, height: int = 230) -> Chart:
    """Draw the audience of each hour of the week, in the market's local time.

    Parameters
    ----------
    rows : rows or pyarrow.Table
        `day` (`Monday` ...), `hour` (0 to 23), `rating` (percent).
    title : str
        Of the colours, with the unit.
    height : int
        Pixels.

    Returns
    -------
    altair.Chart

    Examples
    --------
    >>> hour_of_week([{"day": "Monday", "hour": 20, "rating": 41.5}], title="HUT (%)").height
    230
    """
    hours = alt.Axis(
        title="hour of the day (0 to 23, local time)",
        values=list(range(0, 24, 3)),
        labelAngle=0,
        labelOverlap="greedy",
        domain=False,
    )
    chart = (
        alt.Chart(data_of(rows))
        .mark_rect()
        .encode(
            x=alt.X("hour:O", axis=hours),
            y=alt.Y("day:O", sort=list(DAYS), axis=names_axis()),
            color=alt.Color(
                "rating:Q",
                scale=alt.Scale(scheme=SEQUENTIAL, zero=True),
                legend=alt.Legend(title=title, gradientLength=120),
            ),
            tooltip=[
                "day:O",
                "hour:O",
                alt.Tooltip("rating:Q", title=title, format=PERCENT.axis_format),
            ],
        )
    )
    return finish(chart, height)


def network_index(rows: ChartRows, *, height: int | None = None) -> Chart:
    """Draw how much higher the rating of networks is in a segment than in all households.

    Parameters
    ----------
    rows : rows or pyarrow.Table
        In the order to draw: `network`, `index`, `lo_80`, `hi_80` (100 is par), `rating` (percent).
    height : int, optional
        Pixels; by default enough for every name.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> row = {"network": "CBS", "index": 120, "lo_80": 110, "hi_80": 130, "rating": 1.2}
    >>> len(network_index([row]).layer)
    3
    """
    named, names = name_rows(rows, "network")
    base = alt.Chart(data_of(named)).encode(
        y=names,
        tooltip=[
            "network:N",
            *interval_tooltips("index", "index", INDEX),
            alt.Tooltip("rating:Q", title="rating (%)", format=RATING.axis_format),
        ],
    )
    par = (
        alt.Chart(alt.Data(values=[{"par": 100}]))
        .mark_rule(color=MUTED, strokeDash=[4, 4])
        .encode(x="par:Q")
    )
    axis = alt.Axis(title="index (all households = 100)")
    dots = interval_dots(base, "index", axis, alt.Scale(zero=False, padding=14))
    return finish(alt.layer(par, *dots), height or rows_height(len(named), 140))
