"""The shapes of what `insights` and `backtest` record, for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from daypart.storage.shapes import Natural, Tested


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


@dataclass(frozen=True)
class InsightsDocument:
    """`insights.json`."""

    headlines: Sequence[str] = ()
    definitions: Mapping[str, str] | None = None
    min_households: Natural = 0
    min_contributors: Natural = 0
    suppressed_cells: Natural = 0
    unit: str = ""
    window: str = ""
    crediting: str = ""
    simulated: bool = False


@dataclass(frozen=True)
class Score:
    """The scores of a model on a level of totals."""

    level: str
    model: str
    series: Natural = 0
    hours: Natural = 0
    mean_per_hour: float | None = None
    crps: float | None = None
    log_score: float | None = None
    pinball: float | None = None
    wape: float | None = None
    coverage_50: float | None = None
    coverage_80: float | None = None
    coverage_95: float | None = None
    inside_50: float | None = None
    inside_80: float | None = None
    inside_95: float | None = None


@dataclass(frozen=True)
class BacktestDocument:
    """`backtest.json`."""

    models: Annotated[Sequence[str], Tested(lambda models: len(models) > 0, "a list of models")]
    held_out_hours: Natural
    first_hour: Annotated[str, Tested(_is_time, "a time with its zone")]
    levels: Sequence[Score]
    partitions: Natural = 0
    not_scored: Natural = 0
