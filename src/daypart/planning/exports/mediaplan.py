"""The plan in the MediaPlan open standard, for the tools that read it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from daypart.planning.outcome.plan_result import CampaignPlan, Line
from daypart.storage.files import write_json
from daypart.storage.location import PathLike

SCHEMA_VERSION = "v3.0"
_CREATED_BY = "daypart"


def write_media_plan(plan: CampaignPlan, path: PathLike) -> None:
    """Write a plan in the MediaPlan open standard, version 3.0.

    Parameters
    ----------
    plan : CampaignPlan
    path : path-like
        The JSON file.
    """
    created_at = dt.datetime.now(dt.UTC).replace(microsecond=0)
    write_json(path, media_plan(plan, created_at=created_at))


def media_plan(plan: CampaignPlan, *, created_at: dt.datetime) -> dict[str, Any]:
    """Put a plan into the MediaPlan open standard, version 3.0.

    A line item is a line of the plan: one network x daypart x market x broadcast week. The market
    and the week are custom dimensions and GRP is a custom metric, which the standard's dictionary
    names. A suppressed figure is left out.

    Parameters
    ----------
    plan : CampaignPlan
    created_at : datetime
        With its zone.

    References
    ----------
    Media CampaignPlan Open Data Standard, version 3.0.
    """
    identity = f"{plan.campaign}/{plan.brief['first_day']}/{plan.brief['last_day']}/{plan.segment}"
    name = uuid.uuid5(uuid.NAMESPACE_URL, identity).hex
    return {
        "meta": {
            "id": f"mediaplan_{name}",
            "schema_version": SCHEMA_VERSION,
            "name": plan.campaign,
            "created_by_name": _CREATED_BY,
            "created_at": created_at.isoformat(),
            "comments": " ".join(plan.notes),
        },
        "campaign": _campaign(plan, name),
        "lineitems": [
            _line_item(plan, line, f"lineitem_{name}_{number}")
            for number, line in enumerate(plan.lines, start=1)
        ],
        "dictionary": {
            "lineitem_custom_dimensions": {
                "dim_custom1": {"status": "enabled", "caption": "Market"},
                "dim_custom2": {"status": "enabled", "caption": "Broadcast week"},
            },
            "custom_metrics": {"metric_custom1": {"status": "enabled", "caption": "GRP"}},
        },
    }


def _campaign(plan: CampaignPlan, name: str) -> dict[str, Any]:
    figures = {f"Reach {level} (%)": row["percent"] for level, row in plan.reach.items()}
    figures |= {"GRP": plan.grp["mean"], "Average frequency": plan.average_frequency}
    shown = [(label, value) for label, value in figures.items() if not isinstance(value, str)][:5]
    kpis: dict[str, Any] = {}
    for number, (label, value) in enumerate(shown, start=1):
        kpis |= {f"kpi_name{number}": label, f"kpi_value{number}": round(float(value), 4)}
    return {
        "id": f"campaign_{name}",
        "name": plan.campaign,
        "objective": plan.objective_name,
        "start_date": str(plan.brief["first_day"]),
        "end_date": str(plan.brief["last_day"]),
        "budget_currency": plan.currency,
        "budget_total": plan.spent if plan.asked is None else plan.asked,
        "target_audiences": [
            {"name": plan.segment, "population_size": round(plan.universe_estimate)}
        ],
        "target_locations": [
            {
                "name": "Markets",
                "location_type": "DMA",
                "location_list": [str(row["code"]) for row in plan.by_market],
            }
        ],
        **kpis,
    }


def _line_item(plan: CampaignPlan, line: Line, identity: str) -> dict[str, Any]:
    monday = dt.date.fromisoformat(line.week)
    first, last = (dt.date.fromisoformat(plan.brief[key]) for key in ("first_day", "last_day"))
    item = {
        "id": identity,
        "name": f"{line.network}, {line.daypart}, {line.market_name}, week of {line.week}",
        "start_date": str(max(monday, first)),
        "end_date": str(min(monday + dt.timedelta(6), last)),
        "channel": "TV",
        "vehicle": line.network,
        "target_audience": plan.segment,
        "adformat": f":{plan.brief['spot_length']}",
        "kpi": "Reach",
        "dayparts": line.daypart,
        "dim_custom1": f"{line.market_name} ({line.market})",
        "dim_custom2": line.week,
        "cost_currency": plan.currency,
        "cost_total": line.cost,
        "cost_media": line.cost,
        "metric_units": line.spots,
    }
    if not isinstance(line.impressions, str):
        item["metric_impressions"] = round(line.impressions, 2)
    if not isinstance(line.grp, str):
        item["metric_custom1"] = round(line.grp, 4)
    return item
