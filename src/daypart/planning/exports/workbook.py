"""The plan as an Excel workbook, formatted as a planner expects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import xlsxwriter

from daypart.planning.outcome.plan_result import CampaignPlan
from daypart.storage.files import atomic_path
from daypart.storage.location import PathLike

_MONEY, _WHOLE, _TENTH, _PERCENT, _TEXT = "money", "whole", "tenth", "percent", "text"
_GAP = "gap"
_SUMMARY_WIDTH = 44
_NOTES_WIDTHS = (38, 100)
_LINE = 15
"""Height of a line of text, in points."""
_HEADER = {
    "bold": True,
    "bottom": 1,
    "bg_color": "#E8EDF2",
    "text_wrap": True,
    "valign": "top",
}
_FORMATS = {
    _MONEY: {"num_format": "#,##0"},
    _WHOLE: {"num_format": "#,##0"},
    _TENTH: {"num_format": "#,##0.0"},
    _PERCENT: {"num_format": '0.0"%"'},
    _GAP: {"num_format": '0.00"%"'},
    _TEXT: {},
    "header": _HEADER,
    "number header": _HEADER | {"align": "right"},
    "title": {"bold": True, "font_size": 16},
    "strong": {"bold": True, "valign": "top"},
    "total": {"bold": True, "top": 1},
    **{
        f"total {kind}": {"bold": True, "top": 1, "num_format": style}
        for kind, style in ((_MONEY, "#,##0"), (_WHOLE, "#,##0"), (_TENTH, "#,##0.0"))
    },
    f"total {_PERCENT}": {"bold": True, "top": 1, "num_format": '0.0"%"'},
    "value": {"text_wrap": True, "valign": "top", "align": "right"},
    "wrap": {"text_wrap": True, "valign": "top"},
}

_AS_GIVEN = {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}
"""A text stays a text in every cell, whatever it begins with."""


class _Book:
    """A workbook with daypart's formats, and one way to write a table."""

    def __init__(self, path: str, name: str) -> None:
        self.name = name

        self.book = xlsxwriter.Workbook(path, _AS_GIVEN)
        self.formats = {name: self.book.add_format(style) for name, style in _FORMATS.items()}

    def table(
        self,
        title: str,
        columns: Sequence[tuple[str, str, str]],
        rows: Sequence[dict[str, Any]],
        fixed_columns: int = 1,
        total: dict[str, Any] | None = None,
    ) -> Any:
        """Add a sheet with a table.

        Parameters
        ----------
        title : str
            Of the sheet.
        columns : sequence of (key, heading, kind)
            Kinds are names in `_FORMATS`.
        rows : sequence of dict
        fixed_columns : int
            Columns that stay in view.
        total : dict, optional
            The last row.
        """
        sheet = self.sheet(title, wide=True)
        lines = 1
        for number, (key, heading, kind) in enumerate(columns):
            longest = max([len(str(row.get(key, ""))) for row in rows], default=0)
            width = min(40, max(12, longest + 2)) if kind == _TEXT else 14
            sheet.set_column(number, number, width)
            lines = max(lines, lines_of(heading, width))
            style = "header" if kind == _TEXT else "number header"
            sheet.write(0, number, heading, self.formats[style])
            for line, row in enumerate(rows, start=1):
                self.cell(sheet, line, number, row.get(key), kind)
            if total is not None and key in total:
                style = "total" if kind == _TEXT else f"total {kind}"
                sheet.write(len(rows) + 1, number, total[key], self.formats[style])
        sheet.set_row(0, lines * _LINE + 3)
        sheet.repeat_rows(0)
        sheet.freeze_panes(1, fixed_columns)
        if rows:
            sheet.autofilter(0, 0, len(rows), len(columns) - 1)
        return sheet

    def sheet(self, title: str, *, wide: bool = False) -> Any:
        """Add a sheet that prints one page wide, with the campaign and the page's number below.

        Parameters
        ----------
        title : str
        wide : bool
            Print it in landscape.
        """
        sheet = self.book.add_worksheet(title)
        if wide:
            sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.5, right=0.5)
        sheet.set_footer("&L" + self.name.replace("&", "&&") + "&C&A&RPage &P of &N")
        return sheet

    def cell(self, sheet: Any, row: int, column: int, value: Any, kind: str) -> None:
        """Write one value: a number as a number, None as an empty cell.

        Parameters
        ----------
        sheet : worksheet
        row, column : int
            From 0.
        value : str, float or None
        kind : str
            A name in `_FORMATS`.
        """
        if value is None:
            sheet.write_blank(row, column, None)
        elif isinstance(value, str):
            sheet.write_string(row, column, value)
        else:
            sheet.write_number(row, column, value, self.formats[kind])


