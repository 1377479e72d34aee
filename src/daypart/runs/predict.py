"""Forecasts from a run's stored posteriors: by partition, or totals over any grouping."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from daypart.errors import DaypartError, did_you_mean
from daypart.progress import SILENT, Progress
from daypart.runs.folder import RunFolder, RunSettings
from daypart.runs.horizon import Horizon
from daypart.runs.parts import Standing, read_rows, standing_of
from daypart.runs.registry import load_model
from daypart.runs.table_file import check_table_file, write_tables
from daypart.runs.totals import Group, Totals, draw_totals, group_partitions
from daypart.series import datetime_to_hour
from daypart.storage import PathLike, read_table

if TYPE_CHECKING:
    import pyarrow as pa

    from daypart.models.protocol import Model

_PARTITIONS_AT_ONCE = 128
_FEWEST_DRAWS = 100


@dataclass(frozen=True)
class PredictReport:
    """What `predict` wrote.

    Parameters
    ----------
    out : Path
    rows : int
    series : int
        Partitions or groups; each has the same number of rows.
    partitions : int
        Partitions with a forecast.
    without_forecast : int
        Partitions that were not fitted: null rows, or missing from their total.
    """

    out: Path
    rows: int
    series: int
    partitions: int
    without_forecast: int


@overload
def predict(
    run: PathLike,
    *,
    weeks: int = ...,
    levels: Sequence[float] = ...,
    by: Sequence[str] | None = ...,
    per: str = ...,
    start: datetime | int | None = ...,
    out: None = ...,
    seed: int = ...,
    draws: int = ...,
    progress: Progress = ...,
) -> pa.Table: ...


@overload
def predict(
    run: PathLike,
    *,
    out: PathLike,
    weeks: int = ...,
    levels: Sequence[float] = ...,
    by: Sequence[str] | None = ...,
    per: str = ...,
    start: datetime | int | None = ...,
    seed: int = ...,
    draws: int = ...,
    progress: Progress = ...,
) -> PredictReport: ...


def predict(
    run: PathLike,
    *,
    weeks: int = 4,
    levels: Sequence[float] = (50, 80, 95),
    by: Sequence[str] | None = None,
    per: str = "hour",
    start: datetime | int | None = None,
    out: PathLike | None = None,
    seed: int = 0,
    draws: int = 400,
    progress: Progress = SILENT,
) -> pa.Table | PredictReport:
    """Forecast the weeks after a run's data: mean and intervals, by partition or in total.

    Parameters
    ----------
    run : path
        A run's folder.
    weeks : int
    levels : sequence of float
        Central intervals, in percent.
    by : sequence of str, optional
        Key columns: a forecast of the total of every group of partitions that share their
        values; `()` for one total of all. Without it, one forecast a partition. Overlapping key
        columns (segments) that are not named are held at the value that stands for all.
    per : str
        `hour` (UTC), or sums per `day`, per `week` of seven days or in `total`, over whole
        days of each partition's local time.
    start : datetime or int, optional
        First hour to forecast (an instant, or UTC hours since 1970); the hour after the run's
        last data when left out, the same for all partitions.
    out : path, optional
        Write a file, Parquet or CSV by its suffix, with bounded memory.
    seed, draws : int
        Of the sample paths behind every total.
    progress : Progress

    Returns
    -------
    pyarrow.Table or PredictReport
        With `out`, what was written. The table has `unique_id` or the columns of `by`, `ds`,
        `mean`, then `lo-50`, `hi-50` and so on, in households (counts) at the exposure of each
        partition's last week; totals also have `partitions` (added up) and `without_forecast`
        (not fitted, so not in the total). A partition that was not fitted has null forecasts.

    Raises
    ------
    DaypartError
        For a run or column that is not there, a run of another version of its model, and
        weeks, levels, draws or a period that make no sense.

    Notes
    -----
    An interval of a total is taken from the total's own draws: paths of the partitions added up
    draw by draw, never intervals added up. The paths of one partition carry its own uncertainty
    from hour to hour and week to week. Different partitions are drawn independently, given
    their posteriors: what would move many of them together in the weeks ahead (a storm, an
    election) is not in the model, so intervals of large totals are narrower than the truth.
    `backtest` measures by how much, as the coverage of each level of aggregation.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, pyarrow as pa
    >>> from daypart.runs import fit
    >>> from daypart.series import SeriesStore, block_from_arrays
    >>> folder = tempfile.mkdtemp()
    >>> keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    >>> block = block_from_arrays(keys, ["UTC"], [0], [np.arange(400)])
    >>> _ = SeriesStore.create(f"{folder}/store", key=["shop"]).replace_regions([("a", block)])
    >>> _ = fit(f"{folder}/store", run=f"{folder}/run", model="seasonal_naive")
    >>> table = predict(f"{folder}/run", weeks=1, levels=[80])
    >>> table.num_rows, table.column_names
    (168, ['unique_id', 'ds', 'mean', 'lo-80', 'hi-80'])
    """
    file = check_table_file(out) if out is not None else None
    source = _Source.open(run, weeks, levels, by, per, start, draws)
    with progress.step("forecasting", total=len(source.groups), unit="series") as step:

        def told() -> Iterator[pa.Table]:
            for table in source.tables(seed):
                yield table
                step.advance(len(table) // source.horizon.periods)

        if file is None:
            import pyarrow as pa

            return pa.concat_tables([source.schema().empty_table(), *told()]).combine_chunks()
        rows = write_tables(file, source.schema(), told())
        report = source.report(file, rows)
        step.summarise(f"{rows:,} rows")
    return report


@dataclass(frozen=True)
class _Source:
    """All that a forecast of one run follows from, checked."""

    settings: RunSettings
    model: Model
    standing: Standing
    groups: Sequence[Group]
    horizon: Horizon
    levels: Sequence[float]
    by: tuple[str, ...] | None
    draws: int

    @classmethod
    def open(
        cls,
        run: PathLike,
        weeks: int,
        levels: Sequence[float],
        by: Sequence[str] | None,
        per: str,
        start: datetime | int | None,
        draws: int,
    ) -> _Source:
        _check_numbers(levels, draws)
        folder = RunFolder.open(run)
        settings = folder.read_settings()
        model = model_of(folder, settings)
        chosen = None if by is None else check_columns(by, settings.key)
        standing = standing_of(folder, read_table(folder.plan))
        if chosen is not None:
            standing = without_overlap(standing, settings, chosen)
        fitted = standing.statuses() == "ok"
        groups = group_partitions(standing.rows, chosen or (), fitted)
        if chosen is None:
            groups = _one_each(standing, fitted)
        first = _hour_of(start) if start is not None else last_hour(standing, fitted)
        zones = standing.rows.column("timezone").take(np.flatnonzero(fitted)).unique().to_pylist()
        horizon = Horizon.after(first, weeks, per, zones)
        return cls(settings, model, standing, groups, horizon, tuple(levels), chosen, draws)

    def tables(self, seed: int) -> Iterator[pa.Table]:
        """Yield the forecast of some groups at a time."""
        if self.by is None and self.horizon.per == "hour":
            yield from self._partitions()
            return
        totals = draw_totals(
            self.model, self.standing, self.groups, self.horizon, draws=self.draws, seed=seed
        )
        for some in totals:
            yield self._table_of_totals(some)

    def _partitions(self) -> Iterator[pa.Table]:
        """Yield the model's own forecast of some partitions at a time."""
        window = self.horizon.window("UTC")
        probabilities = self._probabilities()
        for begin in range(0, len(self.groups), _PARTITIONS_AT_ONCE):
            groups = self.groups[begin : begin + _PARTITIONS_AT_ONCE]
            shape = (len(groups), self.horizon.periods)
            mean = np.full(shape, np.nan)
            quantiles = np.full((*shape, len(probabilities)), np.nan)
            fitted = [i for i, group in enumerate(groups) if len(group.members)]
            if fitted:
                state = read_rows(self.standing, [groups[i].members[0] for i in fitted])
                forecast = self.model.forecast(state, window, probabilities)
                mean[fitted], quantiles[fitted] = forecast.mean, forecast.quantiles
            yield self._table(groups, mean, quantiles)

    def _table_of_totals(self, totals: Totals) -> pa.Table:
        quantiles = np.quantile(totals.draws, self._probabilities(), axis=1)
        quantiles = np.moveaxis(quantiles, 0, -1)
        empty = [len(group.members) == 0 for group in totals.groups]
        totals.mean[empty] = np.nan
        quantiles[empty] = np.nan
        return self._table(totals.groups, totals.mean, quantiles)

    def _probabilities(self) -> list[float]:
        return [p for level in self.levels for p in (0.5 - level / 200, 0.5 + level / 200)]

    def _table(
        self, groups: Sequence[Group], mean: NDArray[Any], quantiles: NDArray[Any]
    ) -> pa.Table:
        import pyarrow as pa

        periods = self.horizon.periods
        columns: list[Any] = []
        for place in range(len(self._names())):
            values = pa.array([group.key[place] for group in groups], pa.string())
            columns.append(values.take(np.repeat(np.arange(len(groups)), periods)))
        columns.append(pa.concat_arrays([self.horizon.stamps()] * len(groups)))
        values = [mean, *np.moveaxis(quantiles, -1, 0)]
        columns.extend(_nulls_for_nan(each.ravel()) for each in values)
        if self.by is not None:
            counts = [[len(g.members), g.without_forecast] for g in groups]
            repeated = np.repeat(np.array(counts, np.int32).reshape(-1, 2), periods, axis=0)
            columns.extend(pa.array(column) for column in repeated.T)
        return pa.table(columns, schema=self.schema())

    def _names(self) -> tuple[str, ...]:
        return ("unique_id",) if self.by is None else self.by

    def schema(self) -> pa.Schema:
        """Return the columns of the forecast."""
        import pyarrow as pa

        fields = [(name, pa.string()) for name in self._names()]
        fields += [("ds", self.horizon.stamps().type), ("mean", pa.float64())]
        for level in self.levels:
            fields += [(f"lo-{level:g}", pa.float64()), (f"hi-{level:g}", pa.float64())]
        if self.by is not None:
            fields += [("partitions", pa.int32()), ("without_forecast", pa.int32())]
        return pa.schema(fields)

    def report(self, out: Path, rows: int) -> PredictReport:
        """Say what was written."""
        return PredictReport(
            out=out,
            rows=rows,
            series=len(self.groups),
            partitions=sum(len(group.members) for group in self.groups),
            without_forecast=sum(group.without_forecast for group in self.groups),
        )


