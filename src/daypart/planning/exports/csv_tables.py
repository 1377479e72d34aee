"""CSV tables: a plan's lines and its reach curve."""

from __future__ import annotations

from dataclasses import asdict, fields

from daypart.planning.outcome.plan_result import CampaignPlan, Line
from daypart.storage.csv_tables import write_csv
from daypart.storage.location import PathLike


def write_lines(plan: CampaignPlan, path: PathLike) -> None:
    """Write a plan's lines as CSV.

    Parameters
    ----------
    plan : CampaignPlan
    path : path-like
        The file.
    """
    names = [field.name for field in fields(Line)]
    write_csv(path, [asdict(line) for line in plan.lines], names, decimals=6)


def write_reach_curve(plan: CampaignPlan, path: PathLike) -> None:
    """Write a plan's reach curve as CSV.

    Parameters
    ----------
    plan : CampaignPlan
    path : path-like
        The file.
    """
    names = ["budget", "spent", "reach_percent", "lo_80", "hi_80"]
    write_csv(path, plan.reach_curve, names, decimals=6)
