"""Calibrating the panel to a run's forecast of the flight, with the forecast's uncertainty.

The panel shows who watches together; the run forecasts how much is watched in the flight. A
cell's forecast impressions are the forecast households of its hours, times the minutes that a
credited household-hour held in the history (projected to the universe), over the cell's minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from daypart.errors import DaypartError
from daypart.planning.arrays import Floats, Ints
from daypart.planning.brief.flight import DaypartClock, Week
from daypart.planning.panel.panel import Panel
from daypart.storage.location import PathLike, location

if TYPE_CHECKING:
    from daypart.engine.results.parts import ResultIndex
    from daypart.models.protocol import Model, Window
    from daypart.series.block import SeriesBlock
    from daypart.series.store import SeriesStore


DRAWS = 60
_PARTITIONS_AT_ONCE = 64
_SPARE_HOURS = 48


@dataclass(frozen=True)
class Calibration:
    """A run's forecast of every cell, relative to the panel.

    Parameters
    ----------
    run, model : str
    factor : float array [cells]
        Forecast impressions over those of the panel's history; 1 where there is no forecast.
    spread : float array [cells, draws]
        Draws of a cell's impressions, relative to their mean.
    without_forecast : int
        Cells that the panel watches and the run has no forecast for.
    """

    run: str
    model: str
    factor: Floats
    spread: Floats
    without_forecast: int

    def impressions_error(self, impressions: Floats) -> float:
        """Return the standard deviation of total impressions, from impressions by cell."""
        return float((impressions @ self.spread).std())

    def impressions_errors(self, impressions: Floats, group: Ints, groups: int) -> Floats:
        """Return the standard deviations of impressions by group of cells [groups].

        Parameters
        ----------
        impressions : float array [cells]
        group : int array [cells]
        groups : int
        """
        draws = [
            np.bincount(group, weights=impressions * factor, minlength=groups)
            for factor in self.spread.T
        ]
        return np.asarray(np.std(draws, axis=0))


def calibrate(
    run: PathLike, store: PathLike, panel: Panel, weeks: Sequence[Week], *, seed: int = 0
) -> Calibration:
    """Compare a panel's impressions with a run's forecast of the flight.

    Parameters
    ----------
    run : path-like
        A run fitted to the store.
    store : path-like
    panel : Panel
        Of the segment to calibrate.
    weeks : sequence of Week
        The flight.
    seed : int
        Of the draws.

    Returns
    -------
    Calibration

    Raises
    ------
    DaypartError
        Where the run is missing, or was fitted to something else or by another version.
    """
    from daypart.runs.forecasts.fitted_run import FittedRun
    from daypart.runs.run.settings import check_fitted_to
    from daypart.series.store import SeriesStore

    fitted = FittedRun.open(run)
    settings = fitted.settings
    if tuple(settings.key) != ("market", "network", "segment"):
        raise DaypartError(
            f"{location(run)}: fitted to {' x '.join(settings.key)}, not to audiences",
            hint="give the run of this store",
        )
    series = SeriesStore.open(store)
    check_fitted_to(fitted.folder, settings, series)
    mean = np.full(panel.shape, np.nan)
    draws = np.zeros((*panel.shape, DRAWS))
    for m, market in enumerate(panel.markets):
        positions, networks = _positions(fitted.results, market.code, panel)
        window, daypart = _flight_hours(panel.clock, weeks, market.timezone)
        minutes = 60.0 * np.bincount(daypart[daypart >= 0], minlength=len(panel.dayparts))
        for start in range(0, len(positions), _PARTITIONS_AT_ONCE):
            chosen = slice(start, start + _PARTITIONS_AT_ONCE)
            state = fitted.states(positions[chosen])
            rate = _minutes_per_household_hour(
                _block_of(series, market.code, state), state, panel.clock
            )
            scale = np.divide(rate, minutes, out=np.zeros_like(rate), where=minutes > 0)
            found = _by_daypart(fitted.model, state, window, daypart, len(panel.dayparts), seed)
            mean[m, networks[chosen]] = found[0] * scale
            draws[m, networks[chosen]] = found[1] * scale[:, :, None]
    return _relative_to_panel(
        panel, mean.ravel(), draws.reshape(panel.cells, DRAWS), str(location(run)), settings.model
    )


def describe(calibration: Calibration | None) -> dict[str, Any]:
    """Return the forecast that the impressions equal, with the keys of `plan.json`."""
    if calibration is None:
        return {"run": None}
    moved = calibration.factor[calibration.factor != 1.0]
    return {
        "run": calibration.run,
        "model": calibration.model,
        "median_factor": float(np.median(moved)) if len(moved) else 1.0,
        "cells_without_forecast": calibration.without_forecast,
    }


def _relative_to_panel(
    panel: Panel, mean: Floats, draws: Floats, run: str, model: str
) -> Calibration:
    watched = panel.impressions_per_spot()
    known = np.isfinite(mean) & (mean > 0) & (watched > 0)
    factor = np.ones(panel.cells)
    factor[known] = mean[known] / watched[known]
    spread = np.ones(draws.shape)
    spread[known] = draws[known] / draws[known].mean(axis=1, keepdims=True).clip(min=1e-12)
    return Calibration(run, model, factor, spread, int((~np.isfinite(mean) & (watched > 0)).sum()))


def _positions(results: ResultIndex, market: str, panel: Panel) -> tuple[Ints, Ints]:
    """Return a market's fitted partitions of the segment, and the network of each."""
    rows = results.rows.select(["market", "network", "segment"]).to_pydict()
    number = {name: n for n, name in enumerate(panel.networks)}
    fitted = results.statuses() == "ok"
    found = [
        (place, number[rows["network"][place]])
        for place in range(len(fitted))
        if fitted[place]
        and rows["market"][place] == market
        and rows["segment"][place] == panel.segment
        and rows["network"][place] in number
    ]
    pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _flight_hours(clock: DaypartClock, weeks: Sequence[Week], timezone: str) -> tuple[Window, Ints]:
    """Return the UTC hours of the flight in a market, and each hour's daypart (-1: outside)."""
    from daypart.models.protocol import Window

    first, last = weeks[0].days[0], weeks[-1].days[-1]
    days = (first.toordinal() - 719163, last.toordinal() - 719163)
    begin = days[0] * 24 - _SPARE_HOURS
    hours = (days[1] - days[0] + 1) * 24 + 2 * _SPARE_HOURS
    began, of_hour = clock.begins_between(begin, hours, timezone)
    on_air = np.isin(began, [day.toordinal() - 719163 for week in weeks for day in week.days])
    inside = np.flatnonzero(on_air)
    window = Window(begin + int(inside[0]), int(inside[-1] - inside[0]) + 1)
    daypart = np.where(on_air, of_hour, -1)
    return window, daypart[inside[0] : inside[-1] + 1]


