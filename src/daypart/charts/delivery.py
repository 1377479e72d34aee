"""The chart of what a plan delivered, beside what was planned."""

from __future__ import annotations

import altair as alt

from daypart.charts.look import (
    BLUE,
    INTERVALS,
    ORANGE,
    Chart,
    ChartRows,
    data_of,
    finish,
    interval_tooltips,
    rows_of,
    weeks_axis,
)
from daypart.charts.quantities import PERCENT


def delivered_reach(rows: ChartRows, *, height: int = 240) -> Chart:
    """Draw cumulative reach by week: planned with its interval, and delivered.

    Parameters
    ----------
    rows : rows or pyarrow.Table
        In order of time: `week` (ISO date of the Monday), `planned`, `lo_80`, `hi_80`,
        `delivered` (percent; None where a figure is not known).
    height : int
        Pixels.

    Examples
    --------
    >>> row = {"week": "2025-02-24", "planned": 30.0, "lo_80": 28.0, "hi_80": 32.0}
    >>> len(delivered_reach([row | {"delivered": 31.0}]).layer)
    3
    """
    plain = rows_of(rows)
    names = ("planned, with its 80 % interval", "delivered")
    base = alt.Chart(data_of(plain)).encode(
        x=alt.X("week:O", sort=[row["week"] for row in plain], axis=weeks_axis(len(plain))),
        tooltip=[
            alt.Tooltip("week:O"),
            *interval_tooltips("planned", "planned (%)", PERCENT),
            alt.Tooltip("delivered:Q", title="delivered (%)", format=PERCENT.axis_format),
        ],
    )
    axis = alt.Axis(title="cumulative reach 1+ (% of the target)")
    scale = alt.Scale(zero=True)
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=list(names), range=[BLUE, ORANGE]),
        legend=alt.Legend(title=None),
    )

    def dots(field: str, name: str, shape: str, size: int) -> alt.Chart:
        return (
            base.transform_calculate(kind=f"'{name}'")
            .mark_point(filled=True, size=size, opacity=1, shape=shape)
            .encode(y=alt.Y(f"{field}:Q", axis=axis, scale=scale), color=colour)
        )

    return finish(
        base.mark_bar(size=18, color=INTERVALS[1]).encode(
            y=alt.Y("lo_80:Q", axis=axis, scale=scale), y2="hi_80:Q"
        )
        + dots("planned", names[0], "circle", 30)
        + dots("delivered", names[1], "diamond", 90),
        height,
    )
