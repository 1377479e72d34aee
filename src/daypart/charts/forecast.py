"""Charts of forecasts: intervals over time with the counts and the truth, and coverage."""

from __future__ import annotations

import altair as alt

from daypart.charts.look import (
    BLUE,
    INK,
    INTERVALS,
    MUTED,
    ORANGE,
    SERIES,
    Chart,
    ChartRows,
    amount_axis,
    data_of,
    finish,
    rows_of,
)
from daypart.charts.quantities import Quantity

_LINES = {"forecast": ("Forecast mean", BLUE), "observed": ("Counted", INK)}
_TRUTH = ("Truth", ORANGE)


def forecast_fan(
    rows: ChartRows,
    *,
    unit: str,
    quantity: Quantity,
    time_title: str,
    time_format: str = "%-d %b",
    height: int = 260,
) -> Chart:
    """Draw the mean and the intervals of a forecast, the counts, and the truth if it is known.

    Parameters
    ----------
    rows : rows or pyarrow.Table
        `time` (ISO text of a wall clock), and any of `observed`, `forecast`, `truth`,
        `lo_50`, `hi_50`, `lo_80`, `hi_80`, `lo_95`, `hi_95`; null where there is none.
    unit : str
        Title of the vertical axis.
    quantity : Quantity
        Rounding of the tooltips.
    time_title, time_format : str
        Title and d3 format of the time axis.
    height : int
        Pixels.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> from daypart.charts.quantities import HOUSEHOLDS
    >>> rows = [{"time": "2025-02-24", "forecast": 10.0, "lo_80": 7.0, "hi_80": 13.0}]
    >>> chart = forecast_fan(rows, unit="households", quantity=HOUSEHOLDS, time_title="day")
    >>> len(chart.layer)
    2
    """
    plain = [{**row, "time": f"{row['time']}Z".replace("ZZ", "Z")} for row in rows_of(rows)]
    for row in plain:
        if len(row["time"]) == len("2025-02-24Z"):
            row["time"] = row["time"][:-1] + "T00:00:00Z"
    numbers = [v for row in plain for n, v in row.items() if n != "time" and v is not None]
    axis = amount_axis(unit, max(numbers, default=0.0))
    present = {name for row in plain for name, value in row.items() if value is not None}
    base = alt.Chart(data_of(plain)).encode(
        x=alt.X(
            "time:T",
            scale=alt.Scale(type="utc"),
            axis=alt.Axis(
                title=time_title,
                format=time_format,
                labelOverlap="greedy",
                labelSeparation=10,
                tickCount=8,
                grid=False,
            ),
        )
    )
    levels = [level for level in (95, 80, 50) if f"lo_{level}" in present]
    colours = alt.Scale(domain=[f"{n} %" for n in levels], range=list(INTERVALS[: len(levels)]))
    legend = alt.Legend(title="interval", orient="bottom", titleOrient="left")
    layers = [
        base.transform_filter(f"isValid(datum.lo_{level})")
        .mark_area()
        .encode(
            y=alt.Y(f"lo_{level}:Q", axis=axis),
            y2=f"hi_{level}:Q",
            fill=alt.FillDatum(f"{level} %", scale=colours, legend=legend),
        )
        for level in levels
    ]
    return finish(alt.layer(*layers, *_lines(base, present, axis, quantity, levels)), height)


def _lines(
    base: alt.Chart, present: set[str], axis: alt.Axis, quantity: Quantity, levels: list[int]
) -> list[alt.Chart]:
    names = {**_LINES, "truth": _TRUTH}
    legend = alt.Legend(title=None, symbolType="stroke", symbolStrokeWidth=2)
    shown = {field: names[field] for field in ("observed", "forecast", "truth") if field in present}
    scale = alt.Scale(
        domain=[label for label, _ in shown.values()],
        range=[colour for _, colour in shown.values()],
    )
    tooltips = [alt.Tooltip("time:T", title="time", format="%a %-d %b %Y %H:%M", formatType="utc")]
    tooltips += [
        alt.Tooltip(f"{field}:Q", title=label, format=quantity.axis_format)
        for field, (label, _) in shown.items()
    ]
    for level in levels:
        tooltips += [
            alt.Tooltip(f"{end}_{level}:Q", title=f"{end} {level} %", format=quantity.axis_format)
            for end in ("lo", "hi")
        ]
    return [
        base.transform_filter(f"isValid(datum.{field})")
        .mark_line(
            strokeWidth=2 if field != "truth" else 1.5,
            strokeDash=[5, 3] if field == "truth" else [1, 0],
            point={"size": 14, "filled": True} if field == "observed" else False,
        )
        .encode(
            y=alt.Y(f"{field}:Q", axis=axis),
            stroke=alt.StrokeDatum(label, scale=scale, legend=legend),
            tooltip=tooltips,
        )
        for field, (label, _) in shown.items()
    ]


def coverage(rows: ChartRows, *, height: int = 240) -> Chart:
    """Draw the coverage of intervals against their level.

    Parameters
    ----------
    rows : rows or pyarrow.Table
        `series` (what is forecast), `level` (percent), `covered` (percent of the counts inside).
    height : int
        Pixels.

    Examples
    --------
    >>> chart = coverage([{"series": "partition", "level": 80, "covered": 81.3}])
    >>> chart.height
    240
    """
    names = list(dict.fromkeys(row["series"] for row in rows_of(rows)))
    scale = alt.Scale(domain=[0, 100])
    diagonal = (
        alt.Chart(alt.Data(values=[{"level": 0, "covered": 0}, {"level": 100, "covered": 100}]))
        .mark_line(color=MUTED, strokeDash=[4, 4], strokeWidth=1)
        .encode(x="level:Q", y="covered:Q")
    )
    base = alt.Chart(data_of(rows)).encode(
        x=alt.X(
            "level:Q",
            scale=scale,
            axis=alt.Axis(title="level of the interval (%)", values=[0, 25, 50, 80, 95]),
        ),
        y=alt.Y("covered:Q", scale=scale, axis=alt.Axis(title="held-out hours inside (%)")),
        color=alt.Color(
            "series:N",
            scale=alt.Scale(domain=names, range=list(SERIES[: len(names)])),
            legend=alt.Legend(title=None, columns=2),
        ),
        tooltip=[
            alt.Tooltip("series:N", title="forecast of"),
            alt.Tooltip("level:Q", title="level (%)"),
            alt.Tooltip("covered:Q", title="inside (%)", format=".1f"),
        ],
    )
    return finish(diagonal + base.mark_line(strokeWidth=1.5) + base.mark_point(filled=True), height)
