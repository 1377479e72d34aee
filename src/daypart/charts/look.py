"""The one look of all charts: palette, type sizes, and what makes them fit any width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import altair as alt
INK = "#1b2733"
MUTED = "#566472"
GRID = "#e3e8ed"
BLUE = "#1f5fa8"
ORANGE = "#b8510d"
GREEN = "#1d7a5a"
PURPLE = "#6d4aa0"
BANDS = ("#d3e3f4", "#a9c9ea", "#7aabdc")
"""The widest interval first."""
SERIES = (BLUE, ORANGE, GREEN, PURPLE, MUTED)
SEQUENTIAL = "blues"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
FONT_SIZE = 12
LABEL_WIDTH = 24
_SHORTENED_FROM = 10_000


def rows_of(rows: Iterable[Mapping[str, Any]] | pa.Table) -> list[dict[str, Any]]:
    """Take a list of mappings or an Arrow table as plain rows.

    Examples
    --------
    >>> import pyarrow as pa
    >>> rows_of(pa.table({"network": ["CBS"], "spots": [3]}))
    [{'network': 'CBS', 'spots': 3}]
    """
    listed = rows.to_pylist() if hasattr(rows, "to_pylist") else rows
    return [{name: _plain(value) for name, value in row.items()} for row in listed]


def data_of(rows: Iterable[Mapping[str, Any]] | pa.Table) -> alt.Data:
    """Put rows into a chart, without pandas."""
    import altair as alt

    return alt.Data(values=rows_of(rows))


def wrap_label(name: str) -> str:
    r"""Break a long name into lines, so that no axis cuts it.

    Examples
    --------
    >>> wrap_label("A network with a name that does not end")
    'A network with a name\nthat does not end'
    """
    return "\n".join(textwrap.wrap(name, LABEL_WIDTH)) or name


def finish(chart: alt.Chart | alt.LayerChart, height: int) -> alt.Chart | alt.LayerChart:
    """Give a chart the common look, the width of its container and a height in pixels."""
    return (
        chart.properties(width="container", height=height, background="white")
        .configure(
            font=FONT,
            aria=False,
            padding=4,
            autosize={"type": "fit-x", "contains": "padding"},
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
    """Return an axis of amounts, in thousands (k) and millions (M) from 10,000 on."""
    import altair as alt

    return alt.Axis(
        title=title,
        format="~s" if largest >= _SHORTENED_FROM else ",~r",
        labelExpr="datum.value == 0 ? '0' : datum.label",
        **settings,
    )


def names_axis(title: str | None) -> alt.Axis:
    """Return an axis of names that shows every one of them whole."""
    import altair as alt

    return alt.Axis(
        title=title,
        labelExpr="split(datum.label, '\\n')",
        labelOverlap=False,
        labelColor=INK,
        domain=False,
        ticks=False,
        grid=False,
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
