"""The forecast of a run, some partitions or groups at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.disclosure.partitions import release_partitions
from daypart.errors import DaypartError, did_you_mean
from daypart.models.spread_counts import quantiles_of_draws, whole_counts
from daypart.runs.forecasts.fitted_run import FittedRun
from daypart.runs.forecasts.horizon import Horizon
from daypart.runs.forecasts.totals import Group, Totals, draw_totals, group_partitions
from daypart.series.key_columns import find_key_column
from daypart.series.local_time import datetime_to_hour, hour_to_datetime
from daypart.storage.location import PathLike
from daypart.wording import counted

_PARTITIONS_AT_ONCE = 128
_FEWEST_DRAWS = 100


@dataclass(frozen=True)
class RunForecast:
    """All that a forecast of one run follows from, checked.

    Parameters
    ----------
    run : FittedRun
    groups : sequence of Group
        The series that are forecast: groups of partitions, or each partition by itself.
    withheld : int
        Groups without a forecast by the disclosure rules of the store.
    horizon : Horizon
    levels : sequence of float
        Central intervals, in percent.
    by : tuple of str or None
        The columns that name a group; None for partitions.
    draws : int
        Sample paths behind totals.
    """

    run: FittedRun
    groups: Sequence[Group]
    withheld: int
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
    ) -> RunForecast:
        """Open a run and lay out its forecast; see `predict` for the parameters.

        Parameters
        ----------
        run : path
        weeks : int
        levels : sequence of float
            Central intervals, in percent.
        by : sequence of str, optional
        per : str
            One of `PERIODS`.
        start : datetime or int, optional
        draws : int
        """
        _check_numbers(levels, draws)
        fitted = FittedRun.open(run)
        hour_groups = fitted.settings.hour_groups
        chosen = None if by is None else check_columns(by, fitted.settings.key, hour_groups)
        dividing = [name for name in chosen or () if name in hour_groups]
        if len(dividing) > 1:
            raise DaypartError(f"{' and '.join(dividing)} both divide the week", hint="name one")
        rows = fitted.results.rows
        ok = np.zeros(len(rows), bool)
        ok[fitted.ok()] = True
        if len(rows) and not ok.any():
            raise _nothing_fitted(fitted)
        shown = release_partitions(fitted.store(), rows)
        if chosen is None:
            every = _one_each(rows, ok)
            groups = [group for group, may in zip(every, shown.published, strict=True) if may]
        else:
            names = [name for name in chosen if name not in dividing]
            every = group_partitions(rows, names, ok, without_overlap(fitted, names))
            groups = [group for group in every if shown.may_publish_sum(group.members)]
        first = _hour_of(start) if start is not None else last_hour(rows, ok)
        zones = rows.column("timezone").take(np.flatnonzero(ok)).unique().to_pylist()
        hour_group = hour_groups[dividing[0]] if dividing else ()
        horizon = Horizon.after(first, weeks, per, zones, hour_group)
        return cls(fitted, groups, len(every) - len(groups), horizon, tuple(levels), chosen, draws)

    def unfitted(self, count: int) -> tuple[str, ...]:
        """Return the first partitions that were not fitted and are in a group.

        Parameters
        ----------
        count : int
        """
        rows = self.run.results.rows
        if self.by is None:
            return tuple(g.key[0] for g in self.groups if g.without_forecast)[:count]
        absent = np.ones(len(rows), bool)
        absent[self.run.ok()] = False
        return tuple(rows.column("unique_id").take(np.flatnonzero(absent)[:count]).to_pylist())

    def ended(self, hours: int) -> tuple[tuple[str, datetime], ...]:
        """Return the partitions in totals whose data end long before the forecast begins.

        Parameters
        ----------
        hours : int
            Before the first hour of the forecast.

        Returns
        -------
        tuple of (str, datetime)
            Their names and the hours after their last.
        """
        if self.by is None or not self.groups:
            return ()
        members = np.unique(np.concatenate([group.members for group in self.groups]))
        rows = self.run.results.rows.take(members)
        ends = rows.column("first_hour").cast("int64").to_numpy() // 3_600_000_000
        ends = ends + rows.column("hours").to_numpy()
        early = np.flatnonzero(ends < self.horizon.start - hours)
        names = rows.column("unique_id").take(early).to_pylist()
        return tuple(
            (name, hour_to_datetime(int(ends[i]))) for name, i in zip(names, early, strict=True)
        )

    def tables(self, seed: int) -> Iterator[tuple[int, pa.Table]]:
        """Yield the forecast of some groups at a time, with how many they are."""
        if self.by is None and self.horizon.per == "hour":
            yield from self._partitions()
            return
        totals = draw_totals(self.run, self.groups, self.horizon, draws=self.draws, seed=seed)
        for some in totals:
            yield len(some.groups), self._table_of_totals(some)

    def _partitions(self) -> Iterator[tuple[int, pa.Table]]:
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
                state = self.run.states([int(groups[i].members[0]) for i in fitted])
                forecast = self.run.model.forecast(state, window, probabilities)
                mean[fitted], quantiles[fitted] = forecast.mean, forecast.quantiles
            yield len(groups), self._table(groups, mean, quantiles)

    def _table_of_totals(self, totals: Totals) -> pa.Table:
        quantiles = quantiles_of_draws(totals.draws, self._probabilities())
        empty = [len(group.members) == 0 for group in totals.groups]
        totals.mean[empty] = np.nan
        quantiles[empty] = np.nan
        return self._table(totals.groups, totals.mean, quantiles)

    def _probabilities(self) -> list[float]:
        ends = [p for level in self.levels for p in (0.5 - level / 200, 0.5 + level / 200)]
        return [0.5, *ends]

    def _table(
        self, groups: Sequence[Group], mean: NDArray[Any], quantiles: NDArray[Any]
    ) -> pa.Table:
        periods = self.horizon.periods
        columns: list[Any] = []
        key_place = 0
        for name in self._names():
            if name in self.run.settings.hour_groups:
                columns.append(pa.array(self._hour_group_of_periods() * len(groups), pa.string()))
                continue
            values = pa.array([group.key[key_place] for group in groups], pa.string())
            columns.append(values.take(np.repeat(np.arange(len(groups)), periods)))
            key_place += 1
        columns.append(pa.concat_arrays([self.horizon.stamps()] * len(groups)))
        values = [mean, *np.moveaxis(whole_counts(quantiles), -1, 0)]
        columns.extend(_nulls_for_nan(each.ravel()) for each in values)
        if self.by is not None:
            counts = [[len(g.members), g.without_forecast] for g in groups]
            repeated = np.repeat(np.array(counts, np.int32).reshape(-1, 2), periods, axis=0)
            columns.extend(pa.array(column) for column in repeated.T)
        table = pa.table(columns, schema=self.schema())
        return table.filter(self._covered(groups)) if self.horizon.hour_group else table

    def _hour_group_of_periods(self) -> list[str]:
        names = self.horizon.hour_group_names
        return [name for name in names for _ in range(self.horizon.periods // len(names))]

    def _covered(self, groups: Sequence[Group]) -> NDArray[np.bool_]:
        """Tell which rows of a table divided by hour groups hold any hour."""
        zones = self.run.results.rows.column("timezone")
        return np.concatenate(
            [
                self.horizon.covered(zones.take(group.members).unique().to_pylist() or ["UTC"])
                for group in groups
            ]
        )

    def _names(self) -> tuple[str, ...]:
        return ("unique_id",) if self.by is None else self.by

    def schema(self) -> pa.Schema:
        """Return the columns of the forecast."""
        fields = [(name, pa.string()) for name in self._names()]
        fields += [("ds", self.horizon.stamps().type)]
        fields += [("mean", pa.float64()), ("median", pa.float64())]
        for level in self.levels:
            fields += [(f"lo-{level:g}", pa.float64()), (f"hi-{level:g}", pa.float64())]
        if self.by is not None:
            fields += [("partitions", pa.int32()), ("without_forecast", pa.int32())]
        return pa.schema(fields)


def check_columns(
    by: Sequence[str], key: Sequence[str], hour_groups: Iterable[str] = ()
) -> tuple[str, ...]:
    """Check that columns are key columns or groups of hours, each named once.

    Parameters
    ----------
    by : sequence of str
        Columns.
    key : sequence of str
        Key columns.
    hour_groups : iterable of str
        Names of groups of hours.

    Raises
    ------
    DaypartError
        Where they are not.
    """
    if isinstance(by, str):
        by = [by]
    known = [*key, *hour_groups]
    found = []
    for name in by:
        column = name if name in known else find_key_column(name, key)
        if column is None:
            raise DaypartError(f"no key column {name!r}", hint=did_you_mean(name, known))
        found.append(column)
    return tuple(dict.fromkeys(found))


def without_overlap(run: FittedRun, by: Sequence[str]) -> NDArray[np.bool_]:
    """Tell which partitions may be added up: overlapping columns at the value that means all.

    Parameters
    ----------
    run : FittedRun
    by : sequence of str
        Columns.
    """
    rows = run.results.rows
    chosen = np.ones(len(rows), bool)
    for column, value in run.settings.overlapping.items():
        if column not in by:
            chosen &= np.array([each == value for each in rows.column(column).to_pylist()], bool)
    return chosen


def _nothing_fitted(run: FittedRun) -> DaypartError:
    """Return the error for a run without a partition to forecast."""
    reasons = Counter(str(reason) for reason in run.results.rows.column("reason").to_pylist())
    (reason, count), *_ = reasons.most_common(1)
    return DaypartError(
        f"{run.folder.path}: no partition was fitted, so there is no forecast: {reason} "
        f"({count:,} of {counted(len(run.results.rows), 'partition')})",
        hint="see daypart status",
    )


def last_hour(rows: pa.Table, fitted: NDArray[np.bool_]) -> int:
    """Return the hour after the last that any of the partitions was fitted to.

    Parameters
    ----------
    rows : pyarrow.Table
        A row per partition.
    fitted : bool array, shape (partitions,)
    """
    rows = rows.take(np.flatnonzero(fitted))
    if len(rows) == 0:
        return 0
    ends = rows.column("first_hour").cast("int64").to_numpy() // 3_600_000_000
    return int((ends + rows.column("hours").to_numpy()).max())


def _one_each(rows: pa.Table, fitted: NDArray[np.bool_]) -> list[Group]:
    ids = rows.column("unique_id").to_pylist()
    return [
        Group((name,), np.array([place] if fitted[place] else [], np.int64), int(not fitted[place]))
        for place, name in enumerate(ids)
    ]


def _check_numbers(levels: Sequence[float], draws: int) -> None:
    for level in levels:
        if 0 < level < 1:
            raise DaypartError(
                f"level is {level:g}", hint=f"levels are percents: did you mean {100 * level:g}?"
            )
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
    return pa.array(values, mask=np.isnan(values))