def lines_of(text: str, width: float) -> int:
    """Return how many lines a text needs in a column.

    Parameters
    ----------
    text : str
    width : float
        Of the column, in characters.
    """
    lines, used = 1, 0
    for word in text.split():
        if used and used + 1 + len(word) > width - 1:
            lines, used = lines + 1, len(word)
        else:
            used += len(word) + (used > 0)
    return lines


def write_workbook(plan: CampaignPlan, path: PathLike) -> None:
    """Write the plan's workbook: summary, flowchart, mixes, reach curve, frequency and notes.

    Parameters
    ----------
    plan : CampaignPlan
    path : path-like
        The file, ending in `.xlsx`; replaced as a whole.
    """
    with atomic_path(path) as temporary:
        book = _Book(str(temporary), plan.campaign)
        _summary(book, plan)
        _flowchart(book, plan)
        _mix(book, plan, "Network mix", plan.by_network, "Network")
        _heat_map(book, plan)
        _mix(book, plan, "Market ranker", plan.by_market, "Market")
        _reach_curve(book, plan)
        book.table(
            "Frequency",
            [
                ("exposures", "Exposures", _TEXT),
                ("households", "Households", _WHOLE),
                ("percent", "Of the target", _PERCENT),
            ],
            plan.frequency_distribution,
        )
        _notes(book, plan)
        book.book.close()


def _summary(book: _Book, plan: CampaignPlan) -> None:
    sheet = book.sheet("Summary")
    sheet.set_column(0, 0, 44)
    sheet.set_column(1, 1, _SUMMARY_WIDTH)
    sheet.write(0, 0, plan.campaign, book.formats["title"])
    sheet.write(1, 0, "Simulated audience data" if plan.simulated else "")
    in_money = plan.objective_unit == plan.currency
    rows: list[tuple[str, Any, str]] = [
        ("Target", plan.segment, _TEXT),
        ("Flight", f"{plan.brief['first_day']} to {plan.brief['last_day']}", _TEXT),
        ("Markets", len(plan.by_market), _WHOLE),
        (f"Budget ({plan.currency})", plan.asked, _MONEY),
        (f"Spent ({plan.currency})", plan.spent, _MONEY),
        *_reached(plan),
        ("Average frequency", plan.average_frequency, _TENTH),
        ("GRP", plan.grp["mean"], _TENTH),
        ("  80 % interval, from", plan.grp["lo_80"], _TENTH),
        ("  80 % interval, to", plan.grp["hi_80"], _TENTH),
        ("Impressions (households)", plan.impressions["mean"], _WHOLE),
        ("Universe estimate (households)", plan.universe_estimate, _WHOLE),
        ("Panel households (raw)", plan.panel_households, _WHOLE),
        ("Reach 1+ of an even split", plan.even_split["reach_percent"], _PERCENT),
        ("Status", plan.status, _TEXT),
        (
            f"Objective ({plan.objective_name.replace('_', ' ')}, {plan.objective_unit})",
            plan.objective,
            _MONEY if in_money else _TENTH,
        ),
        ("Bound: no plan does better than", plan.bound, _MONEY if in_money else _TENTH),
        ("Optimisation gap", _percent(plan.gap), _GAP),
        ("Sampling gap", _percent(plan.sampling_gap), _GAP),
        *_listed("Limited by", [str(row["limit"]) for row in plan.limited_by]),
        *_listed("Breaks", plan.broken),
    ]
    for line, (label, value, kind) in enumerate(rows, start=3):
        sheet.write(line, 0, label, book.formats["strong"])
        if isinstance(value, str):
            sheet.write_string(line, 1, value, book.formats["value"])
            sheet.set_row(line, _LINE * lines_of(value, _SUMMARY_WIDTH))
        else:
            book.cell(sheet, line, 1, value, kind)
    sheet.freeze_panes(3, 1)


