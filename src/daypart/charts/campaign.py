"""Charts of a campaign plan: reach curve, markets, spots by week, frequency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from daypart.charts.look import (
    BANDS,
    BLUE,
    INK,
    ORANGE,
    SEQUENTIAL,
    amount_axis,
    data_of,
    finish,
    names_axis,
    rows_of,
    wrap_label,
)
from daypart.charts.quantities import PERCENT

if TYPE_CHECKING:
    import altair as alt
_ROW = 24
_MOST_LABELLED_WEEKS = 14


def reach_curve(
    rows: Iterable[Mapping[str, Any]] | pa.Table,
    points: Iterable[Mapping[str, Any]],
    *,
    currency: str,
    height: int = 260,
) -> alt.Chart | alt.LayerChart:
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
    import altair as alt

    def across(field: str) -> alt.Y:
        return alt.Y(
            field,
            scale=alt.Scale(zero=True),
            axis=alt.Axis(title="reach 1+ (% of the target)"),
        )

    drawn, named = rows_of(rows), rows_of(points)
    most = max((row["spent"] for row in [*drawn, *named]), default=0.0)
    money = alt.X("spent:Q", axis=amount_axis(f"spend ({currency})", most, tickCount=6))
    tooltip = [
        alt.Tooltip("spent:Q", title=f"spend ({currency})", format=",.0f"),
        alt.Tooltip("reach:Q", title="reach 1+ (%)", format=PERCENT.axis_format),
        alt.Tooltip("lo_80:Q", title="80 % from", format=PERCENT.axis_format),
        alt.Tooltip("hi_80:Q", title="80 % to", format=PERCENT.axis_format),
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
        curve.mark_area(color=BANDS[0]).encode(y=across("lo_80:Q"), y2="hi_80:Q")
        + curve.mark_line(color=BLUE, point={"size": 18, "color": BLUE}).encode(y=across("reach:Q"))
        + plans.mark_rule(strokeWidth=2).encode(y=across("lo_80:Q"), y2="hi_80:Q")
        + plans.mark_point(filled=True, size=110, opacity=1).encode(y=across("reach:Q")),
        height,
    )


def by_market(
    rows: Iterable[Mapping[str, Any]] | pa.Table, *, height: int | None = None
) -> alt.Chart | alt.LayerChart:
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
    import altair as alt

    plain = [
        {**row, "label": wrap_label(row["market"]), "spend": f"{PERCENT.text(row['share'])}"}
        for row in rows_of(rows)
    ]
    base = alt.Chart(data_of(plain)).encode(
        y=alt.Y("label:N", sort=[row["label"] for row in plain], axis=names_axis(None)),
        tooltip=[
            alt.Tooltip("market:N"),
            alt.Tooltip("reach:Q", title="reach 1+ (%)", format=PERCENT.axis_format),
            alt.Tooltip("lo_80:Q", title="80 % from", format=PERCENT.axis_format),
            alt.Tooltip("hi_80:Q", title="80 % to", format=PERCENT.axis_format),
            alt.Tooltip("spend:N", title="share of spend"),
        ],
    )
    highest = max((row["hi_80"] for row in plain), default=1.0)
    lowest = min((row["lo_80"] for row in plain), default=0.0)
    room_for_text = 0.3 * (highest - lowest)
    axis = alt.Axis(title="reach 1+ (% of the target there)")
    scale = alt.Scale(zero=False, padding=14, domainMax=highest + room_for_text)
    return finish(
        base.mark_rule(strokeWidth=5, color=BANDS[1]).encode(
            x=alt.X("lo_80:Q", axis=axis, scale=scale), x2="hi_80:Q"
        )
        + base.mark_point(filled=True, size=70, color=BLUE, opacity=1).encode(
            x=alt.X("reach:Q", scale=scale)
        )
        + base.mark_text(align="left", dx=8, color=INK).encode(
            x=alt.X("hi_80:Q", scale=scale), text="spend:N"
        ),
        height or max(120, _ROW * len(plain) + 40),
    )


def spots_by_week(
    rows: Iterable[Mapping[str, Any]] | pa.Table, *, height: int | None = None
) -> alt.Chart | alt.LayerChart:
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
    import altair as alt

    plain = [{**row, "label": wrap_label(row["network"])} for row in rows_of(rows)]
    networks = list(dict.fromkeys(row["label"] for row in plain))
    weeks = sorted({row["week"] for row in plain})
    most = max((row["spots"] for row in plain), default=1)
    base = alt.Chart(data_of(plain)).encode(
        x=alt.X(
            "week:O",
            sort=weeks,
            axis=alt.Axis(
                title="broadcast week (its Monday)",
                labelExpr="utcFormat(toDate(datum.value), '%-d %b')",
                labelAngle=0 if len(weeks) <= 6 else -45,
                labelOverlap="greedy",
                domain=False,
                ticks=False,
            ),
        ),
        y=alt.Y("label:N", sort=networks, axis=names_axis(None)),
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
    return finish(cells + numbers, height or max(140, _ROW * len(networks) + 40))


def frequency_distribution(
    rows: Iterable[Mapping[str, Any]] | pa.Table, *, height: int = 240
) -> alt.Chart | alt.LayerChart:
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
    import altair as alt

    plain = rows_of(rows)
    base = alt.Chart(data_of(plain)).encode(
        x=alt.X(
            "exposures:N",
            sort=[row["exposures"] for row in plain],
            axis=alt.Axis(title="exposures to the campaign", labelAngle=0, labelOverlap="greedy"),
        ),
        tooltip=[
            alt.Tooltip("exposures:N"),
            alt.Tooltip("percent:Q", title="% of the target", format=PERCENT.axis_format),
            alt.Tooltip("lo_80:Q", title="80 % from", format=PERCENT.axis_format),
            alt.Tooltip("hi_80:Q", title="80 % to", format=PERCENT.axis_format),
        ],
    )
    return finish(
        base.mark_bar(color=BLUE).encode(
            y=alt.Y("percent:Q", axis=alt.Axis(title="households (% of the target)"))
        )
        + base.mark_rule(color=INK, strokeWidth=1.5).encode(y="hi_80:Q", y2="lo_80:Q"),
        height,
    )
