"""From a brief to a campaign plan: reach and frequency, the optimiser, exports."""

from __future__ import annotations

from daypart.planning.audience import Reach, reach
from daypart.planning.brief import Brief, read_brief
from daypart.planning.delivered import Delivery
from daypart.planning.delivery import measure, write_asrun
from daypart.planning.example import write_example_brief
from daypart.planning.limits import Limit, Limits, Pin
from daypart.planning.planner import plan
from daypart.planning.results import Line, Plan, write_plan
from daypart.planning.schedule import Schedule, read_schedule

__all__ = [
    "Brief",
    "Delivery",
    "Limit",
    "Limits",
    "Line",
    "Pin",
    "Plan",
    "Reach",
    "Schedule",
    "measure",
    "plan",
    "reach",
    "read_brief",
    "read_schedule",
    "write_asrun",
    "write_example_brief",
    "write_plan",
]