def _block_of(series: SeriesStore, market: str, state: Any) -> SeriesBlock:
    ids = series.read_keys(market).column("unique_id").to_pylist()
    place = {name: row for row, name in enumerate(ids)}
    return series.read_region(market, [place[name] for name in state["unique_id"].to_pylist()])


def _minutes_per_household_hour(block: SeriesBlock, state: Any, clock: DaypartClock) -> Floats:
    """Return projected minutes per credited household-hour [partitions, dayparts].

    At the exposure of the state rows, which is what the forecast counts at.
    """
    exposure = state["exposure"].to_numpy()
    rate = np.zeros((len(block), len(clock.names)))
    for p in range(len(block)):
        counts = block.counts_of(p).astype(np.float64)
        seen = counts >= 0
        in_tab = np.maximum(block.hourly_exposure_of(p).astype(np.float64), 1e-9)
        daypart = clock.dayparts_between(int(block.first_hours[p]), len(counts), block.timezones[p])
        households, minutes = (
            np.bincount(daypart[seen], weights=values[seen], minlength=len(clock.names))
            for values in (counts * exposure[p] / in_tab, block.measure_of("minutes", p))
        )
        rate[p] = np.divide(minutes, households, out=rate[p], where=households > 0)
    return rate


def _by_daypart(
    model: Model, state: Any, window: Window, daypart: Ints, dayparts: int, seed: int
) -> tuple[Floats, Floats]:
    """Sum a forecast's mean [partitions, dayparts] and draws [partitions, dayparts, draws]."""
    member = (daypart[:, None] == np.arange(dayparts)).astype(np.float64)
    mean = model.forecast(state, window, ()).mean @ member
    paths = model.sample_paths(state, window, DRAWS, seed).astype(np.float64) @ member
    return mean, np.swapaxes(paths, 1, 2)
