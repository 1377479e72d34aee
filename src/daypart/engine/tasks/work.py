"""What the tasks of a plan do.

All that the engine knows of a task is this protocol. A row of the plan is one unit of work;
whatever it makes, it ends with a result row.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from daypart.engine.entry_points import WORK, load_entry_point
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.printed import PrintedLog

_LONGEST_REASON = 400

Enough = Callable[[], bool]
"""Called between two rows of a block: whether what is done is to be flushed now."""


def never() -> bool:
    """Return False: a block is done as a whole; an `Enough`."""
    return False


class Work(Protocol):
    """What tasks do with the rows of their plan."""

    @property
    def most_at_once(self) -> int:
        """The most rows of one block, which is done and flushed as one."""

    @property
    def has_user_code(self) -> bool:
        """Whether it imports code that neither daypart nor its libraries bring."""

    def prepare_process(self) -> None:
        """Import what a worker process needs, while its first task is on its way."""

    def check(self, regions: Sequence[str] | None = None) -> None:
        """Check that the inputs are as they were planned.

        Parameters
        ----------
        regions : sequence of str, optional
            Those whose rows are about to be done. When left out, all of them, and whether all
            that the work imports can be imported here.

        Raises
        ------
        DaypartError
            Where they are not.
        """

    def do(
        self,
        region: str,
        rows: Sequence[int],
        attempts: np.ndarray[Any, Any],
        log: PrintedLog | None = None,
        enough: Enough = never,
    ) -> pa.Table:
        """Do rows of a region, at least the first.

        Parameters
        ----------
        region : str
        rows : sequence of int
            Their places in the region.
        attempts : int array, shape (rows,)
        log : PrintedLog, optional
            Where what is printed meanwhile goes.
        enough : callable
            Called between two rows, where they are done one after the other; the rows that are
            left when it returns True stay for the next call.

        Returns
        -------
        pyarrow.Table
            A result row for each row done, in their order. The columns `unique_id`, `status`,
            `reason`, `seconds` and `attempt` are the engine's.
        """

    def give_up(
        self, region: str, rows: Sequence[int], attempts: np.ndarray[Any, Any], reason: str
    ) -> pa.Table:
        """Return the result rows of rows that can't be done, as `do` returns them.

        Parameters
        ----------
        region : str
        rows : sequence of int
            Their places in the region.
        attempts : int array, shape (rows,)
        reason : str
        """


def open_work(folder: RunFolder) -> Work:
    """Return what the tasks of a folder do.

    Parameters
    ----------
    folder : RunFolder
        The `kind` in its `run.json` is the name of an entry point in the group `daypart.work`,
        which takes the folder and returns a `Work`.

    Returns
    -------
    Work

    Raises
    ------
    DaypartError
        For a kind that is not installed.
    """
    kind = folder.read_description()["kind"]
    work: Work = load_entry_point(WORK, kind, what="kind of work")(folder)
    return work


def describe_error(error: BaseException) -> str:
    """Return an error in one line: its kind, its text and where it was raised.

    Examples
    --------
    >>> describe_error(ValueError("no data"))
    'ValueError: no data'
    """
    text = " ".join(str(error).split())[:_LONGEST_REASON]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"