def model_of(folder: RunFolder, settings: RunSettings) -> Model:
    """Return the model that a run was fitted with.

    Raises
    ------
    DaypartError
        Where this daypart has another version of it.
    """
    model = load_model(settings.model, settings.parameters)
    if str(model.version) != settings.model_version:
        raise DaypartError(
            f"{folder.path}: fitted with version {settings.model_version} of {settings.model}, "
            f"this is version {model.version}",
            hint="fit a new run",
        )
    return model


def check_columns(by: Sequence[str], key: Sequence[str]) -> tuple[str, ...]:
    """Check that columns are key columns, each named once.

    Raises
    ------
    DaypartError
        Where they are not.
    """
    if isinstance(by, str):
        by = [by]
    for name in by:
        if name not in key:
            raise DaypartError(f"no key column {name!r}", hint=did_you_mean(name, key))
    return tuple(dict.fromkeys(by))


def without_overlap(standing: Standing, settings: RunSettings, by: Sequence[str]) -> Standing:
    """Keep the partitions that may be added up: overlapping columns at the value for all."""
    import pyarrow.compute as pc

    rows = standing.rows
    for column, value in settings.overlapping.items():
        if column not in by:
            rows = rows.filter(pc.equal(rows.column(column), value))
    return Standing(rows.combine_chunks(), standing.parts)


