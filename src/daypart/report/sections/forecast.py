"""The section on the weeks ahead: a forecast after the weeks that were counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from daypart.charts.forecast import forecast_fan
from daypart.charts.quantities import COUNT, HOUSEHOLDS, PERCENT
from daypart.report.content import ChartPanel, Section, as_download
from daypart.report.sections.counts import counted_days, counted_hours, wall_clock
from daypart.report.sources import Sources
from daypart.series.local_time import datetime_to_hour, hour_to_datetime
from daypart.series.store import SeriesStore
from daypart.wording import span_of

_HOURS_DRAWN = 14 * 24
_NOT_KEYS = {"ds", "mean", "median", "partitions", "without_forecast"}
_LEVELS = (50, 80, 95)


def forecast_section(sources: Sources) -> Section | None:
    """Draw the forecast of the largest group of a file that `predict` wrote."""
    forecast = sources.forecast
    if forecast is None:
        return None
    keys = [n for n in forecast.column_names if n not in _NOT_KEYS and n[:3] not in ("lo-", "hi-")]
    rows = _largest(forecast, keys)
    if not rows:
        return None
    where = _where(sources, {name: str(rows[0][name]) for name in keys})
    name = _name_of(sources, where)
    draw = _by_hour if isinstance(rows[0]["ds"], datetime) else _by_day
    chart = draw(sources, rows, where, name)
    return Section("forecast", "The weeks ahead", _warning(sources, where), charts=[chart])


def _warning(sources: Sources, where: Mapping[str, str]) -> list[str]:
    """Return the coverage of the intervals of such totals in the backtest, if it has one."""
    scores = sources.scores or {}
    keys = [name for name in where if where[name] != "all"]
    level = keys[0] if len(keys) == 1 else ("total" if not keys else "partition")
    for row in scores.get("levels", []):
        covered = row.get("coverage_80")
        if (row["level"], row["model"]) == (level, scores["models"][0]) and covered is not None:
            held = PERCENT.text(100 * covered)
            width = "too narrow" if covered < 0.75 else "about right"
            width = "too wide" if covered > 0.85 else width
            return [
                f"In {span_of(scores['held_out_hours'])} held out, 80 % intervals of such totals "
                f"contained {held} of the hours: they were {width}."
            ]
    return []


def _largest(forecast: pa.Table, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of the group with the largest mean, in the order of time."""
    known = forecast.filter(pc.is_valid(forecast.column("mean")))
    if keys and known.num_rows:
        sums = (
            known.group_by(keys)
            .aggregate([("mean", "sum")])
            .sort_by([("mean_sum", "descending"), *((key, "ascending") for key in keys)])
        )
        for key in keys:
            known = known.filter(pc.equal(known.column(key), sums.column(key)[0]))
    rows: list[dict[str, Any]] = known.sort_by("ds").to_pylist()
    return rows


def _where(sources: Sources, found: dict[str, str]) -> dict[str, str]:
    """Turn a `unique_id` into its key columns."""
    unique_id = found.pop("unique_id", None)
    if unique_id is None:
        return found
    names = SeriesStore.open(sources.store).key
    return dict(zip(names, unique_id.split("/", len(names) - 1), strict=False))


def _name_of(sources: Sources, where: dict[str, str]) -> str:
    if not where:
        return "all markets" if sources.viewing else "all series"
    return sources.series_name(where)


@dataclass(frozen=True)
class _Grain:
    """What the points of a forecast's chart are: days, weeks or hours."""

    period: str
    unit: str
    time_title: str
    time_format: str = "%-d %b"
    when: str = "%A %-d %B"
    note: str = ""


_DAYS = _Grain("day", "household-hours a day", "local day")
_WEEKS = _Grain("week", "household-hours a week", "week from")


def _by_day(
    sources: Sources, rows: list[dict[str, Any]], where: dict[str, str], name: str
) -> ChartPanel:
    first: date = rows[0]["ds"]
    weekly = len(rows) > 1 and rows[1]["ds"] - first == timedelta(days=7)
    before = counted_days(sources.store, where, first - timedelta(days=28), first)
    points = [] if weekly else [_observed(day.isoformat(), n) for day, n in before.items()]
    points += [_forecast(row["ds"].isoformat(), row) for row in rows]
    return _panel(name, points, _WEEKS if weekly else _DAYS)


def _by_hour(
    sources: Sources, rows: list[dict[str, Any]], where: dict[str, str], name: str
) -> ChartPanel:
    market = (sources.viewing.get("markets") or {}).get(where.get("market", ""), {})
    zone = ZoneInfo(str(market.get("timezone") or "UTC"))
    drawn = rows[:_HOURS_DRAWN]
    first = datetime_to_hour(drawn[0]["ds"])
    before = counted_hours(sources.store, where, first - 7 * 24, first)
    points = [_observed(wall_clock(hour_to_datetime(hour), zone), n) for hour, n in before.items()]
    points += [_forecast(wall_clock(row["ds"], zone), row) for row in drawn]
    more = f" The chart shows the first {len(drawn) // 24} of {len(rows) // 24} days."
    note = more if len(drawn) < len(rows) else ""
    title = f"hour ({zone.key})"
    grain = _Grain("hour", "households an hour", title, "%a %-d %b", "%A %-d %B, %H:%M", note)
    return _panel(name, points, grain)


def _observed(time: str, count: int) -> dict[str, Any]:
    return {"time": time, "observed": count}


def _forecast(time: str, row: dict[str, Any]) -> dict[str, Any]:
    point: dict[str, Any] = {"time": time, "forecast": HOUSEHOLDS.round(row["mean"])}
    for level in _LEVELS:
        for end in ("lo", "hi"):
            if row.get(f"{end}-{level}") is not None:
                point[f"{end}_{level}"] = HOUSEHOLDS.round(row[f"{end}-{level}"])
    return point


def _panel(name: str, points: list[dict[str, Any]], grain: _Grain) -> ChartPanel:
    period = grain.period
    forecast = [point for point in points if "forecast" in point]
    observed = [point["observed"] for point in points if "observed" in point]
    mean = sum(point["forecast"] for point in forecast) / len(forecast)
    top = max(forecast, key=lambda point: point["forecast"])
    insight = f"{name}: {HOUSEHOLDS.number(mean)} {grain.unit} expected on average"
    if observed and sum(observed):
        past = sum(observed) / len(observed)
        insight += (
            f", {PERCENT.change(100 * (mean / past - 1))} against the {len(observed)} "
            f"{period}s counted before"
        )
    level = next((n for n in (80, 95, 50) if f"lo_{n}" in top), None)
    if level is not None:
        when = datetime.fromisoformat(top["time"]).strftime(grain.when)
        insight += (
            f"; the highest {period}, {when}, {HOUSEHOLDS.number(top['forecast'])} "
            f"({level} % interval {COUNT.interval(top[f'lo_{level}'], top[f'hi_{level}'])})"
        )
    return ChartPanel(
        "forecast-fan",
        f"Forecast: {name}",
        insight + ".",
        f"Dark line: in-tab households counted, each once per network and hour; blue line: the "
        f"forecast's mean. An 80 % interval should contain four of five {period}s.{grain.note}",
        partial(
            forecast_fan,
            points,
            unit=grain.unit,
            quantity=HOUSEHOLDS,
            time_title=grain.time_title,
            time_format=grain.time_format,
        ),
        as_download("forecast.csv", points),
        wide=True,
    )
