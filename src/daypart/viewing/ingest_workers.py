"""The two parts of an ingest that grow with the events, as a protocol: here, or as tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from daypart.progress import Progress
from daypart.storage.location import PathLike
from daypart.tables.table import GivenTable
from daypart.viewing.market.market_update import MarketUpdate, Update, update_market
from daypart.viewing.reading.markets import ViewingMarket
from daypart.viewing.reading.staging import (
    StagedMarket,
    StagingRules,
    rows_by_file,
    stage_file,
    staged_rows_sql,
)
from daypart.viewing.store.batch import Batch


@dataclass(frozen=True)
class WorkerInputs:
    """The arguments of `ingest` that its workers need.

    Parameters
    ----------
    households : path or None
        None if every id in the events is a household.
    first_day, last_day : date or None
    memory : str
    threads : int or None
    key : bytes or path or None
    """

    households: GivenTable | None
    first_day: date | None
    last_day: date | None
    memory: str
    threads: int | None
    key: bytes | PathLike | None


class IngestWorkers(Protocol):
    """Does the two parts of an ingest that grow with the events."""

    def stage(self, rules: StagingRules) -> None:
        """Read every file, and put the output of `stage_file` into the workspace."""

    def credit(
        self,
        update: Update,
        active: Mapping[str, ViewingMarket],
        staged: Mapping[str, StagedMarket],
        changed: Sequence[str],
        segments: Mapping[str, Any],
    ) -> Iterator[tuple[str, MarketUpdate | None]]:
        """Yield the result of `update_market` for every market.

        Parameters
        ----------
        update : Update
        active : mapping of str to ViewingMarket
            All markets of the store.
        staged : mapping of str to StagedMarket
            The markets with new valid rows.
        changed : sequence of str
            The markets whose households changed.
        segments : mapping
            Name to predicate.
        """


class OpenWorkers(Protocol):
    """Opens the workers of one ingest."""

    def __call__(
        self, batch: Batch, given: WorkerInputs, progress: Progress
    ) -> AbstractContextManager[IngestWorkers]:
        """Open the workers; their temporary files are removed at the end."""


@dataclass(frozen=True)
class LocalWorkers:
    """Reads the files and credits the markets one after the other in this process.

    Parameters
    ----------
    batch : Batch
    progress : Progress
    """

    batch: Batch
    progress: Progress

    def stage(self, rules: StagingRules) -> None:
        """Read every file; see `IngestWorkers`."""
        workspace, tables = self.batch.workspace, self.batch.tables
        with self.progress.step("reading events", total=len(tables), unit="files") as step:
            for number, table in enumerate(tables):
                stage_file(workspace, table, number, rules)
                step.advance()
            rows = sum(rows_by_file(workspace).values())
            step.summarise(f"{rows:,} rows of {len(tables):,} files")

    def credit(
        self,
        update: Update,
        active: Mapping[str, ViewingMarket],
        staged: Mapping[str, StagedMarket],
        changed: Sequence[str],
        segments: Mapping[str, Any],
    ) -> Iterator[tuple[str, MarketUpdate | None]]:
        """Credit every market; see `IngestWorkers`."""
        numbers = {code: number for number, code in enumerate(self.batch.reference.markets)}
        for code, market in active.items():
            rows = staged_rows_sql(update.workspace, numbers[code]) if code in staged else None
            is_changed = code in changed
            yield (
                code,
                update_market(
                    update, market, staged.get(code), rows, households_changed=is_changed
                ),
            )