def last_hour(standing: Standing, fitted: NDArray[np.bool_]) -> int:
    """Return the hour after the last that any of the partitions was fitted to."""
    rows = standing.rows.take(np.flatnonzero(fitted))
    if len(rows) == 0:
        return 0
    ends = rows.column("first_hour").cast("int64").to_numpy() // 3_600_000_000
    return int((ends + rows.column("hours").to_numpy()).max())


def _one_each(standing: Standing, fitted: NDArray[np.bool_]) -> list[Group]:
    ids = standing.rows.column("unique_id").to_pylist()
    return [
        Group((name,), np.array([place] if fitted[place] else [], np.int64), int(not fitted[place]))
        for place, name in enumerate(ids)
    ]


def _check_numbers(levels: Sequence[float], draws: int) -> None:
    for level in levels:
        if not 0 < level < 100:
            raise DaypartError(f"level is {level:g}", hint="give percents between 0 and 100")
    if len(set(levels)) != len(levels):
        raise DaypartError("a level is given twice")
    check_draws(draws)


def check_draws(draws: int) -> None:
    """Check that sample paths are enough for intervals.

    Raises
    ------
    DaypartError
        Where they are not.
    """
    if draws < _FEWEST_DRAWS:
        raise DaypartError(f"draws is {draws}", hint=f"give {_FEWEST_DRAWS} or more")


def _hour_of(start: datetime | int) -> int:
    if not isinstance(start, datetime):
        return int(start)
    if start.tzinfo is None:
        raise DaypartError(f"start {start} has no time zone", hint="write 2025-03-09T00:00Z")
    return datetime_to_hour(start)


def _nulls_for_nan(values: NDArray[np.float64]) -> pa.Array:
    import pyarrow as pa

    return pa.array(values, mask=np.isnan(values))
