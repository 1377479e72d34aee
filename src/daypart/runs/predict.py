"""Forecasts from a run's stored posteriors: by partition, or totals over any grouping."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import overload

import pyarrow as pa

from daypart.disclosure.partitions import record_release
from daypart.progress import SILENT, Progress
from daypart.runs.forecasts.forecast import RunForecast
from daypart.runs.forecasts.table_file import check_table_file, write_tables
from daypart.series.local_time import HOURS_PER_WEEK
from daypart.storage.location import Location, PathLike
from daypart.wording import counted

_NAMED = 5
"""Partitions without a forecast that the report names."""


@dataclass(frozen=True)
class PredictReport:
    """What `predict` wrote.

    Parameters
    ----------
    out : Location
    rows : int
    series : int
        Partitions or groups; each has the same number of rows.
    partitions : int
        Partitions with a forecast.
    without_forecast : int
        Partitions that were not fitted: null rows, or missing from their total.
    withheld : int
        Partitions or groups without a forecast by the disclosure rules of the store.
    unfitted : tuple of str
        The first partitions that were not fitted.
    ended : tuple of (str, datetime)
        Partitions in totals whose data end over a week before the forecast begins, with that end.
    """

    out: Location
    rows: int
    series: int
    partitions: int
    without_forecast: int
    withheld: int
    unfitted: tuple[str, ...] = ()
    ended: tuple[tuple[str, datetime], ...] = ()


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
        columns (segments) that are not named are held at the value that means all. One of
        the store's groups of hours (`daypart`) divides each total by the local hour of the week.
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
        `mean`, `median`, then `lo-50`, `hi-50` and so on, in households (counts) at the exposure of
        each partition's last week; all but the mean are whole numbers, the quantiles of counts.
        Totals also have `partitions` (added up) and `without_forecast` (not fitted, so not in the
        total). A partition that was not fitted has null forecasts. Of a viewing store, a
        partition or total that its disclosure rules withhold has no rows; a withheld partition
        still counts in totals.

    Raises
    ------
    DaypartError
        For a run or column that is not there, a run in which no partition was fitted or of
        another version of its model, and
        weeks, levels, draws or a period that make no sense.

    Notes
    -----
    An interval of a total is taken from the total's own draws: paths of the partitions added up
    draw by draw, never intervals added up. The paths of one partition carry its own uncertainty
    from hour to hour and week to week. Partitions of a pooled model also share what moves the
    sums over them (by network, by market, of all): weeks, days and hours. What no earlier week
    held is in no interval; `backtest` measures the coverage of each level of aggregation.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, pyarrow as pa
    >>> from daypart.runs.fit import fit
    >>> from daypart.series.store import SeriesStore
    >>> from daypart.series.block import block_from_arrays
    >>> folder = tempfile.mkdtemp()
    >>> keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    >>> block = block_from_arrays(keys, ["UTC"], [0], [np.arange(400)])
    >>> _ = SeriesStore.create(f"{folder}/store", key=["shop"]).replace_regions([("a", block)])
    >>> _ = fit(f"{folder}/store", run=f"{folder}/run", model="seasonal_naive")
    >>> table = predict(f"{folder}/run", weeks=1, levels=[80])
    >>> table.num_rows, table.column_names
    (168, ['unique_id', 'ds', 'mean', 'median', 'lo-80', 'hi-80'])
    """
    file = check_table_file(out) if out is not None else None
    forecast = RunForecast.open(run, weeks, levels, by, per, start, draws)
    with progress.step("forecasting", total=len(forecast.groups), unit="series") as step:

        def reported() -> Iterator[pa.Table]:
            for series, table in forecast.tables(seed):
                yield table
                step.advance(series)

        store = forecast.run.store()
        if file is None:
            every = [forecast.schema().empty_table(), *reported()]
            table = pa.concat_tables(every).combine_chunks()
            record_release(store, "predict", table)
            return table
        rows = write_tables(file, forecast.schema(), reported())
        record_release(store, "predict", file)
        step.summarise(counted(rows, "row"))
    return PredictReport(
        out=file,
        rows=rows,
        series=len(forecast.groups),
        partitions=sum(len(group.members) for group in forecast.groups),
        without_forecast=sum(group.without_forecast for group in forecast.groups),
        withheld=forecast.withheld,
        unfitted=forecast.unfitted(_NAMED),
        ended=forecast.ended(HOURS_PER_WEEK),
    )
