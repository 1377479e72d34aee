"""A finished plan: its lines, its figures and their summary in sentences."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from daypart.storage.files import plain


@dataclass(frozen=True)
class Line:
    """Spots bought in one cell in one broadcast week.

    Parameters
    ----------
    market, market_name, network, daypart, week : str
        The week is named by its Monday.
    spots : int
    cost : float
        Of all the line's spots.
    grp : float or str
        Points of the target in this market.
    impressions : float or str
        Households of the target.
    """

    market: str
    market_name: str
    network: str
    daypart: str
    week: str
    spots: int
    cost: float
    grp: float | str
    impressions: float | str


@dataclass(frozen=True)
class CampaignPlan:
    """A campaign plan with the proof of how good it is; `plan.json` holds the same fields.

    Parameters
    ----------
    status : str
        `optimal` (within the requested gap), `feasible` (the gap is wider) or `evaluated`.
    objective, bound : float or None
        The optimised figure of the surrogate and what no plan within the limits can exceed, in
        the unit of `objective_unit`.
    gap : float or None
        `(bound - objective) / objective`; None for an evaluated schedule that breaks limits, which
        the bound does not hold for.
    envelope_gap : float or None
        The part of the gap that comes from bounding reach k+ by its concave envelope, relative;
        None for the other objectives.
    sampling_gap : float or None
        How much less reach a plan gets on households it was not optimised on, relative.
    limited_by : list of dict
        Limits that bind: `limit` in the brief's words, `worth` in points of objective for one
        percent more budget (or one point more share).
    shadow_prices : dict
        Points of objective: `budget` and `markets`, for one more `unit` of money in all and spent
        in one market; `limits`, for each limit loosened by its own unit.
    broken : list of str
        Limits that an evaluated schedule does not keep.
    asked, spent : float
        The budget (None without one) and the cost of the plan.
    reach : dict
        `"1+"`, `"3+"` ...: percent, households, se, lo_80, hi_80.
    lines : list of Line
    notes, input_notes : list of str
        On the figures, and on names in the rate card and the schedule; `notes` has both.
    """

    campaign: str
    simulated: bool
    status: str
    objective: float | None
    objective_name: str
    objective_unit: str
    bound: float | None
    gap: float | None
    envelope_gap: float | None
    sampling_gap: float | None
    limited_by: list[dict[str, Any]]
    shadow_prices: dict[str, Any]
    broken: list[str]
    asked: float | None
    spent: float
    currency: str
    segment: str
    reach: dict[str, dict[str, Any]]
    average_frequency: float | str
    grp: dict[str, Any]
    impressions: dict[str, Any]
    universe_estimate: float
    panel_households: int
    even_split: dict[str, Any]
    lines: list[Line]
    reach_curve: list[dict[str, Any]]
    frequency_distribution: list[dict[str, Any]]
    by_market: list[dict[str, Any]]
    by_network: list[dict[str, Any]]
    by_daypart: list[dict[str, Any]]
    by_week: list[dict[str, Any]]
    calibration: dict[str, Any]
    brief: dict[str, Any]
    definitions: dict[str, str]
    notes: list[str]
    input_notes: list[str]

    def sentences(self) -> list[str]:
        """Return the plan in a few sentences, each figure with its unit."""
        asked = "" if self.asked is None else f" of {self.asked:,.0f} asked"
        money = f"spends {self.spent:,.0f} {self.currency}{asked}"
        spots = sum(line.spots for line in self.lines)
        one = self.reach["1+"]
        found = [f"{self.campaign} {money} on {spots:,} spots for {self.segment}"]
        evenly = self.even_split["reach_percent"]
        found.append(
            f"reach 1+ {one['percent']:.1f} % ({one['lo_80']:.1f} to {one['hi_80']:.1f} %, "
            f"80 % interval), {self.grp['mean']:,.1f} GRP, average frequency "
            f"{self.average_frequency:.1f}; the same money spread evenly reaches "
            + (evenly if isinstance(evenly, str) else f"{evenly:.1f} %")
        )
        if self.gap is not None:
            held = "" if self.sampling_gap is None else f", sampling gap {self.sampling_gap:.1%}"
            found.append(f"{self.status}: within {self.gap:.2%} of the best possible plan{held}")
        if self.envelope_gap is not None and self.envelope_gap >= 1e-4:
            found.append(
                f"{self.envelope_gap:.2%} of that is the bound's envelope of reach k+, not the plan"
            )
        if self.broken:
            found.append(f"breaks {', '.join(self.broken)}")
        limits = ", ".join(str(row["limit"]) for row in self.limited_by[:3])
        more = f" and {len(self.limited_by) - 3} more" if len(self.limited_by) > 3 else ""
        if limits:
            found.append(f"limited by {limits}{more}")
        return [*found, *self.input_notes]

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain lists, texts and numbers; what is not finite is null."""
        content: dict[str, Any] = plain(asdict(self))
        return content
