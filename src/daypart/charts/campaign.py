"""Charts of a campaign plan: reach curve, networks, markets, spots by week, frequency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import altair as alt

from daypart.charts.look import (
    BLUE,
    INK,
    INTERVALS,
    MUTED,
    ORANGE,
    SEQUENTIAL,
    Chart,
    ChartRows,
    amount_axis,
    data_of,
    finish,
    interval_dots,
    interval_tooltips,
    name_rows,
    rows_height,
    rows_of,
    weeks_axis,
)
from daypart.charts.quantities import PERCENT

_MOST_LABELLED_WEEKS = 14
_LABEL_SPACE = 1.25
"""Width of the axis relative to the longest bar, for its label, on a phone too."""
_ADDED_ROW = 22


def reach_curve(
    rows: ChartRows, points: Iterable[Mapping[str, Any]], *, currency: str, height: int = 260
) -> Chart:
    """Draw the best reach for each budget, with plans on it.

    Parameters
    ----------
    rows : rows or pyarrow.Table
        `spent` (money), `reach`, `lo_80`, `hi_80` (percent).
    points : rows
        The plans: `name`, `spent`, `reach`, `lo_80`, `hi_80`.
    currency : str
        Unit of the horizontal axis.
    height : int
        Pixels.

    Examples
    --------
    >>> curve = [{"spent": 10.0, "reach": 20.0, "lo_80": 19.0, "hi_80": 21.0}]
    >>> len(reach_curve(curve, [{"name": "Plan", **curve[0]}], currency="$").layer)
    4
    """

    def across(field: str) -> alt.Y:
        return alt.Y(
            field, scale=alt.Scale(zero=True), axis=alt.Axis(title="reach 1+ (% of the target)")
        )

    drawn, named = rows_of(rows), rows_of(points)
    most = max((row["spent"] for row in [*drawn, *named]), default=0.0)
    money = alt.X("spent:Q", axis=amount_axis(f"spend ({currency})", most, tickCount=6))
    tooltip = [
        alt.Tooltip("spent:Q", title=f"spend ({currency})", format=",.0f"),
        *interval_tooltips("reach", "reach 1+ (%)", PERCENT),
    ]
    curve = alt.Chart(data_of(drawn)).encode(x=money, tooltip=tooltip)
    colours = alt.Scale(
        domain=[row["name"] for row in named], range=[ORANGE, INK, BLUE][: len(named)]
    )
    plans = alt.Chart(data_of(named)).encode(
        x=money,
        color=alt.Color("name:N", scale=colours, legend=alt.Legend(title=None)),
        tooltip=[alt.Tooltip("name:N", title="plan"), *tooltip],
    )
    return finish(
        curve.mark_area(color=INTERVALS[0]).encode(y=across("lo_80:Q"), y2="hi_80:Q")
        + curve.mark_line(color=BLUE, point={"size": 18, "color": BLUE}).encode(y=across("reach:Q"))
        + plans.mark_rule(strokeWidth=2).encode(y=across("lo_80:Q"), y2="hi_80:Q")
        + plans.mark_point(filled=True, size=110, opacity=1).encode(y=across("reach:Q")),
        height,
    )


def added_reach(rows: ChartRows, *, height: int | None = None) -> Chart:
    """Draw the waterfall of incremental reach: what each network adds to those above it.

    Parameters
    ----------
    rows : rows or pyarrow.Table
        In the order to draw: `network`, `start`, `end` (percent; the bar), `added` (points),
        `reach`, `lo_80`, `hi_80` (percent, of the network alone; None for several networks).
    height : int, optional
        Pixels; by default enough for every name.

    Examples
    --------
    >>> row = {"network": "CBS", "start": 0.0, "end": 31.0, "added": 31.0, "reach": 31.0}
    >>> len(added_reach([row | {"lo_80": 30.0, "hi_80": 32.0}]).layer)
    4
    """
    named, names = name_rows(rows, "network")
    named = [
        {
            **row,
            "text": f"+{PERCENT.number(row['added'])}",
            # Right of the interval too, where that begins at the bar's end.
            "text_at": max(row["end"], row["hi_80"] or 0.0),
        }
        for row in named
    ]
    far = max((row["text_at"] for row in named), default=1.0)
    scale = alt.Scale(zero=True, domainMax=_LABEL_SPACE * far)
    axis = alt.Axis(title="reach 1+ (% of the target)")
    base = alt.Chart(data_of(named)).encode(
        y=names,
        tooltip=[
            alt.Tooltip("network:N"),
            alt.Tooltip("added:Q", title="added (points)", format=PERCENT.axis_format),
            *interval_tooltips("reach", "alone (%)", PERCENT),
        ],
    )
    alone = base.transform_filter("isValid(datum.reach)")
    return finish(
        base.mark_bar(color=BLUE, size=14).encode(
            x=alt.X("start:Q", axis=axis, scale=scale), x2="end:Q"
        )
        + base.mark_text(align="left", dx=4, color=INK).encode(
            x=alt.X("text_at:Q", scale=scale), text="text:N"
        )
        + alone.mark_rule(strokeWidth=2, color=MUTED).encode(
            x=alt.X("lo_80:Q", scale=scale), x2="hi_80:Q"
        )
        + alone.mark_point(filled=True, size=28, color=ORANGE, opacity=1).encode(
            x=alt.X("reach:Q", scale=scale)
        ),
        height or rows_height(len(named), 120, _ADDED_ROW),
    )


def by_market(rows: ChartRows, *, height: int | None = None) -> Chart:
    """Draw reach with its interval in each market, with the market's share of the spend.

    Parameters
    ----------
    rows : rows or pyarrow.Table
        In the order to draw: `market`, `reach`, `lo_80`, `hi_80`, `share` (percent).
    height : int, optional
        Pixels; by default enough for every name.

    Examples
    --------
    >>> row = {"market": "Chicago", "reach": 60.0, "lo_80": 58.0, "hi_80": 62.0, "share": 100.0}
    >>> len(by_market([row]).layer)
    3
    """
    named, names = name_rows(rows, "market")
    named = [{**row, "spend": PERCENT.text(row["share"])} for row in named]
    base = alt.Chart(data_of(named)).encode(
        y=names,
        tooltip=[
            alt.Tooltip("market:N"),
            *interval_tooltips("reach", "reach 1+ (%)", PERCENT),
            alt.Tooltip("spend:N", title="share of spend"),
        ],
    )
    highest = max((row["hi_80"] for row in named), default=1.0)
    lowest = min((row["lo_80"] for row in named), default=0.0)
    width_of_text = 0.3 * (highest - lowest)
    axis = alt.Axis(title="reach 1+ (% of the target there)")
    scale = alt.Scale(zero=False, padding=14, domainMax=highest + width_of_text)
    shares = base.mark_text(align="left", dx=8, color=INK).encode(
        x=alt.X("hi_80:Q", scale=scale), text="spend:N"
    )
    return finish(
        alt.layer(*interval_dots(base, "reach", axis, scale), shares),
        height or rows_height(len(named), 120),
    )


def spots_by_week(rows: ChartRows, *, height: int | None = None) -> Chart:
    """Draw the flowchart of a campaign: spots of each network in each broadcast week.

    Parameters
    ----------
    rows : rows or pyarrow.Table
        In the order to draw: `network`, `week` (ISO date of the Monday), `spots`.
    height : int, optional
        Pixels; by default enough for every name.

    Examples
    --------
    >>> len(spots_by_week([{"network": "CBS", "week": "2025-02-24", "spots": 7}]).layer)
    2
    """
    named, names = name_rows(rows, "network")
    weeks = sorted({row["week"] for row in named})
    most = max((row["spots"] for row in named), default=1)
    axis = weeks_axis(len(weeks), domain=False, ticks=False)
    base = alt.Chart(data_of(named)).encode(
        x=alt.X("week:O", sort=weeks, axis=axis),
        y=names,
        tooltip=["network:N", "week:N", "spots:Q"],
    )
    cells = base.mark_rect(stroke="white").encode(
        color=alt.Color(
            "spots:Q",
            scale=alt.Scale(scheme=SEQUENTIAL, domain=[0, most]),
            legend=alt.Legend(title="spots", gradientLength=120),
        )
    )
    size = 12 if len(weeks) <= _MOST_LABELLED_WEEKS else 0
    numbers = base.mark_text(fontSize=size).encode(
        text=alt.Text("spots:Q", format=",d"),
        color=alt.when(alt.datum.spots > 0.6 * most)
        .then(alt.value("white"))
        .otherwise(alt.value(INK)),
    )
    return finish(cells + numbers, height or rows_height(len({row["label"] for row in named}), 140))


def frequency_distribution(rows: ChartRows, *, height: int = 240) -> Chart:
    """Draw how many households see the campaign once, twice and so on.

    Parameters
    ----------
    rows : rows or pyarrow.Table
        In order: `exposures` (text, the last bin as `10+`), `percent`, `lo_80`, `hi_80`.
    height : int
        Pixels.

    Examples
    --------
    >>> row = {"exposures": "1", "percent": 20.0, "lo_80": 19.0, "hi_80": 21.0}
    >>> len(frequency_distribution([row]).layer)
    2
    """
    plain = rows_of(rows)
    base = alt.Chart(data_of(plain)).encode(
        x=alt.X(
            "exposures:N",
            sort=[row["exposures"] for row in plain],
            axis=alt.Axis(title="exposures to the campaign", labelAngle=0, labelOverlap="greedy"),
        ),
        tooltip=[
            alt.Tooltip("exposures:N"),
            *interval_tooltips("percent", "% of the target", PERCENT),
        ],
    )
    return finish(
        base.mark_bar(color=BLUE).encode(
            y=alt.Y("percent:Q", axis=alt.Axis(title="households (% of the target)"))
        )
        + base.mark_rule(color=INK, strokeWidth=1.5).encode(y="hi_80:Q", y2="lo_80:Q"),
        height,
    )
