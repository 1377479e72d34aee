"""Whether a child could fit a run: asked in a container before arrays are submitted."""

from __future__ import annotations

from dataclasses import dataclass

from daypart.engine.results.folder import RunFolder
from daypart.engine.tasks.work import open_work
from daypart.errors import DaypartError
from daypart.models.registry import get_model, is_external_model
from daypart.runs.fitting.fit_work import FitWork
from daypart.storage.files import make_folder, read_json, write_json
from daypart.storage.location import Location, PathLike


@dataclass(frozen=True)
class ChildCheck:
    """What a child found.

    Parameters
    ----------
    fault : str
        Empty where it could fit the run.
    hint : str or None
    """

    fault: str
    hint: str | None = None


def check_as_child(run: PathLike, name: str) -> ChildCheck:
    """Open the run and its store, import its models, and write what came of it beside the run.

    Parameters
    ----------
    run : path
    name : str
        Of the file that is written: `RUN/checks/NAME.json`.

    Returns
    -------
    ChildCheck
        Also where something is wrong: it is told by the driver.

    Raises
    ------
    DaypartError
        Where there is no run, or it can't be written to.
    """
    folder = RunFolder.open(run)
    try:
        work = open_work(folder)
        if isinstance(work, FitWork):
            get_model(work.settings.model, **work.settings.parameters)
            if work.settings.fallback is not None:
                get_model(work.settings.fallback)
        work.check()
        found = ChildCheck("")
    except DaypartError as error:
        found = ChildCheck(error.message, error.hint)
    place = check_place(folder, name)
    make_folder(place.parent)
    write_json(place, {"fault": found.fault, "hint": found.hint})
    return found


def read_check(run: PathLike, name: str) -> ChildCheck | None:
    """Return what a child wrote; None where none did."""
    place = check_place(RunFolder.at(run), name)
    return ChildCheck(**read_json(place)) if place.exists() else None


def fits_own_model(run: PathLike) -> bool:
    """Tell whether a run's model is the user's own code."""
    work = open_work(RunFolder.at(run))
    return isinstance(work, FitWork) and is_external_model(work.settings.model)


def check_place(folder: RunFolder, name: str) -> Location:
    """Return where a check is written."""
    return folder.path / "checks" / f"{name}.json"
