"""Scoring the hours that runs were not shown, partition by partition and in totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.engine.results.parts import ResultIndex
from daypart.engine.tasks.threads import in_order
from daypart.errors import DaypartError
from daypart.models.protocol import Window
from daypart.progress import Progress
from daypart.runs.forecasts.fitted_run import FittedRun
from daypart.runs.scoring.hour_scores import PROBABILITIES, HourForecasts
from daypart.runs.scoring.metrics import Scores, TotalsTally, horizons_of, score_hours
from daypart.series.block import MISSING, SeriesBlock
from daypart.series.store import SeriesStore
from daypart.storage.location import Location

_PARTITIONS_READ = 512
_PARTITIONS_SCORED = 16


@dataclass(frozen=True)
class Observed:
    """The held-out hours of some partitions.

    Parameters
    ----------
    places : int array, shape (partitions,)
        Positions in the runs' plans.
    counts : int array, shape (partitions, hours)
        0 where not counted.
    counted : bool array, shape (partitions, hours)
    mean_before : float array, shape (partitions,)
        Mean count per hour before.
    """

    places: NDArray[np.int64]
    counts: NDArray[np.int64]
    counted: NDArray[np.bool_]
    mean_before: NDArray[np.float64]


@dataclass(frozen=True)
class Forecasts:
    """One model's forecasts of some partitions; shapes as in `scoring.score_hours`."""

    draws: NDArray[np.int32]
    mean: NDArray[np.float64]
    scores: Sequence[Scores]


@dataclass(frozen=True)
class HeldOut:
    """What scoring found.

    Parameters
    ----------
    rows : mapping of str to pyarrow.Table
        Each model's results.
    key : tuple of str
    scored : bool array, shape (partitions,)
        Fitted by all models and counted in at least one held-out hour.
    mean_before : float array, shape (partitions,)
        NaN where not scored.
    horizons : mapping of str to mapping of str to sequence of Scores
        By model, then by level: `partition` (the scored ones in order), key columns, `total`;
        then by part of the window (see `metrics.horizons_of`).
    """

    rows: Mapping[str, pa.Table]
    key: tuple[str, ...]
    scored: NDArray[np.bool_]
    mean_before: NDArray[np.float64]
    horizons: Mapping[str, Mapping[str, Sequence[Scores]]]

    def of_level(self, model: str, level: str) -> Scores:
        """Return a level's scores over the whole window."""
        return Scores.total(self.horizons[model][level])

    def unscored(self) -> Counter[str]:
        """Return why partitions were not scored, and how many for each reason."""
        reasons: Counter[str] = Counter()
        statuses = {model: rows.column("status").to_pylist() for model, rows in self.rows.items()}
        for place in np.flatnonzero(~self.scored).tolist():
            reason = "no held-out hour was counted"
            for model, rows in self.rows.items():
                if statuses[model][place] != "ok":
                    given = rows.column("reason")[place].as_py() or "not in the run"
                    reason = f"{model}: {given}"
                    break
            reasons[reason] += 1
        return reasons

    def table(self) -> pa.Table:
        """Return a row per model and partition; scores are null where not scored."""
        tables = [self._table_of(model) for model in self.rows]
        return pa.concat_tables(tables).combine_chunks()

    def _table_of(self, model: str) -> pa.Table:
        rows, scores = self.rows[model], self.of_level(model, "partition")
        hours = np.full(len(self.scored), 0, np.int32)
        hours[self.scored] = scores.hours
        table = rows.select([*self.key, "unique_id", "status", "reason"])
        table = table.append_column("model", pa.array([model] * len(rows), pa.string()))
        table = table.append_column("mean_before", _nulls_for_nan(self.mean_before))
        table = table.append_column("hours", pa.array(hours))
        for name, scored in scores.per_series().items():
            column = np.full(len(self.scored), np.nan)
            column[self.scored] = scored
            table = table.append_column(name, _nulls_for_nan(column))
        return table


