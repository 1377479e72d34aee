"""The files that a plan is written to: one line for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from daypart.planning.exports.csv_tables import write_lines, write_reach_curve
from daypart.planning.exports.mediaplan import write_media_plan
from daypart.planning.exports.workbook import write_workbook
from daypart.planning.outcome.plan_result import CampaignPlan
from daypart.storage.files import make_folder, write_json
from daypart.storage.location import Location, PathLike

Writer = Callable[[CampaignPlan, Location], None]


def _write_plan_json(plan: CampaignPlan, path: Location) -> None:
    write_json(path, plan.to_dict())


WRITERS: Final[dict[str, Writer]] = {
    "plan.csv": write_lines,
    "reach_curve.csv": write_reach_curve,
    "plan.xlsx": write_workbook,
    "mediaplan.json": write_media_plan,
    "plan.json": _write_plan_json,
}
"""From the name of a file to the function that writes a plan to it, in the order of writing."""


def write_plan(plan: CampaignPlan, out: PathLike) -> None:
    """Write every file of `WRITERS` into a folder.

    Parameters
    ----------
    plan : CampaignPlan
    out : path-like
        The folder, which is made where it is missing.

    Raises
    ------
    DaypartError
        Where the folder can't be written to.
    """
    folder = make_folder(out)
    for name, write in WRITERS.items():
        write(plan, folder / name)
