"""The model of a run: one under each partition's own parameters, and its fallback."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.errors import DaypartError
from daypart.models.protocol import (
    FittedSpan,
    Forecast,
    HasPosterior,
    Model,
    Pools,
    Seeded,
    Window,
    fits_one_by_one,
)
from daypart.models.registry import get_model
from daypart.runs.fitting.block_fit import FALLBACK
from daypart.runs.run.parameters import PartitionParameters
from daypart.runs.run.settings import RunSettings
from daypart.series.block import SeriesBlock


@dataclass(frozen=True)
class _Group:
    """Rows of one model."""

    model: Model
    rows: NDArray[np.int64]
    stood_in: bool

    def state_in(self, state: pa.Table) -> pa.Table:
        """Return the group's rows of a state, with the columns as its model named them."""
        own = state if len(self.rows) == state.num_rows else state.take(self.rows)
        if not self.stood_in:
            return own
        names = [name for name in own.column_names if name.startswith(FALLBACK)]
        bare = [name.removeprefix(FALLBACK) for name in names]
        return own.drop_columns([n for n in bare if n in own.column_names]).rename_columns(
            dict(zip(names, bare, strict=True))
        )


@dataclass
class RunModel:
    """A `Model` that fits and forecasts each partition with the model that is its own.

    Parameters
    ----------
    name : str
        As it was given to `fit`.
    by_partition : PartitionParameters
    fallback_name : str or None
        The model of the rows whose column `model` says so.
    prior : tuple of pyarrow.Table, key and overlapping columns, or None
        Parents that partitions take their prior from, where their model does.
    seed : int
        Of models that sample.

    Examples
    --------
    >>> from daypart.runs.run.parameters import Override
    >>> overrides = [Override("market", "501", {"inference": "full"})]
    >>> model = RunModel("negbin", PartitionParameters({}, overrides))
    >>> model.of({"market": "501"}).parameters["inference"]
    'full'
    """

    name: str
    by_partition: PartitionParameters
    fallback_name: str | None = None
    prior: tuple[pa.Table, Sequence[str], Mapping[str, str]] | None = None
    seed: int = 0
    _models: dict[tuple[int, ...], Model] = field(default_factory=dict)

    @classmethod
    def of_run(cls, settings: RunSettings) -> RunModel:
        """Return the model that a run's settings name."""
        by_partition = PartitionParameters(settings.parameters, settings.overrides)
        return cls(settings.model, by_partition, settings.fallback, seed=settings.seed)

    @property
    def shared(self) -> Model:
        """Return the model under the parameters that all partitions share."""
        return self._under(())

    @property
    def fallback(self) -> Model | None:
        """Return the fallback model."""
        return get_model(self.fallback_name) if self.fallback_name else None

    @property
    def version(self) -> str:
        """Return the model's version."""
        return str(self.shared.version)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Return the parameters that all partitions share."""
        return self.shared.parameters

    @property
    def one_by_one(self) -> bool:
        """Tell whether it is slow enough that blocks of partitions win nothing."""
        return fits_one_by_one(self.shared)

    def of(self, key: Mapping[str, Any]) -> Model:
        """Return a partition's own model."""
        return self._under(self.by_partition.acting(key))

    def _under(self, acting: tuple[int, ...]) -> Model:
        if acting not in self._models:
            model = get_model(self.name, **self.by_partition.merged(acting))
            if self.prior is not None and isinstance(model, Pools) and model.pools:
                model = model.with_parents(*self.prior)
            if isinstance(model, Seeded):
                model = model.with_seed(self.seed)
            self._models[acting] = model
        return self._models[acting]

    def fit(self, block: SeriesBlock) -> pa.Table:
        """Fit every partition under its own parameters; see `Model.fit`."""
        groups = self._groups(block.keys)
        if len(groups) == 1:
            return groups[0].model.fit(block)
        tables = [group.model.fit(block.take(group.rows)) for group in groups]
        order = np.argsort(np.concatenate([group.rows for group in groups]))
        return pa.concat_tables(tables, promote_options="default").take(order)

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """Return the names of the hyperparameters, where the model has such."""
        return self._with_posterior(self.shared).hyperparameters

    def posterior(self, block: SeriesBlock) -> Iterator[FittedSpan]:
        """Yield each partition's posterior under its own parameters; see `HasPosterior`."""
        spans: dict[int, FittedSpan] = {}
        for group in self._groups(block.keys):
            found = self._with_posterior(group.model).posterior(block.take(group.rows))
            spans |= dict(zip(group.rows.tolist(), found, strict=True))
        yield from (spans[row] for row in range(len(block)))

    def _with_posterior(self, model: Model) -> HasPosterior:
        if not isinstance(model, HasPosterior):
            raise DaypartError(
                f"model {self.name} has no posterior of log mu",
                hint="fit a run with --model negbin or crossed",
            )
        return model

    def forecast(self, state: pa.Table, window: Window, probabilities: Sequence[float]) -> Forecast:
        """Predict counts, each row with its own model; see `Model.forecast`.

        Parameters
        ----------
        state : pyarrow.Table
            Result rows.
        window : Window
        probabilities : sequence of float
            In (0, 1).
        """
        groups = self._groups(state)
        if len(groups) == 1:
            return groups[0].model.forecast(groups[0].state_in(state), window, probabilities)
        shape = (state.num_rows, window.hours)
        whole = Forecast(np.empty(shape), np.empty(shape), np.empty((*shape, len(probabilities))))
        for group in groups:
            some = group.model.forecast(group.state_in(state), window, probabilities)
            whole.mean[group.rows], whole.sd[group.rows] = some.mean, some.sd
            whole.quantiles[group.rows] = some.quantiles
        return whole

    def sample_paths(
        self, state: pa.Table, window: Window, draws: int, seed: int
    ) -> NDArray[np.int32]:
        """Draw joint paths, each row with its own model; see `Model.sample_paths`.

        Parameters
        ----------
        state : pyarrow.Table
            Result rows.
        window : Window
        draws : int
        seed : int
        """
        groups = self._groups(state)
        if len(groups) == 1:
            return groups[0].model.sample_paths(groups[0].state_in(state), window, draws, seed)
        whole = np.empty((state.num_rows, draws, window.hours), np.int32)
        for group in groups:
            state_of_group = group.state_in(state)
            whole[group.rows] = group.model.sample_paths(state_of_group, window, draws, seed)
        return whole

    def _groups(self, rows: pa.Table) -> list[_Group]:
        """Part rows by their model; `rows` has the key columns and perhaps `model`."""
        columns = [name for name in self.by_partition.columns if name in rows.column_names]
        stood_in = self.fallback_name is not None and "model" in rows.column_names
        if rows.num_rows == 0 or not (columns or stood_in):
            return [_Group(self.shared, np.arange(rows.num_rows), False)]
        places: dict[tuple[int, ...] | None, list[int]] = {}
        names = rows.column("model").to_pylist() if stood_in else [self.name] * rows.num_rows
        keys = rows.select(columns).to_pylist() if columns else [{}] * rows.num_rows
        for row, (name, key) in enumerate(zip(names, keys, strict=True)):
            fallen = stood_in and name == self.fallback_name
            places.setdefault(None if fallen else self.by_partition.acting(key), []).append(row)
        groups = []
        for acting, own in places.items():
            model = self.fallback if acting is None else self._under(acting)
            assert model is not None
            groups.append(_Group(model, np.array(own), acting is None))
        return groups
