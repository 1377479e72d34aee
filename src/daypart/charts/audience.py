"""Charts of audiences: the week's hours, and networks against all households."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from daypart.charts.look import (
    BANDS,
    BLUE,
    MUTED,
    SEQUENTIAL,
    data_of,
    finish,
    names_axis,
    rows_of,
    wrap_label,
)
from daypart.charts.quantities import INDEX, PERCENT, RATING

if TYPE_CHECKING:
    import altair as alt
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ROW = 24


def hour_of_week(
    rows: Iterable[Mapping[str, Any]] | pa.Table, *, title: str, height: int = 230
) -> alt.Chart | alt.LayerChart:
    """Draw the audience of each hour of the week, in the market's local time.

    Parameters
    ----------
    rows : rows or pyarrow.Table
        `day` (`Monday` ...), `hour` (0 to 23), `rating` (percent).
    title : str
        Of the colours, with the unit.
    height : int
        Pixels.

    Examples
    --------
    >>> hour_of_week([{"day": "Monday", "hour": 20, "rating": 41.5}], title="HUT (%)").height
    230
    """
    import altair as alt

    chart = (
        alt.Chart(data_of(rows))
        .mark_rect()
        .encode(
            x=alt.X(
                "hour:O",
                axis=alt.Axis(
                    title="hour of the day (0 to 23, local time)",
                    values=list(range(0, 24, 3)),
                    labelAngle=0,
                    labelOverlap="greedy",
                    domain=False,
                ),
            ),
            y=alt.Y("day:O", sort=list(DAYS), axis=names_axis(None)),
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


def network_index(
    rows: Iterable[Mapping[str, Any]] | pa.Table, *, height: int | None = None
) -> alt.Chart | alt.LayerChart:
    """Draw how much stronger networks are in a segment than in all households.

    Parameters
    ----------
    rows : rows or pyarrow.Table
        In the order to draw: `network`, `index`, `lo_80`, `hi_80` (100 is par), `rating` (percent).
    height : int, optional
        Pixels; by default enough for every name.

    Examples
    --------
    >>> row = {"network": "CBS", "index": 120, "lo_80": 110, "hi_80": 130, "rating": 1.2}
    >>> len(network_index([row]).layer)
    3
    """
    import altair as alt

    plain = [{**row, "label": wrap_label(row["network"])} for row in rows_of(rows)]
    base = alt.Chart(data_of(plain)).encode(
        y=alt.Y("label:N", sort=[row["label"] for row in plain], axis=names_axis(None)),
        tooltip=[
            "network:N",
            alt.Tooltip("index:Q", title="index", format=INDEX.axis_format),
            alt.Tooltip("lo_80:Q", title="80 % from", format=INDEX.axis_format),
            alt.Tooltip("hi_80:Q", title="80 % to", format=INDEX.axis_format),
            alt.Tooltip("rating:Q", title="rating (%)", format=RATING.axis_format),
        ],
    )
    par = (
        alt.Chart(alt.Data(values=[{"par": 100}]))
        .mark_rule(color=MUTED, strokeDash=[4, 4])
        .encode(x="par:Q")
    )
    scale = alt.Scale(zero=False, padding=14)
    bars = base.mark_rule(strokeWidth=5, color=BANDS[1]).encode(
        x=alt.X("lo_80:Q", scale=scale, axis=alt.Axis(title="index (all households = 100)")),
        x2="hi_80:Q",
    )
    points = base.mark_point(filled=True, size=70, color=BLUE, opacity=1).encode(
        x=alt.X("index:Q", scale=scale)
    )
    return finish(par + bars + points, height or max(140, _ROW * len(plain) + 40))
