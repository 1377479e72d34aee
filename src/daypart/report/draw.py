"""Draws the charts of a report: from panels to Vega-Lite specifications."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from daypart.report.content import Panel

MOST_CHARTS = 9


def draw_panels(panels: Sequence[Panel]) -> dict[str, dict[str, Any]]:
    """Return the Vega-Lite specification of each panel, by its name."""
    assert len(panels) <= MOST_CHARTS, "a report has at most nine charts"
    assert len({panel.name for panel in panels}) == len(panels), "panel names are unique"
    return {panel.name: panel.draw().to_dict(validate=False) for panel in panels}


def as_script_json(content: Any) -> str:
    r"""Write JSON that can stand in a script element: no markup can begin or end in it.

    Examples
    --------
    >>> as_script_json({"network": "</script>"})
    '{"network":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