def _reached(plan: CampaignPlan) -> list[tuple[str, Any, str]]:
    """Write reach 1+ with its interval, and every other level of the plan."""
    rows: list[tuple[str, Any, str]] = []
    for level, reach in plan.reach.items():
        rows += [
            (f"Reach {level}", reach["percent"], _PERCENT),
            ("  80 % interval, from", reach["lo_80"], _PERCENT),
            ("  80 % interval, to", reach["hi_80"], _PERCENT),
        ]
    return rows


def _listed(label: str, texts: Sequence[str]) -> list[tuple[str, Any, str]]:
    """Write texts one below the other, the label beside the first."""
    return [(label if n == 0 else "", text, _TEXT) for n, text in enumerate(texts)]


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * share


def _flowchart(book: _Book, plan: CampaignPlan) -> None:
    """Spots by cell (rows) and week (columns)."""
    weeks = [str(row["name"]) for row in plan.by_week]
    cells: dict[tuple[str, str, str], dict[str, Any]] = defaultdict(
        lambda: {"spots": 0, "cost": 0.0}
    )
    for line in plan.lines:
        row = cells[line.market_name, line.network, line.daypart]
        row |= {"market": line.market_name, "network": line.network, "daypart": line.daypart}
        row[line.week] = row.get(line.week, 0) + line.spots
        row["spots"] += line.spots
        row["cost"] += line.cost
    columns = [
        ("market", "Market", _TEXT),
        ("network", "Network", _TEXT),
        ("daypart", "Daypart", _TEXT),
        *((week, f"Week of\n{week}", _WHOLE) for week in weeks),
        ("spots", "Spots", _WHOLE),
        ("cost", f"Cost ({plan.currency})", _MONEY),
    ]
    total: dict[str, Any] = {str(row["name"]): row["spots"] for row in plan.by_week}
    total |= {"market": "Total", "spots": sum(total.values()), "cost": plan.spent}
    book.table("Flowchart", columns, list(cells.values()), fixed_columns=3, total=total)


def _mix(
    book: _Book, plan: CampaignPlan, title: str, rows: Sequence[dict[str, Any]], heading: str
) -> None:
    columns = [
        ("name", heading, _TEXT),
        ("spots", "Spots", _WHOLE),
        ("spend", f"Spend ({plan.currency})", _MONEY),
        ("share_percent", "Share of spend", _PERCENT),
        ("grp", "GRP", _TENTH),
        ("impressions", "Impressions (households)", _WHOLE),
    ]
    more = [
        ("reach_percent", "Reach 1+"),
        ("incremental_percent", "Reach lost without it (points)"),
        ("panel_households", "Panel households (raw)"),
    ]
    kinds = {"reach_percent": _PERCENT, "incremental_percent": _TENTH, "panel_households": _WHOLE}
    columns += [(key, text, kinds[key]) for key, text in more if rows and key in rows[0]]
    ranked = sorted(rows, key=lambda row: (-row["spend"], row["name"]))
    total = {
        "name": "Total",
        "spots": sum(row["spots"] for row in rows),
        "spend": plan.spent,
        "share_percent": sum(row["share_percent"] for row in rows),
        "grp": plan.grp["mean"],
        "impressions": plan.impressions["mean"],
        "reach_percent": plan.reach["1+"]["percent"],
        "panel_households": plan.panel_households,
    }
    book.table(title, columns, ranked, total=total)


