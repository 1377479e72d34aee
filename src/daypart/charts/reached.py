"""Charts of what networks add to reach, and of what was delivered against the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from daypart.charts.look import (
    BANDS,
    BLUE,
    INK,
    MUTED,
    ORANGE,
    data_of,
    finish,
    names_axis,
    rows_of,
    wrap_label,
)
from daypart.charts.quantities import PERCENT

if TYPE_CHECKING:
    import altair as alt
_ROOM = 1.25
"""Width beside the last bar for its label, on a phone too, as a factor."""
_ROW = 22


def added_reach(
    rows: Iterable[Mapping[str, Any]] | pa.Table, *, height: int | None = None
) -> alt.Chart | alt.LayerChart:
    """Draw the waterfall of incremental reach: what each network adds to those above it.

    Parameters
    ----------
    rows : rows or pyarrow.Table
        In the order to draw: `network`, `start`, `end` (percent; the bar), `added` (points),
        `reach`, `lo_80`, `hi_80` (percent, of the network alone; None where there is no such).
    height : int, optional
        Pixels; by default enough for every name.

    Examples
    --------
    >>> row = {"network": "CBS", "start": 0.0, "end": 31.0, "added": 31.0, "reach": 31.0}
    >>> len(added_reach([row | {"lo_80": 30.0, "hi_80": 32.0}]).layer)
    4
    """
    import altair as alt

    plain = [
        {
            **row,
            "label": wrap_label(row["network"]),
            "text": f"+{PERCENT.number(row['added'])}",
            # Right of the interval too, where that begins at the bar's end.
            "text_at": max(row["end"], row["hi_80"] or 0.0),
        }
        for row in rows_of(rows)
    ]
    far = max((max(row["end"], row["hi_80"] or 0.0) for row in plain), default=1.0)
    scale = alt.Scale(zero=True, domainMax=_ROOM * far)
    axis = alt.Axis(title="reach 1+ (% of the target)")
    base = alt.Chart(data_of(plain)).encode(
        y=alt.Y("label:N", sort=[row["label"] for row in plain], axis=names_axis(None)),
        tooltip=[
            alt.Tooltip("network:N"),
            alt.Tooltip("added:Q", title="added (points)", format=PERCENT.axis_format),
            alt.Tooltip("reach:Q", title="alone (%)", format=PERCENT.axis_format),
            alt.Tooltip("lo_80:Q", title="80 % from", format=PERCENT.axis_format),
            alt.Tooltip("hi_80:Q", title="80 % to", format=PERCENT.axis_format),
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
        height or max(120, _ROW * len(plain) + 40),
    )


def delivered_reach(
    rows: Iterable[Mapping[str, Any]] | pa.Table, *, height: int = 240
) -> alt.Chart | alt.LayerChart:
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
    import altair as alt

    plain = rows_of(rows)
    names = ("planned, with its 80 % interval", "delivered")
    base = alt.Chart(data_of(plain)).encode(
        x=alt.X(
            "week:O",
            sort=[row["week"] for row in plain],
            axis=alt.Axis(
                title="broadcast week (its Monday)",
                labelExpr="utcFormat(toDate(datum.value), '%-d %b')",
                labelAngle=0 if len(plain) <= 6 else -45,
                labelOverlap="greedy",
            ),
        ),
        tooltip=[
            alt.Tooltip("week:O"),
            alt.Tooltip("planned:Q", title="planned (%)", format=PERCENT.axis_format),
            alt.Tooltip("lo_80:Q", title="80 % from", format=PERCENT.axis_format),
            alt.Tooltip("hi_80:Q", title="80 % to", format=PERCENT.axis_format),
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
        base.mark_bar(size=18, color=BANDS[1]).encode(
            y=alt.Y("lo_80:Q", axis=axis, scale=scale), y2="hi_80:Q"
        )
        + dots("planned", names[0], "circle", 30)
        + dots("delivered", names[1], "diamond", 90),
        height,
    )