def score_runs(
    store: SeriesStore,
    runs: Mapping[str, Location],
    window: Window,
    draws: int,
    seed: int,
    workers: int | None,
    progress: Progress,
    *,
    only: Collection[str] | None = None,
) -> HeldOut:
    """Score the hours of a window of runs that were fitted to the hours before it.

    Parameters
    ----------
    store : SeriesStore
    runs : mapping of str to path
        Model to run: of this store, or of one with some of its partitions.
    window : Window
        The held-out hours.
    draws, seed : int
    workers : int, optional
        Threads; sampling lets other threads run.
    progress : Progress
    only : collection of str, optional
        The `unique_id` of the partitions to score; all when left out.

    Returns
    -------
    HeldOut
    """
    opened = {name: FittedRun.open(run) for name, run in runs.items()}
    first = max(opened.values(), key=lambda run: len(run.results.rows))
    names = first.results.rows.column("unique_id").to_pylist()
    fitted = {name: _along(run, names, store) for name, run in opened.items()}
    ok = np.logical_and.reduce([each.results.statuses() == "ok" for each in fitted.values()])
    if only is not None:
        ok &= np.array([name in only for name in names], bool)
    scoring = _Scoring(fitted, window, draws, seed, _levels_of(first, ok))
    observed = _observations(store, first.results, ok, window)
    with progress.step("scoring", total=int(ok.sum()), unit="partitions") as step:
        for result in in_order(scoring.forecast, observed, workers):
            step.advance(scoring.take_in(*result))
    return scoring.result()


def _along(run: FittedRun, names: Sequence[str], store: SeriesStore) -> FittedRun:
    """Return a run with a row for each name, null where it has no such partition."""
    own = run.results.rows.column("unique_id").to_pylist()
    if own == names:
        return run
    place = {name: i for i, name in enumerate(own)}
    if len(own) == len(names) or not place.keys() <= set(names):
        raise DaypartError(f"{store.folder}: changed during the backtest", hint="run it again")
    rows = run.results.rows.take(pa.array([place.get(name) for name in names], pa.int64()))
    at = rows.column_names.index("unique_id")
    rows = rows.set_column(at, "unique_id", [list(names)])
    return replace(run, results=replace(run.results, rows=rows))


class _Scoring:
    """Forecasts partitions with every model, and gathers scores and totals."""

    def __init__(
        self,
        runs: Mapping[str, FittedRun],
        window: Window,
        draws: int,
        seed: int,
        keys_of: Mapping[str, Mapping[int, tuple[str, ...]]],
    ) -> None:
        self.runs = runs
        self.window = window
        self.draws = draws
        self.seed = seed
        self.keys_of = keys_of
        self.places: list[NDArray[np.int64]] = []
        self.means: list[NDArray[np.float64]] = []
        self.scores: dict[str, list[Sequence[Scores]]] = {name: [] for name in runs}
        self.totals = {
            name: {
                level: TotalsTally(sorted(set(keys.values())), draws, window.hours)
                for level, keys in keys_of.items()
            }
            for name in runs
        }

    def forecast(self, observed: Observed) -> tuple[Observed, dict[str, Forecasts]]:
        """Forecast and score some partitions; called in threads."""
        made = {}
        for name, run in self.runs.items():
            state = run.states(observed.places)
            draws = run.model.sample_paths(state, self.window, self.draws, self.seed)
            forecast = run.model.forecast(state, self.window, PROBABILITIES)
            hours = HourForecasts(draws, forecast.mean, forecast.quantiles, observed.counts)
            scores = score_hours(hours, observed.counted)
            made[name] = Forecasts(draws, forecast.mean, scores)
        return observed, made

    def take_in(self, observed: Observed, made: Mapping[str, Forecasts]) -> int:
        """Gather some partitions; return how many."""
        self.places.append(observed.places)
        self.means.append(observed.mean_before)
        for name, forecasts in made.items():
            self.scores[name].append(forecasts.scores)
            for level, keys in self.keys_of.items():
                for i, place in enumerate(observed.places.tolist()):
                    if place in keys:
                        self.totals[name][level].add(
                            keys[place],
                            forecasts.draws[i],
                            forecasts.mean[i],
                            observed.counts[i],
                            observed.counted[i],
                        )
        return len(observed.places)

    def result(self) -> HeldOut:
        """Return all that was gathered, in the order of the plan."""
        first = next(iter(self.runs.values()))
        partitions = len(first.results.rows)
        places = np.concatenate([np.zeros(0, np.int64), *self.places])
        mean_before = np.full(partitions, np.nan)
        mean_before[places] = np.concatenate([np.zeros(0), *self.means])
        scored = np.zeros(partitions, bool)
        scored[places] = True
        levels: dict[str, dict[str, list[Scores]]] = {}
        order, parts = np.argsort(places), len(horizons_of(self.window.hours))
        for name in self.runs:
            of_parts = zip(*self.scores[name], strict=True) if places.size else [()] * parts
            levels[name] = {"partition": [Scores.join(part).take(order) for part in of_parts]}
            levels[name] |= {level: tally.scores() for level, tally in self.totals[name].items()}
        rows = {name: run.results.rows for name, run in self.runs.items()}
        return HeldOut(rows, first.settings.key, scored, mean_before, levels)


