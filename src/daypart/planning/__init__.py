"""From a brief to a campaign plan: reach and frequency, the optimiser, exports."""

from __future__ import annotations

from daypart.planning.brief import Brief, Limit, Limits, Pin, read_brief
from daypart.planning.planner import plan
from daypart.planning.results import Line, Plan, write_plan

__all__ = ["Brief", "Limit", "Limits", "Line", "Pin", "Plan", "plan", "read_brief", "write_plan"]
