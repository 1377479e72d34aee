"""Chart of coverage: hours with data by region and day."""

from __future__ import annotations

import altair as alt

from daypart.charts.look import (
    SEQUENTIAL,
    Chart,
    ChartRows,
    data_of,
    finish,
    name_rows,
    rows_height,
)


def coverage_by_day(rows: ChartRows, *, height: int | None = None) -> Chart:
    """Draw the hours with data of each region and day.

    Parameters
    ----------
    rows : rows or pyarrow.Table
        `region`, `day` (`YYYY-MM-DD`), `hours` (0 to 25).
    height : int, optional
        Pixels; by default enough for every name.

    Returns
    -------
    altair.Chart

    Examples
    --------
    >>> coverage_by_day([{"region": "501", "day": "2025-03-03", "hours": 24}], height=90).height
    90
    """
    named, names = name_rows(rows, "region")
    days = alt.Axis(title="day", labelOverlap="greedy", labelSeparation=12, labelAngle=0)
    chart = (
        alt.Chart(data_of(named))
        .mark_rect()
        .encode(
            x=alt.X("day:O", axis=days),
            y=names,
            color=alt.Color(
                "hours:Q",
                scale=alt.Scale(scheme=SEQUENTIAL, domain=[0, 24]),
                legend=alt.Legend(title="hours with data", gradientLength=120),
            ),
            tooltip=["region:N", "day:N", "hours:Q"],
        )
    )
    return finish(chart, height or rows_height(len({row["label"] for row in named}), 90))
