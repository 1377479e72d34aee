"""What ingest asks of whoever reads its files and credits its markets elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from daypart.progress import Progress
from daypart.storage.location import PathLike
from daypart.viewing.market.market_update import MarketUpdate, Update
from daypart.viewing.reading.markets import Market
from daypart.viewing.reading.staging import StagedMarket, StagingRules
from daypart.viewing.store.batch import Batch


@dataclass(frozen=True)
class Given:
    """What was given to `ingest` and is needed where the work is done.

    Parameters
    ----------
    households : path or None
        None where every id in the events is one.
    first_day, last_day : date or None
    memory : str
    threads : int or None
    key : bytes or path or None
    """

    households: PathLike | None
    first_day: date | None
    last_day: date | None
    memory: str
    threads: int | None
    key: bytes | PathLike | None


class Elsewhere(Protocol):
    """Does the two parts of an ingest that grow with the events."""

    def stage(self, rules: StagingRules) -> None:
        """Have every file read, and place what `stage_file` makes of each in the workspace."""

    def credit(
        self,
        update: Update,
        active: Mapping[str, Market],
        staged: Mapping[str, StagedMarket],
        changed: Sequence[str],
        segments: Mapping[str, Any],
    ) -> Iterator[tuple[str, MarketUpdate | None]]:
        """Have every market credited, as `update_market` does it; yield what came of each."""


class Where(Protocol):
    """Names a place for the work of an ingest."""

    def __call__(
        self, batch: Batch, given: Given, progress: Progress
    ) -> AbstractContextManager[Elsewhere]:
        """Open that place for one ingest; what was made on the way is removed at its end."""
