"""The posterior of a run over the hours that it was fitted to, computed anew from the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.disclosure.partitions import record_release, release_partitions
from daypart.engine.results.folder import RunFolder
from daypart.errors import DaypartError
from daypart.models.protocol import HasPosterior
from daypart.progress import SILENT, Progress
from daypart.runs.fitting.parents import model_to_fit
from daypart.runs.forecasts.fitted_run import FittedRun
from daypart.runs.forecasts.table_file import check_table_file, write_tables
from daypart.runs.run.settings import store_of
from daypart.series.block import SeriesBlock
from daypart.series.store import SeriesStore
from daypart.storage.location import Location, PathLike
from daypart.wording import counted

_PARTITIONS_AT_ONCE = 64
_HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class PosteriorReport:
    """What `posterior` wrote.

    Parameters
    ----------
    out : Location
        A row per partition and hour.
    hyperparameters : Location
        A row per partition.
    rows : int
        Of `out`.
    partitions : int
        Partitions with a posterior.
    without_posterior : int
        Partitions that the run did not fit, or failed on: only in `hyperparameters`, with the
        reason.
    withheld : int
        Partitions in neither file, by the disclosure rules of a viewing store.
    """

    out: Location
    hyperparameters: Location
    rows: int
    partitions: int
    without_posterior: int
    withheld: int


@dataclass(frozen=True)
class PosteriorTables:
    """What `posterior` returns where no file is named.

    Parameters
    ----------
    hours, hyperparameters : pyarrow.Table
        As the two files.
    """

    hours: pa.Table
    hyperparameters: pa.Table


@overload
def posterior(
    run: PathLike, *, out: None = ..., hyperparameters: None = ..., progress: Progress = ...
) -> PosteriorTables: ...


@overload
def posterior(
    run: PathLike,
    *,
    out: PathLike,
    hyperparameters: PathLike | None = ...,
    progress: Progress = ...,
) -> PosteriorReport: ...


def posterior(
    run: PathLike,
    *,
    out: PathLike | None = None,
    hyperparameters: PathLike | None = None,
    progress: Progress = SILENT,
) -> PosteriorTables | PosteriorReport:
    """Return the posterior of log mu in every fitted hour, and of each partition's hyperparameters.

    A run's rows keep what forecasts need, not 2,184 hours of each partition. So the partitions
    are fitted anew from the store, one block at a time, with the hyperparameters integrated out
    in full whatever the run's `inference`.

    Parameters
    ----------
    run : path
        A run of a model that has such a posterior: `negbin` or `crossed`.
    out : path, optional
        Write files, Parquet or CSV by their suffix, with bounded memory. Both tables are
        returned when left out.
    hyperparameters : path, optional
        The second file; `NAME-hyperparameters.parquet` beside `NAME.parquet` when left out.
    progress : Progress

    Returns
    -------
    PosteriorTables or PosteriorReport
        `hours`: `unique_id`, `ds` (UTC), `log_mu_mean`, `log_mu_sd`, where mu is the expected
        count at the hour's exposure (events and weeks included; a missing hour has one too);
        null in an hour without exposure. `hyperparameters`: `unique_id`, `status`, `reason`,
        then for each of them `NAME_mean`, `NAME_sd`, `NAME_q5`, `NAME_q25`, `NAME_q50`,
        `NAME_q75`, `NAME_q95`, with the names of the model's columns (`sh`, `sw` and `inv_phi`
        of `crossed`). Every partition of the run has a row there, null without a posterior. Of a
        viewing store, partitions that its disclosure rules withhold are in neither table.

    Raises
    ------
    DaypartError
        For a run that is not there, of a model without such a posterior, of another version
        of its model, or whose store changed since.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, pyarrow as pa
    >>> from daypart.runs.fit import fit
    >>> from daypart.series.store import SeriesStore
    >>> from daypart.series.block import block_from_arrays
    >>> folder = tempfile.mkdtemp()
    >>> keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    >>> block = block_from_arrays(keys, ["UTC"], [96], [np.arange(400) % 24])
    >>> _ = SeriesStore.create(f"{folder}/store", key=["shop"]).replace_regions([("a", block)])
    >>> _ = fit(f"{folder}/store", run=f"{folder}/run", model="crossed", executor="inline")
    >>> found = posterior(f"{folder}/run")
    >>> found.hours.num_rows, found.hours.column_names
    (400, ['unique_id', 'ds', 'log_mu_mean', 'log_mu_sd'])
    >>> found.hyperparameters.column_names[3:6]
    ['sh_mean', 'sh_sd', 'sh_q5']
    """
    file = check_table_file(out) if out is not None else None
    second = _second_file(file, hyperparameters)
    work = _PosteriorWork.open(run)
    summaries: list[pa.Table] = []
    with progress.step("posterior", total=work.partitions, unit="partitions") as step:

        def reported() -> Iterator[pa.Table]:
            for hours, summary in work.tables():
                summaries.append(summary)
                yield hours
                step.advance(len(summary))

        if file is None or second is None:
            hours = pa.concat_tables([_hours_schema().empty_table(), *reported()]).combine_chunks()
            record_release(work.store, "posterior", hours)
            return PosteriorTables(hours, work.in_order(summaries))
        rows = write_tables(file, _hours_schema(), reported())
        summary = work.in_order(summaries)
        write_tables(second, work.schema(), [summary])
        record_release(work.store, "posterior", file)
        step.summarise(counted(rows, "row"))
    fitted = summary.column("status").to_pylist().count("ok")
    without = len(summary) - fitted
    withheld = len(work.published) - work.partitions
    return PosteriorReport(file, second, rows, fitted, without, withheld)


def _second_file(first: Location | None, named: PathLike | None) -> Location | None:
    if first is None:
        return None
    if named is None:
        return first.with_name(f"{first.stem}-hyperparameters{first.suffix}")
    second = check_table_file(named)
    if second == first:
        raise DaypartError(f"{second}: named for both tables", hint="name two files")
    return second


@dataclass(frozen=True)
class _PosteriorWork:
    """A run whose posterior is computed, checked."""

    fitted: FittedRun
    model: HasPosterior
    store: SeriesStore
    published: NDArray[np.bool_]

    @classmethod
    def open(cls, run: PathLike) -> _PosteriorWork:
        folder = RunFolder.open(run)
        fitted = FittedRun.open(run)
        settings = fitted.settings
        if not isinstance(fitted.model.shared, HasPosterior):
            raise DaypartError(
                f"{folder.path}: model {settings.model} has no posterior of log mu",
                hint="fit a run with --model negbin or crossed",
            )
        store = SeriesStore.open(store_of(folder, settings))
        for region, planned in settings.regions.items():
            if store.regions.get(region, {}).get("content_hash") != planned:
                raise DaypartError(
                    f"{store.folder}: region {region!r} changed since the run was fitted",
                    hint="run the same daypart fit again, then this",
                )
        model: Any = model_to_fit(folder, settings)
        published = release_partitions(store, fitted.results.rows).published
        return cls(fitted, model, store, published)

    @property
    def partitions(self) -> int:
        return int(np.count_nonzero(self.published))

    def tables(self) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Yield hours and hyperparameters of some partitions at a time."""
        rows = self.fitted.results.rows
        regions = np.array(rows.column("region").to_pylist(), dtype=object)
        places = rows.column("row").to_numpy()
        ok = self.fitted.ok()
        ok = ok[self.published[ok]]
        until = self.fitted.settings.until_hour
        for region in dict.fromkeys(regions[ok].tolist()):
            chosen = np.sort(places[ok[regions[ok] == region]])
            for begin in range(0, len(chosen), _PARTITIONS_AT_ONCE):
                some = chosen[begin : begin + _PARTITIONS_AT_ONCE].tolist()
                block = self.store.read_region(region, some)
                yield self._fit(block if until is None else block.before(until))

    def _fit(self, block: SeriesBlock) -> tuple[pa.Table, pa.Table]:
        spans = list(self.model.posterior(block))
        lengths = [len(span.log_mu_mean) for span in spans]
        hours = [
            int(first) + np.arange(length)
            for first, length in zip(block.first_hours, lengths, strict=True)
        ]
        ids = block.keys.column("unique_id").combine_chunks()
        mean, sd = (
            np.concatenate([getattr(span, name) for span in spans])
            for name in ("log_mu_mean", "log_mu_sd")
        )
        stamps = pa.array(np.concatenate(hours).astype(np.int64) * _HOUR_US)
        columns = [
            ids.take(pa.array(np.repeat(np.arange(len(spans)), lengths))),
            stamps.cast(pa.timestamp("us", tz="UTC")),
            pa.array(mean, mask=np.isnan(mean)),
            pa.array(sd, mask=np.isnan(sd)),
        ]
        values = np.stack([span.hyperparameters.ravel() for span in spans])
        summary: list[Any] = [ids, [s.status for s in spans], [s.reason for s in spans]]
        summary += [pa.array(column, mask=np.isnan(column)) for column in values.T]
        return (
            pa.table(columns, schema=_hours_schema()),
            pa.table(summary, schema=self.schema()),
        )

    def in_order(self, summaries: list[pa.Table]) -> pa.Table:
        """Return the hyperparameters of every published partition of the run, by `unique_id`."""
        rows = self.fitted.results.rows
        without = np.flatnonzero((self.fitted.results.statuses() != "ok") & self.published)
        left = rows.select(["unique_id", "status", "reason"]).take(without)
        every = [self.schema().empty_table(), *summaries, left]
        return pa.concat_tables(every, promote_options="default").sort_by("unique_id")

    def schema(self) -> pa.Schema:
        """Return the columns of the hyperparameters."""
        from daypart.models.negbin.posterior_columns import SUMMARY

        fields = [(name, pa.string()) for name in ("unique_id", "status", "reason")]
        for name in self.model.hyperparameters:
            fields += [(f"{name}_{column}", pa.float64()) for column in SUMMARY]
        return pa.schema(fields)


def _hours_schema() -> pa.Schema:
    return pa.schema(
        [
            ("unique_id", pa.string()),
            ("ds", pa.timestamp("us", tz="UTC")),
            ("log_mu_mean", pa.float64()),
            ("log_mu_sd", pa.float64()),
        ]
    )
