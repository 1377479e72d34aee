"""Whether a child can do the work of a run: checked in a container before arrays are submitted."""

from __future__ import annotations

from dataclasses import dataclass

from daypart.engine.results.folder import RunFolder
from daypart.engine.tasks.work import open_work
from daypart.errors import DaypartError
from daypart.storage.files import make_folder, write_json
from daypart.storage.location import Location, PathLike
from daypart.storage.shapes import read_document


@dataclass(frozen=True)
class ChildCheck:
    """What a child found.

    Parameters
    ----------
    fault : str
        Empty where it can do the work.
    hint : str or None
    """

    fault: str
    hint: str | None = None


def check_as_child(run: PathLike, name: str) -> ChildCheck:
    """Check the work of a run, and write the result beside the run.

    Parameters
    ----------
    run : path
    name : str
        Of the file that is written: `RUN/checks/NAME.json`.

    Returns
    -------
    ChildCheck
        Also where something is wrong: the driver reports it.

    Raises
    ------
    DaypartError
        Where there is no run, or it can't be written to.
    """
    folder = RunFolder.open(run)
    try:
        open_work(folder).check()
        found = ChildCheck("")
    except DaypartError as error:
        found = ChildCheck(error.message, error.hint)
    place = check_file(folder, name)
    make_folder(place.parent)
    write_json(place, {"fault": found.fault, "hint": found.hint})
    return found


def read_check(run: PathLike, name: str) -> ChildCheck | None:
    """Return what a child wrote; None where none did.

    Parameters
    ----------
    run : path
    name : str
    """
    place = check_file(RunFolder.at(run), name)
    if not place.exists():
        return None
    content = read_document(place, ChildCheck)
    return ChildCheck(content["fault"], content.get("hint"))


def check_file(folder: RunFolder, name: str) -> Location:
    """Return where a check is written.

    Parameters
    ----------
    folder : RunFolder
    name : str
    """
    return folder.path / "checks" / f"{name}.json"
