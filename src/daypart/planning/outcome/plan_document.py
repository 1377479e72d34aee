"""The shapes of `plan.json` and `delivery.json`, checked before anything reads their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from daypart.series.store_document import Day
from daypart.storage.shapes import Natural, Tested

Figure = float | Literal["suppressed"] | None
Figures = Mapping[str, Figure]


def _is_level(name: str) -> bool:
    return name.endswith("+") and name[:-1].isascii() and name[:-1].isdigit() and len(name) < 5


def _are_levels(reach: Mapping[str, object]) -> bool:
    return "1+" in reach and all(map(_is_level, reach))


@dataclass(frozen=True)
class Line:
    """Spots of a week in a market x network x daypart."""

    market: str
    market_name: str
    network: str
    daypart: str
    week: Day
    spots: Annotated[int, Tested(lambda spots: 0 < spots < 10**6, "a number of spots")]
    cost: float
    grp: Figure = None
    impressions: Figure = None


@dataclass(frozen=True)
class Group:
    """Figures of a market, network, daypart or week."""

    name: str
    spots: Natural
    spend: float
    share_percent: float
    panel_households: Natural | None = None
    reach_percent: Figure = None
    incremental_percent: Figure = None
    added_percent: Figure = None
    cumulative_reach_percent: Figure = None
    impressions: Figure = None
    impressions_lo_80: Figure = None
    impressions_hi_80: Figure = None
    lo_80: Figure = None
    hi_80: Figure = None


@dataclass(frozen=True)
class MarketGroup(Group):
    """Figures of a market."""

    code: str = ""


@dataclass(frozen=True)
class Reached:
    """Reach at a level."""

    percent: Figure
    lo_80: Figure
    hi_80: Figure
    households: Figure = None


@dataclass(frozen=True)
class Estimated:
    """A figure with its interval."""

    mean: Figure
    lo_80: Figure
    hi_80: Figure


@dataclass(frozen=True)
class CurvePoint:
    """A budget and what it reaches."""

    budget: float
    spent: float
    reach_percent: Figure
    lo_80: Figure
    hi_80: Figure


@dataclass(frozen=True)
class FrequencyBin:
    """Households by exposures."""

    exposures: str
    households: Figure
    percent: Figure


@dataclass(frozen=True)
class Limit:
    """A limit that binds."""

    limit: str
    worth: float | None = None


@dataclass(frozen=True)
class PlannedBrief:
    """The part of a brief that a delivery needs."""

    first_day: Day
    last_day: Day
    spot_length: float | None = None


Levels = Annotated[Mapping[str, Reached], Tested(_are_levels, "reach 1+ and at other levels")]


@dataclass(frozen=True)
class PlanDocument:
    """`plan.json`."""

    status: str
    spent: float
    reach: Levels
    lines: Sequence[Line]
    campaign: str = ""
    simulated: bool = False
    segment: str = ""
    currency: str = ""
    objective: Figure = None
    objective_name: str = ""
    objective_unit: str = ""
    bound: Figure = None
    gap: float | None = None
    envelope_gap: float | None = None
    sampling_gap: float | None = None
    limited_by: Sequence[Limit] | None = None
    broken: Sequence[str] | None = None
    asked: float | None = None
    average_frequency: Figure = None
    grp: Estimated | None = None
    impressions: Estimated | None = None
    universe_estimate: Figure = None
    panel_households: Natural | None = None
    even_split: Figures | None = None
    reach_curve: Sequence[CurvePoint] | None = None
    frequency_distribution: Sequence[FrequencyBin] | None = None
    by_market: Sequence[MarketGroup] | None = None
    by_network: Sequence[Group] | None = None
    by_daypart: Sequence[Group] | None = None
    by_week: Sequence[Group] | None = None
    definitions: Mapping[str, str] | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class FlownGroup:
    """Figures with which delivery is compared."""

    name: str
    reach_percent: Figure = None
    cumulative_reach_percent: Figure = None
    impressions_lo_80: Figure = None
    impressions_hi_80: Figure = None
    lo_80: Figure = None
    hi_80: Figure = None


@dataclass(frozen=True)
class FlownMarket(FlownGroup):
    """Figures of a market with which delivery is compared."""

    code: str = field(kw_only=True)


@dataclass(frozen=True)
class FlownPlan:
    """`plan.json` as `measure` needs it."""

    lines: Sequence[Line]
    reach: Levels
    spent: float
    brief: PlannedBrief
    by_market: Sequence[FlownMarket]
    by_week: Sequence[FlownGroup]
    impressions: Estimated
    grp: Estimated
    average_frequency: Figure
    by_network: Sequence[FlownGroup] = ()
    by_daypart: Sequence[FlownGroup] = ()
    campaign: str = ""
    segment: str = ""
    currency: str = ""
    simulated: bool = False


@dataclass(frozen=True)
class DeliveredWeek:
    """Planned and delivered reach of the weeks up to one."""

    name: str
    cumulative_reach: Figure = None
    cumulative_reach_planned: Figure = None
    cumulative_reach_lo_80: Figure = None
    cumulative_reach_hi_80: Figure = None


@dataclass(frozen=True)
class DeliveredMarket:
    """Planned and delivered figures of a market."""

    name: str
    spots_planned: Natural
    spots_aired: Natural
    planned: Figure
    delivered: Figure
    delivery_index: Figure
    lo_80: Figure = None
    hi_80: Figure = None


@dataclass(frozen=True)
class DeliveredFigure:
    """A planned figure with its interval, and as delivered."""

    planned: Figure
    delivered: Figure
    lo_80: Figure = None
    hi_80: Figure = None
    index: Figure = None


@dataclass(frozen=True)
class DeliveryDocument:
    """`delivery.json`."""

    rows: Natural
    used: Natural
    set_aside: Mapping[str, Natural]
    spots: DeliveredFigure
    cost: DeliveredFigure
    impressions: DeliveredFigure
    grp: DeliveredFigure
    reach: Annotated[Mapping[str, DeliveredFigure], Tested(_are_levels, "reach 1+ and others")]
    by_market: Sequence[DeliveredMarket]
    by_week: Sequence[DeliveredWeek]
    under: float
    under_delivered: Sequence[str]
