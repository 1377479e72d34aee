"""The common look of all charts: palette, type sizes, axes, tooltips, and the width of the page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import altair as alt
import pyarrow as pa

from daypart.charts.quantities import Quantity

ChartRows: TypeAlias = Iterable[Mapping[str, Any]] | pa.Table
Chart: TypeAlias = alt.Chart | alt.LayerChart

INK = "#1b2733"
MUTED = "#566472"
GRID = "#e3e8ed"
BLUE = "#1f5fa8"
ORANGE = "#b8510d"
GREEN = "#1d7a5a"
PURPLE = "#6d4aa0"
INTERVALS = ("#d3e3f4", "#a9c9ea", "#7aabdc")
"""Colours of intervals, the widest interval first."""
SERIES = (BLUE, ORANGE, GREEN, PURPLE, MUTED)
SEQUENTIAL = "blues"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
FONT_SIZE = 12
LABEL_WIDTH = 24
ROW = 24
"""Height of a named row, in pixels."""
_SHORTENED_FROM = 10_000


def rows_of(rows: ChartRows) -> list[dict[str, Any]]:
    """Return a list of mappings or an Arrow table as plain rows.

    Examples
    --------
    >>> import pyarrow as pa
    >>> rows_of(pa.table({"network": ["CBS"], "spots": [3]}))
    [{'network': 'CBS', 'spots': 3}]
    """
    listed = rows.to_pylist() if hasattr(rows, "to_pylist") else rows
    return [{name: _plain(value) for name, value in row.items()} for row in listed]


def data_of(rows: ChartRows) -> alt.Data:
    """Return rows as the data of a chart, without pandas."""
    return alt.Data(values=rows_of(rows))


def wrap_label(name: str) -> str:
    r"""Break a long name into lines, so that no axis truncates it.

    Examples
    --------
    >>> wrap_label("A network with a name that does not end")
    'A network with a name\nthat does not end'
    """
    return "\n".join(textwrap.wrap(name, LABEL_WIDTH)) or name


def name_rows(rows: ChartRows, name: str) -> tuple[list[dict[str, Any]], alt.Y]:
    """Return rows with a wrapped `label`, and the vertical axis that names them in their order.

    Parameters
    ----------
    rows : rows or pyarrow.Table
    name : str
        The field with the name.
    """
    named = [{**row, "label": wrap_label(row[name])} for row in rows_of(rows)]
    order = list(dict.fromkeys(row["label"] for row in named))
    return named, alt.Y("label:N", sort=order, axis=names_axis())


def rows_height(count: int, least: int, row: int = ROW) -> int:
    """Return the height of a chart of named rows, in pixels.

    Parameters
    ----------
    count : int
        The number of rows.
    least : int
        The smallest height, in pixels.
    row : int
        Height of a row, in pixels.
    """
    return max(least, row * count + 40)


def interval_tooltips(field: str, title: str, quantity: Quantity) -> list[alt.Tooltip]:
    """Return the tooltips of a figure and the ends of its 80 % interval.

    Parameters
    ----------
    field, title : str
        Of the figure; the fields of the interval are `lo_80` and `hi_80`.
    quantity : Quantity
        Its rounding.
    """
    shown = {field: title, "lo_80": "80 % from", "hi_80": "80 % to"}
    return [
        alt.Tooltip(f"{name}:Q", title=text, format=quantity.axis_format)
        for name, text in shown.items()
    ]


def interval_dots(
    base: alt.Chart, field: str, axis: alt.Axis, scale: alt.Scale
) -> tuple[alt.Chart, alt.Chart]:
    """Return the layers of a figure along the horizontal axis: its 80 % interval, and a dot.

    Parameters
    ----------
    base : altair.Chart
        With data and vertical axis.
    field : str
        The figure; the fields of the interval are `lo_80` and `hi_80`.
    axis, scale
        Of the horizontal axis.
    """
    interval = base.mark_rule(strokeWidth=5, color=INTERVALS[1]).encode(
        x=alt.X("lo_80:Q", axis=axis, scale=scale), x2="hi_80:Q"
    )
    dot = base.mark_point(filled=True, size=70, color=BLUE, opacity=1).encode(
        x=alt.X(f"{field}:Q", scale=scale)
    )
    return interval, dot


def finish(chart: Chart, height: int) -> Chart:
    """Apply the common look, the width of the container and a height in pixels.

    Parameters
    ----------
    chart : altair chart
    height : int
        Pixels.
    """
    return (
        chart.properties(width="container", height=height, background="white")
        .configure(
            font=FONT, aria=False, padding=4, autosize={"type": "fit-x", "contains": "padding"}
        )
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=FONT_SIZE,
            titleFontSize=FONT_SIZE,
            titleFontWeight="normal",
            labelColor=MUTED,
            titleColor=INK,
            gridColor=GRID,
            domainColor="#9aa7b3",
            tickColor="#9aa7b3",
            labelLimit=0,
        )
        .configure_legend(
            orient="top",
            labelFontSize=FONT_SIZE,
            titleFontSize=FONT_SIZE,
            titleFontWeight="normal",
            labelColor=INK,
            titleColor=INK,
            labelLimit=0,
            columns=3,
        )
    )


def amount_axis(title: str, largest: float, **settings: Any) -> alt.Axis:
    """Return an axis of amounts, in thousands (k) and millions (M) from 10,000 on.

    Parameters
    ----------
    title : str
    largest : float
        The largest amount on it.
    settings
        Of `altair.Axis`.
    """
    return alt.Axis(
        title=title,
        format="~s" if largest >= _SHORTENED_FROM else ",~r",
        labelExpr="datum.value == 0 ? '0' : datum.label",
        **settings,
    )


def weeks_axis(weeks: int, **settings: Any) -> alt.Axis:
    """Return an axis of broadcast weeks, each named by its Monday.

    Parameters
    ----------
    weeks : int
        Their number.
    settings
        Of `altair.Axis`.
    """
    return alt.Axis(
        title="broadcast week (its Monday)",
        labelExpr="utcFormat(toDate(datum.value), '%-d %b')",
        labelAngle=0 if weeks <= 6 else -45,
        labelOverlap="greedy",
        **settings,
    )


def names_axis() -> alt.Axis:
    """Return an axis of names, none of them cut or left out."""
    return alt.Axis(
        title=None,
        labelExpr="split(datum.label, '\\n')",
        labelOverlap=False,
        labelColor=INK,
        domain=False,
        ticks=False,
        grid=False,
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