def _heat_map(book: _Book, plan: CampaignPlan) -> None:
    """Spots by network (rows) and daypart (columns), shaded by size."""
    dayparts = [str(row["name"]) for row in plan.by_daypart]
    grid: dict[str, dict[str, Any]] = {
        str(row["name"]): {"network": row["name"]} for row in plan.by_network
    }
    for line in plan.lines:
        row = grid[line.network]
        row[line.daypart] = row.get(line.daypart, 0) + line.spots
    rows = list(grid.values())
    columns = [("network", "Network", _TEXT), *((name, name, _WHOLE) for name in dayparts)]
    sheet = book.table("Daypart heat map", columns, rows)
    if rows and dayparts:
        scale = {"type": "2_color_scale", "min_color": "#FFFFFF", "max_color": "#7FB0DA"}
        sheet.conditional_format(1, 1, len(rows), len(dayparts), scale)


def _reach_curve(book: _Book, plan: CampaignPlan) -> None:
    columns = [
        ("budget", f"Budget ({plan.currency})", _MONEY),
        ("spent", f"Spent ({plan.currency})", _MONEY),
        ("reach_percent", "Reach 1+", _PERCENT),
        ("lo_80", "80 % interval, from", _PERCENT),
        ("hi_80", "80 % interval, to", _PERCENT),
    ]
    rows = plan.reach_curve
    sheet = book.table("Reach curve", columns, rows)
    if len(rows) < 2:
        return
    chart = book.book.add_chart({"type": "scatter", "subtype": "smooth_with_markers"})
    last = len(rows)
    chart.add_series(
        {
            "name": "Reach 1+",
            "categories": ["Reach curve", 1, 1, last, 1],
            "values": ["Reach curve", 1, 2, last, 2],
        }
    )
    chart.set_x_axis({"name": f"Spent ({plan.currency})", "num_format": "#,##0"})
    chart.set_y_axis({"name": "Reach 1+ (% of the target)", "min": 0, "num_format": "0"})
    chart.set_legend({"none": True})
    sheet.insert_chart("G2", chart)


def _notes(book: _Book, plan: CampaignPlan) -> None:
    sheet = book.sheet("Notes", wide=True)
    sheet.set_column(0, 0, _NOTES_WIDTHS[0])
    sheet.set_column(1, 1, _NOTES_WIDTHS[1])
    sheet.write(0, 0, "Term", book.formats["header"])
    sheet.write(0, 1, "Meaning", book.formats["header"])
    rows = [
        *plan.definitions.items(),
        *_counts_and_gaps(plan),
        *(("Note", note) for note in plan.notes),
    ]
    for line, (word, meaning) in enumerate(rows, start=1):
        sheet.write_string(line, 0, word, book.formats["wrap"])
        sheet.write_string(line, 1, meaning, book.formats["wrap"])
        pairs = zip((word, meaning), _NOTES_WIDTHS, strict=True)
        sheet.set_row(line, _LINE * max(lines_of(text, width) for text, width in pairs))
    sheet.repeat_rows(0)
    sheet.freeze_panes(1, 0)


def _counts_and_gaps(plan: CampaignPlan) -> list[tuple[str, str]]:
    """Return the raw households behind the figures, and the gaps."""
    rows = [("Panel households (raw), all markets", f"{plan.panel_households:,}")]
    rows += [
        (f"Panel households (raw), {row['name']}", f"{row['panel_households']:,}")
        for row in plan.by_market
    ]
    gaps = (("Optimisation gap", plan.gap), ("Sampling gap", plan.sampling_gap))
    rows += [
        (f"{name} of this plan", "not known" if gap is None else f"{100 * gap:.2f} %")
        for name, gap in gaps
    ]
    return rows
