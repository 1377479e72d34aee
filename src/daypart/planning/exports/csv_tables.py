"""CSV tables: a plan's lines and its reach curve, and any other rows of numbers and texts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from daypart.planning.outcome.plan_result import CampaignPlan, Line
from daypart.storage.files import write_text
from daypart.storage.location import PathLike


def csv_text(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    r"""Return rows as CSV, numbers with at most six decimals.

    Parameters
    ----------
    names : sequence of str
        The columns, in their order.
    rows : iterable of mappings
        From names of columns to values; a missing value is an empty cell.

    Raises
    ------
    ValueError
        Where a row has a column that `names` lacks.

    Examples
    --------
    >>> csv_text(["name", "grp"], [{"name": "CNN", "grp": 1 / 3}])
    'name,grp\nCNN,0.333333\n'
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()})
    return text.getvalue()


def write_lines(plan: CampaignPlan, path: PathLike) -> None:
    """Write a plan's lines as CSV.

    Parameters
    ----------
    plan : CampaignPlan
    path : path-like
        The file.
    """
    names = [field.name for field in fields(Line)]
    write_text(path, csv_text(names, [asdict(line) for line in plan.lines]))


def write_reach_curve(plan: CampaignPlan, path: PathLike) -> None:
    """Write a plan's reach curve as CSV.

    Parameters
    ----------
    plan : CampaignPlan
    path : path-like
        The file.
    """
    names = ["budget", "spent", "reach_percent", "lo_80", "hi_80"]
    write_text(path, csv_text(names, plan.reach_curve))
