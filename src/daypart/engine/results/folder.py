"""A folder of tasks: where its files are, its `run.json`, and who may write to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from daypart._version import __version__
from daypart.engine.results.lock import driver_lock, is_held
from daypart.errors import DamagedFile, DaypartError
from daypart.storage.columns import check_columns
from daypart.storage.files import read_json, write_json
from daypart.storage.location import Location, PathLike, location
from daypart.storage.tables import read_table

RUN_SCHEMA_VERSION = 2
_RUN_FILE = "run.json"
_LOCK_FILE = "driver.lock"

RUN_FILES = (
    *(_RUN_FILE, _LOCK_FILE, "execution.json", "planning.json", "estimate.json"),
    *("plan.parquet", "parents.parquet", "parts/*.parquet", "parts/*.damaged", "results/*.parquet"),
    *("history/*.jsonl", "history/*.folded", "logs/*.log"),
    *("arrays/*.json", "submissions/*.json"),
)
"""The files of a run, as patterns of their paths in its folder."""


@dataclass(frozen=True)
class _Place:
    """A file or a folder of every run, by its name."""

    name: str

    def __get__(self, folder: RunFolder | None, _owner: type[RunFolder]) -> Location:
        if folder is None:
            raise AttributeError(self.name)
        return folder.path / self.name


@dataclass(frozen=True)
class RunFolder:
    """Where the files of a run, or of any other folder of tasks, are.

    Examples
    --------
    >>> RunFolder.at("demo/run").plan.as_posix()
    'demo/run/plan.parquet'
    """

    path: Location

    @classmethod
    def at(cls, run: PathLike) -> RunFolder:
        """Name a run's folder, whether it is there or not."""
        return cls(location(run))

    @classmethod
    def open(cls, run: PathLike) -> RunFolder:
        """Name a run's folder that must hold a run.

        Raises
        ------
        DaypartError
            Where there is none.
        """
        folder = cls.at(run)
        if not folder.holds_run():
            raise DaypartError(f"{folder.path}: no run here", hint="make one with daypart fit")
        return folder

    plan = _Place("plan.parquet")
    """Who is fitted by which task."""
    parts = _Place("parts")
    """The folder of result parts."""
    results = _Place("results")
    """The folder of one table of results per region."""
    history = _Place("history")
    """The folder of what executions and attempts recorded."""
    logs = _Place("logs")
    """The folder of what workers printed."""
    arrays = _Place("arrays")
    """The folder of the tasks of array jobs."""
    submissions = _Place("submissions")
    """The folder of the array jobs that were submitted."""
    driver_lock = _Place(_LOCK_FILE)
    """Who fits the run, while somebody does."""
    execution = _Place("execution.json")
    """Which executor the run's tasks were given to."""
    planning = _Place("planning.json")
    """What its driver does before the plan is there."""
    estimate = _Place("estimate.json")
    """What the run was expected to take."""

    @property
    def written(self) -> tuple[Location, ...]:
        """The folders in which files appear while a run goes on."""
        below = self.parts, self.results, self.history, self.logs, self.arrays, self.submissions
        return (self.path, *below)

    def holds_run(self) -> bool:
        """Tell whether `run.json` is there."""
        return (self.path / _RUN_FILE).exists()

    def read_description(self) -> dict[str, Any]:
        """Read `run.json`: the kind of work, and what that kind needs to know.

        Returns
        -------
        dict
            With `kind` and `schema_version`.

        Raises
        ------
        DaypartError
            Where it is missing, damaged or of another schema version.
        """
        file = self.path / _RUN_FILE
        content = read_json(file)
        version = content.get("schema_version")
        if not isinstance(content.get("kind"), str) or not isinstance(version, int):
            raise DaypartError(f"{file}: does not describe a daypart run")
        if version != RUN_SCHEMA_VERSION:
            raise DaypartError(
                f"{file}: run of schema version {version}, this daypart reads {RUN_SCHEMA_VERSION}",
                hint="upgrade daypart" if version > RUN_SCHEMA_VERSION else "fit it again",
            )
        return content

    def write_description(self, kind: str, content: Mapping[str, Any]) -> None:
        """Write `run.json` atomically.

        Parameters
        ----------
        kind : str
            The name of an entry point in the group `daypart.work`.
        content : mapping
            JSON.
        """
        write_json(self.path / _RUN_FILE, description_of(kind, content))

    def lock(self) -> AbstractContextManager[None]:
        """Hold the run as its only driver; see `lock.driver_lock`.

        Raises
        ------
        DaypartError
            Where another driver holds it.
        """
        return driver_lock(self.path / _LOCK_FILE)

    def is_locked(self) -> bool:
        """Tell whether a driver holds the run right now (of a run on disk: on this machine)."""
        return is_held(self.path / _LOCK_FILE)


def description_of(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `run.json` holds for a kind of work.

    Parameters
    ----------
    kind : str
        The name of an entry point in the group `daypart.work`.
    content : mapping
        JSON.
    """
    head = {
        "kind": kind,
        "schema_version": RUN_SCHEMA_VERSION,
        "created_by": f"daypart {__version__}",
    }
    return {**head, **content}


_PLAN_COLUMNS = pa.schema(
    [
        pa.field("unique_id", pa.string(), nullable=False),
        pa.field("region", pa.string(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("content_hash", pa.string()),
        pa.field("task", pa.int32()),
        pa.field("attempt", pa.int32(), nullable=False),
    ]
)
"""Of `plan.parquet`, after the key columns."""


def read_plan_table(folder: RunFolder, key: Sequence[str] | None = None) -> pa.Table:
    """Read the plan of a run: its key columns, then those that the engine needs.

    Parameters
    ----------
    folder : RunFolder
    key : sequence of str, optional
        Columns that it must have; by default the key is what comes before `unique_id`.

    Raises
    ------
    DaypartError
        When the file is missing or can't be read.
    DamagedFile
        When it is not a whole plan.
    """
    plan = read_table(folder.plan)
    check_columns(plan, _PLAN_COLUMNS, folder.plan)
    names = plan.column_names[: plan.column_names.index("unique_id")] if key is None else key
    texts = [pa.field(name, pa.string(), nullable=False) for name in names]
    check_columns(plan, pa.schema(texts), folder.plan)
    if len(plan.column("unique_id").unique()) != len(plan):
        raise DamagedFile(
            f"{folder.plan}: lists a partition twice", hint="run the same daypart fit again"
        )
    return plan
