"""A model around a function that fits one partition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.models.adapters.ahead import FEWEST_HOURS, ahead_schema, forecast_ahead, sample_ahead
from daypart.models.adapters.history import Partition
from daypart.models.events.events import EventCalendar, parse_events
from daypart.models.protocol import Forecast, Window

if TYPE_CHECKING:
    from daypart.series.block import SeriesBlock


@dataclass(frozen=True)
class AdaptedModel:
    """A `Model` around a function that fits one partition.

    Parameters
    ----------
    name, version : str
    parameters : mapping
        The adapter's own and those of what it adapts.
    fit_one : callable
        From a partition to the columns of its row: some of `ahead.ahead_schema`, and others.
    """

    name: str
    version: str
    parameters: Mapping[str, Any]
    fit_one: Callable[[Partition], Mapping[str, Any]]
    takes_any_parameter: bool = False
    """See `protocol.TakesAnyParameter`."""
    one_by_one: bool = True
    """See `protocol.FitsOneByOne`."""

    @cached_property
    def calendar(self) -> EventCalendar:
        """The events of the history and ahead."""
        rows = self.parameters.get("calendar", ())
        return EventCalendar(self.parameters["holidays"], parse_events(rows))

    def fit(self, block: SeriesBlock) -> pa.Table:
        """Fit every partition of a block; see `Model.fit`."""
        hours_ahead = int(self.parameters["weeks_ahead"]) * 168
        rows = []
        for i in range(len(block)):
            partition = Partition.of(block, i, hours_ahead, self.calendar)
            status, reason = _status_of(block, i, partition)
            found = dict(self.fit_one(partition)) if status == "ok" else {}
            rows.append({"status": status, "reason": reason, **found})
        schema = {"status": pa.string(), "reason": pa.string(), **ahead_schema()}
        for name in dict.fromkeys(name for row in rows for name in row):
            if name not in schema:
                schema[name] = _type_of([row[name] for row in rows if name in row])
        return pa.Table.from_pylist(rows, schema=pa.schema(list(schema.items())))

    def forecast(self, state: pa.Table, window: Window, probabilities: Sequence[float]) -> Forecast:
        """Forecast counts from the fitted columns; see `Model.forecast`."""
        return forecast_ahead(state, window, probabilities, self.name)

    def sample_paths(
        self, state: pa.Table, window: Window, draws: int, seed: int
    ) -> NDArray[np.int32]:
        """Draw joint paths; see `Model.sample_paths`."""
        return sample_ahead(state, window, draws, seed, self.name)


def _status_of(block: SeriesBlock, i: int, partition: Partition) -> tuple[str, str | None]:
    """Return a partition's status, and the reason if it cannot be fitted."""
    counts, exposure = block.counts_of(i), block.hourly_exposure_of(i)
    contradicted = int(((counts > 0) & ~(exposure > 0)).sum())
    if contradicted:
        return "failed", f"{contradicted} hours have counts but no exposure"
    if partition.hours < FEWEST_HOURS:
        return "skipped", f"{partition.hours} hours, under 2 weeks"
    if np.isnan(partition.counts).all():
        return "skipped", "all hours are missing or without exposure"
    return "ok", None


def _type_of(values: Sequence[Any]) -> pa.DataType:
    """Return the type of a model's own column: all numbers are float64."""
    value = next((each for each in values if each is not None), None)
    if isinstance(value, str):
        return pa.string()
    if isinstance(value, bool | np.bool_):
        return pa.bool_()
    if isinstance(value, list | tuple | np.ndarray):
        return pa.list_(pa.float64())
    return pa.float64()
