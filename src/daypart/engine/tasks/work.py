"""What the tasks of a plan do: fit the partitions of a store, or what another room describes.

The engine asks only three things of it: are the inputs as planned, do these, and give these up.
A piece of work is a row of the plan; whatever it makes, it ends with a result row.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from daypart.engine.results.folder import RunFolder
from daypart.engine.results.printed import PrintedLog
from daypart.errors import DaypartError
from daypart.storage.files import read_json

if TYPE_CHECKING:
    import pyarrow as pa

OTHER_WORK = "daypart-work"
"""The `kind` in `run.json` of a folder whose tasks do something else than fit."""


class Work(Protocol):
    """What tasks do with the rows of their plan."""

    @property
    def most_at_once(self) -> int:
        """The most rows of one block, which is done and flushed as one."""

    def check(self, regions: Sequence[str] | None = None) -> None:
        """Raise DaypartError unless the inputs are as they were planned; None: all of them."""

    def do(
        self,
        region: str,
        rows: Sequence[int],
        attempts: np.ndarray[Any, Any],
        log: PrintedLog | None = None,
    ) -> pa.Table:
        """Do rows of a region; return a result row for each of them.

        The columns `unique_id`, `status`, `reason`, `seconds` and `attempt` are the engine's.
        """

    def give_up(
        self, region: str, rows: Sequence[int], attempts: np.ndarray[Any, Any], reason: str
    ) -> pa.Table:
        """Return the result rows of what can't be done."""


def open_work(folder: RunFolder) -> Work:
    """Return what the tasks of a folder do.

    Raises
    ------
    DaypartError
        For a folder that does not say, or names something that is no work of daypart's own.
    """
    content = read_json(folder.path / "run.json")
    if content.get("kind") != OTHER_WORK:
        from daypart.runs.fitting.fit_work import FitWork

        return FitWork(folder)
    name = str(content.get("does"))
    module, _, attribute = name.partition(":")
    # A folder from outside must not choose what is imported: only daypart's own modules count.
    if module.split(".")[0] == "daypart":
        from daypart.engine.tasks.pieces import PieceWork, is_piece

        found: Any = getattr(importlib.import_module(module), attribute, None)
        if is_piece(found):
            return PieceWork(folder, content, found)
    raise DaypartError(f"{folder.path}: {name!r} is no work that this daypart knows")
