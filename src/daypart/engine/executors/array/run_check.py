"""What is looked at of a run before any scheduler is asked."""

from __future__ import annotations

from daypart.engine.results.folder import RunFolder
from daypart.engine.tasks.work import open_work
from daypart.storage.location import Location


def check_run(run: Location) -> None:
    """Look at the run's own things: the store as planned, and the model.

    Raises
    ------
    DaypartError
        For a store that is gone or changed, and a model that can't be imported.
    """
    open_work(RunFolder.open(run)).check()
