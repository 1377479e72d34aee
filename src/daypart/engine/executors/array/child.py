"""Array jobs: which task of the plan each child runs, kept beside the run.

A scheduler counts an array's children from 0, and a plan's tasks go on from the numbers that
earlier plans gave. So the driver writes the list of tasks before it submits, and a child looks
up its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from daypart.engine.results.folder import RunFolder
from daypart.errors import DaypartError
from daypart.storage.files import make_folder, write_json
from daypart.storage.location import PathLike
from daypart.storage.shapes import Natural, read_document


@dataclass(frozen=True)
class ArrayDocument:
    """The tasks of an array job, child 0 first."""

    tasks: Sequence[Natural]


def write_array(run: PathLike, name: str, tasks: Sequence[int]) -> None:
    """Write the tasks of an array job, child 0 first.

    Parameters
    ----------
    run : path
    name : str
        Letters, digits, `-` and `_`.
    tasks : sequence of int

    Examples
    --------
    >>> import tempfile
    >>> run = tempfile.mkdtemp()
    >>> write_array(run, "a", [12, 15])
    >>> task_of_child(run, "a", 1)
    15
    """
    folder = make_folder(RunFolder.at(run).arrays)
    write_json(folder / f"{name}.json", {"tasks": list(tasks)})


def read_array(run: PathLike, name: str) -> list[int]:
    """Return the tasks of an array job, child 0 first.

    Parameters
    ----------
    run : path
    name : str

    Raises
    ------
    DaypartError
        Where there is no such array.
    """
    file = RunFolder.at(run).arrays / f"{name}.json"
    tasks: list[int] = read_document(file, ArrayDocument)["tasks"]
    return tasks


def task_of_child(run: PathLike, name: str, child: int) -> int:
    """Return the task that a child of an array job runs.

    Parameters
    ----------
    run : path
    name : str
    child : int
        Counted from 0.

    Raises
    ------
    DaypartError
        Where the array has no such child.
    """
    tasks = read_array(run, name)
    if not 0 <= child < len(tasks):
        raise DaypartError(f"array {name}: no child {child}", hint=f"it has {len(tasks)}")
    return tasks[child]