def _levels_of(run: FittedRun, ok: NDArray[np.bool_]) -> dict[str, dict[int, tuple[str, ...]]]:
    """Return the ways to add partitions up: level to the group of each place."""
    overlapping = run.settings.overlapping
    rows = run.results.rows
    added = ok.copy()
    for column, value in overlapping.items():
        added &= np.array([each == value for each in rows.column(column).to_pylist()], bool)
    places = np.flatnonzero(added).tolist()
    free = [column for column in run.settings.key if column not in overlapping]
    levels: dict[str, dict[int, tuple[str, ...]]] = {}
    for column in free if len(free) > 1 else []:
        values = rows.column(column).to_pylist()
        levels[column] = {place: (values[place],) for place in places}
    levels["total"] = dict.fromkeys(places, ())
    return levels


def _observations(
    store: SeriesStore, results: ResultIndex, ok: NDArray[np.bool_], window: Window
) -> Iterator[Observed]:
    """Yield what was counted in the window, some partitions at a time, region by region."""
    region = np.asarray(results.rows.column("region").to_pylist(), dtype=object)
    row = results.rows.column("row").to_numpy()
    for name in sorted(set(region[ok])):
        own = np.flatnonzero(ok & (region == name))
        own = own[np.argsort(row[own])]
        for start in range(0, len(own), _PARTITIONS_READ):
            places = own[start : start + _PARTITIONS_READ]
            block = store.read_region(name, row[places].tolist())
            observed = [_observed_of(block, i, window) for i in range(len(block))]
            counted = np.flatnonzero([(counts != MISSING).any() for counts, _ in observed])
            for at in range(0, len(counted), _PARTITIONS_SCORED):
                chosen = counted[at : at + _PARTITIONS_SCORED]
                counts = np.stack([observed[i][0] for i in chosen])
                there = counts != MISSING
                means = np.array([observed[i][1] for i in chosen])
                yield Observed(places[chosen], np.where(there, counts, 0), there, means)


def _observed_of(
    block: SeriesBlock, partition: int, window: Window
) -> tuple[NDArray[np.int64], float]:
    """Return one partition's counts in the window (-1 where missing) and its mean before."""
    counts = block.counts_of(partition)
    start = window.first_hour - int(block.first_hours[partition])
    before = counts[: max(start, 0)]
    before = before[before != MISSING]
    inside = np.full(window.hours, MISSING, np.int64)
    low, high = max(start, 0), min(start + window.hours, len(counts))
    if low < high:
        inside[low - start : high - start] = counts[low:high]
    return inside, float(before.mean()) if len(before) else 0.0


def _nulls_for_nan(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))
