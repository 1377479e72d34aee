"""The run's folder: its settings in `run.json`, where its files lie, and who may write to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from daypart._version import __version__
from daypart.engine.results.lock import driver_lock, is_held
from daypart.engine.tasks.limits import NO_LIMITS, Limits
from daypart.errors import DaypartError
from daypart.runs.run.parameters import Override
from daypart.storage.files import read_json, write_json
from daypart.storage.location import (
    Location,
    PathLike,
    location,
    relative_location,
    resolve_location,
)

RUN_SCHEMA_VERSION = 1
_KIND = "daypart-run"
_RUN_FILE = "run.json"
_LOCK_FILE = "driver.lock"


@dataclass(frozen=True)
class RunSettings:
    """What a run fits, as `run.json` says it.

    Parameters
    ----------
    store : str
        The store's folder, relative to the run's folder, so that both can move together; in full
        where they have no common root.
    model, model_version : str
    parameters : mapping
        The model's parameters, JSON.
    overrides : tuple of Override
        What some partitions have instead.
    fallback : str or None
        The model that fits what this one fails on.
    limits : Limits
        Of each partition's fit; they are no part of its identity.
    seed : int
    until_hour : int or None
        Fit only the hours before this one (UTC hours since 1970); None for all.
    key : tuple of str
    overlapping : mapping of str to str
        As in the store.
    hour_groups : mapping of str to sequence of str
        As in the store.
    regions : mapping of str to str
        Content hash of each region when the plan was made.
    parents : str or None
        Content hash of the parents that partitions take their prior from.
    created : str
        ISO 8601, UTC.
    """

    store: str
    model: str
    model_version: str
    parameters: Mapping[str, Any]
    seed: int
    key: tuple[str, ...]
    overlapping: Mapping[str, str]
    until_hour: int | None = None
    overrides: tuple[Override, ...] = ()
    fallback: str | None = None
    limits: Limits = NO_LIMITS
    hour_groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    regions: Mapping[str, str] = field(default_factory=dict)
    parents: str | None = None
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


@dataclass(frozen=True)
class RunFolder:
    """Where a run's files lie.

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

    @property
    def plan(self) -> Location:
        """Who is fitted by which task."""
        return self.path / "plan.parquet"

    @property
    def parents(self) -> Location:
        """The posteriors of sums over partitions, from which these take their prior."""
        return self.path / "parents.parquet"

    @property
    def parts(self) -> Location:
        """The folder of result parts."""
        return self.path / "parts"

    @property
    def results(self) -> Location:
        """The folder of one table of results per region."""
        return self.path / "results"

    @property
    def history(self) -> Location:
        """The folder of what executions and attempts recorded."""
        return self.path / "history"

    @property
    def logs(self) -> Location:
        """The folder of what workers printed."""
        return self.path / "logs"

    @property
    def arrays(self) -> Location:
        """The folder of the tasks of array jobs."""
        return self.path / "arrays"

    @property
    def submissions(self) -> Location:
        """The folder of the array jobs that were submitted."""
        return self.path / "submissions"

    @property
    def written(self) -> tuple[Location, ...]:
        """The folders in which files appear while a run goes on."""
        below = self.parts, self.results, self.history, self.logs, self.arrays, self.submissions
        return (self.path, *below)

    def holds_run(self) -> bool:
        """Tell whether `run.json` is there."""
        return (self.path / _RUN_FILE).exists()

    def store_of(self, settings: RunSettings) -> Location:
        """Return the path of the store that the run was made from."""
        return resolve_location(settings.store, self.path)

    def relative_store(self, store: PathLike) -> str:
        """Return a store's path as `run.json` holds it."""
        return relative_location(store, self.path)

    def read_settings(self) -> RunSettings:
        """Read `run.json`.

        Raises
        ------
        DaypartError
            Where it is missing, damaged or of a newer schema version.
        """
        file = self.path / _RUN_FILE
        content = read_json(file)
        version = content.pop("schema_version", None)
        if content.pop("kind", None) != _KIND or not isinstance(version, int):
            raise DaypartError(f"{file}: does not describe a daypart run")
        if version > RUN_SCHEMA_VERSION:
            raise DaypartError(
                f"{file}: run of schema version {version}, this daypart reads {RUN_SCHEMA_VERSION}",
                hint="upgrade daypart",
            )
        content.pop("created_by", None)
        try:
            content["key"] = tuple(content["key"])
            content["overrides"] = tuple(Override(**each) for each in content.get("overrides", ()))
            content["limits"] = Limits(**content.get("limits", {}))
            return RunSettings(**content)
        except (TypeError, KeyError) as error:
            raise DaypartError(f"{file}: not a whole description of a run ({error})") from None

    def write_settings(self, settings: RunSettings) -> None:
        """Write `run.json` atomically."""
        head = {
            "kind": _KIND,
            "schema_version": RUN_SCHEMA_VERSION,
            "created_by": f"daypart {__version__}",
        }
        write_json(self.path / _RUN_FILE, {**head, **asdict(settings)})

    def lock(self) -> AbstractContextManager[None]:
        """Hold the run as its only driver; see `lock.driver_lock`.

        Raises
        ------
        DaypartError
            Where another driver holds it.
        """
        return driver_lock(self.path / _LOCK_FILE)

    @property
    def driver_lock(self) -> Location:
        """Who fits the run, while somebody does."""
        return self.path / _LOCK_FILE

    @property
    def execution(self) -> Location:
        """Which executor the run's tasks were given to."""
        return self.path / "execution.json"

    @property
    def estimate(self) -> Location:
        """What the run was expected to take."""
        return self.path / "estimate.json"

    def is_locked(self) -> bool:
        """Tell whether a driver holds the run right now (of a run on disk: on this machine)."""
        return is_held(self.path / _LOCK_FILE)
