"""The chart of a held-out week: the forecast of one partition, and its counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.parquet as pq

from daypart.charts.forecast import forecast_fan
from daypart.charts.quantities import EXPECTED_HOUSEHOLDS, PERCENT
from daypart.engine.results.parts import read_rows
from daypart.errors import DaypartError
from daypart.models.protocol import Forecast, Window
from daypart.report.content import ChartPanel, as_download
from daypart.report.sections.counts import counted_hours, wall_clock
from daypart.report.sources import Sources
from daypart.runs.forecasts.fitted_run import FittedRun
from daypart.series.local_time import datetime_to_hour, hour_to_datetime
from daypart.storage.location import file_name_of
from daypart.storage.tables import read_table

_LEVELS = (50, 80, 95)
_PROBABILITIES = [p for level in _LEVELS for p in (0.5 - level / 200, 0.5 + level / 200)]
_HOURS_DRAWN = 7 * 24


def held_out_week(sources: Sources, scores: Mapping[str, Any]) -> ChartPanel | None:
    """Draw the first held-out week of the partition with the largest audience.

    Parameters
    ----------
    sources : Sources
        With a backtest.
    scores : mapping
        Its `backtest.json`.

    Returns
    -------
    ChartPanel or None
        The forecast is computed from the posterior in the backtest's run; None without one.
    """
    assert sources.backtest is not None
    folder = sources.backtest / file_name_of(scores["models"][0])
    if not (folder / "run.json").is_file():
        return None
    fitted = FittedRun.open(folder)
    place = _largest_partition(sources.backtest, scores["models"][0], fitted)
    if place is None:
        return None
    state = read_rows(fitted.results, [place])
    first = datetime_to_hour(datetime.fromisoformat(scores["first_hour"]))
    forecast = fitted.model.forecast(state, Window(first, _HOURS_DRAWN), _PROBABILITIES)
    key = {name: str(state.column(name)[0]) for name in fitted.settings.key}
    zone = ZoneInfo(str(state.column("timezone")[0]))
    points = _points(
        forecast,
        first,
        zone,
        counted_hours(sources.store, key, first, first + _HOURS_DRAWN),
        _truth(sources.truth, key, first),
    )
    return _panel(sources.series_name(key), zone, points)


def _largest_partition(backtest: Path, model: str, fitted: FittedRun) -> int | None:
    """Return the position of the partition with the most households an hour."""
    table = read_table(backtest / "backtest.parquet", ["model", "unique_id", "mean_per_hour"])
    best = {
        row["unique_id"]: row["mean_per_hour"]
        for row in table.to_pylist()
        if row["model"] == model and row["mean_per_hour"] is not None
    }
    ids = fitted.results.rows.column("unique_id").to_pylist()
    statuses = fitted.results.statuses()
    scored = [i for i, name in enumerate(ids) if name in best and statuses[i] == "ok"]
    return max(scored, key=lambda i: (best[ids[i]], ids[i]), default=None)


def _truth(file: Path | None, key: Mapping[str, str], first: int) -> dict[int, float]:
    """Read the simulation's expected households of one partition, by UTC hour."""
    if file is None:
        return {}
    try:
        table = pq.read_table(
            file,
            columns=["hour", "expected_households"],
            filters=[
                *((name, "=", value) for name, value in key.items()),
                ("hour", ">=", hour_to_datetime(first)),
                ("hour", "<", hour_to_datetime(first + _HOURS_DRAWN)),
            ],
        )
    except (ValueError, KeyError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DaypartError(
            f"{file}: not a readable truth table ({reason})",
            hint="give the truth.parquet that `simulate` wrote for this store",
        ) from None
    hours = table.column("hour").to_pylist()
    expected = table.column("expected_households").to_pylist()
    return dict(zip(map(datetime_to_hour, hours), expected, strict=True))


def _points(
    forecast: Forecast,
    first: int,
    zone: ZoneInfo,
    observed: Mapping[int, int],
    truth: Mapping[int, float],
) -> list[dict[str, Any]]:
    points = []
    for step in range(_HOURS_DRAWN):
        hour = first + step
        point: dict[str, Any] = {"time": wall_clock(hour_to_datetime(hour), zone)}
        point["forecast"] = EXPECTED_HOUSEHOLDS.round(float(forecast.mean[0, step]))
        for place, level in enumerate(_LEVELS):
            low, high = forecast.quantiles[0, step, 2 * place : 2 * place + 2]
            point[f"lo_{level}"] = EXPECTED_HOUSEHOLDS.round(float(low))
            point[f"hi_{level}"] = EXPECTED_HOUSEHOLDS.round(float(high))
        if hour in observed:
            point["observed"] = observed[hour]
        if hour in truth:
            point["truth"] = EXPECTED_HOUSEHOLDS.round(truth[hour])
        points.append(point)
    return points


def _panel(name: str, zone: ZoneInfo, points: list[dict[str, Any]]) -> ChartPanel:
    counted = [point for point in points if "observed" in point]
    inside = [p for p in counted if p["lo_80"] <= p["observed"] <= p["hi_80"]]
    share = PERCENT.text(100 * len(inside) / len(counted)) if counted else "not known"
    insight = (
        f"{name}: the 80 % interval, fitted without this week, contained {len(inside)} of "
        f"{len(counted)} hours ({share})"
    )
    known = [point for point in points if "truth" in point]
    if known:
        error = float(np.mean([abs(p["forecast"] - p["truth"]) for p in known]))
        insight += (
            "; its mean has an average error of "
            f"{EXPECTED_HOUSEHOLDS.text(error)} against the simulation's truth"
        )
    return ChartPanel(
        "held-out-week",
        "A held-out week and its forecast",
        insight + ".",
        "The partition with the largest audience, hour by hour: dark line counted, blue line "
        "forecast, shaded areas its intervals"
        + (", dashed line the expected households of the simulation." if known else "."),
        partial(
            forecast_fan,
            points,
            unit="in-tab households an hour",
            quantity=EXPECTED_HOUSEHOLDS,
            time_title=f"hour ({zone.key})",
            time_format="%a %-d %b",
        ),
        as_download("held_out_week.csv", points),
        wide=True,
    )
