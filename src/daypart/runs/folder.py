"""The run's folder: its settings in `run.json`, where its files lie, and who may write to it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import daypart
from daypart.errors import DaypartError
from daypart.storage import PathLike, local_path, make_folder, read_json, write_json

RUN_SCHEMA_VERSION = 1
_KIND = "daypart-run"
_RUN_FILE = "run.json"


@dataclass(frozen=True)
class RunSettings:
    """What a run fits, as `run.json` says it.

    Parameters
    ----------
    store : str
        The store's folder, relative to the run's folder, so that both can move together.
    model, model_version : str
    parameters : mapping
        The model's parameters, JSON.
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
    hour_groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    regions: Mapping[str, str] = field(default_factory=dict)
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


@dataclass(frozen=True)
class RunFolder:
    """Where a run's files lie.

    Examples
    --------
    >>> RunFolder.at("demo/run").plan.as_posix()
    'demo/run/plan.parquet'
    """

    path: Path

    @classmethod
    def at(cls, run: PathLike) -> RunFolder:
        """Name a run's folder, whether it is there or not."""
        return cls(local_path(run))

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
    def plan(self) -> Path:
        """Who is fitted by which task."""
        return self.path / "plan.parquet"

    @property
    def parts(self) -> Path:
        """The folder of result parts."""
        return self.path / "parts"

    @property
    def logs(self) -> Path:
        """The folder of what workers printed."""
        return self.path / "logs"

    @property
    def arrays(self) -> Path:
        """The folder of the tasks of array jobs."""
        return self.path / "arrays"

    def holds_run(self) -> bool:
        """Tell whether `run.json` is there."""
        return (self.path / _RUN_FILE).exists()

    def store_of(self, settings: RunSettings) -> Path:
        """Return the path of the store that the run was made from."""
        return Path(os.path.normpath(self.path / settings.store))

    def relative_store(self, store: PathLike) -> str:
        """Return a store's path as `run.json` holds it."""
        return os.path.relpath(local_path(store).resolve(), self.path.resolve())

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
            return RunSettings(**{**content, "key": tuple(content["key"])})
        except (TypeError, KeyError) as error:
            raise DaypartError(f"{file}: not a whole description of a run ({error})") from None

    def write_settings(self, settings: RunSettings) -> None:
        """Write `run.json` atomically."""
        head = {
            "kind": _KIND,
            "schema_version": RUN_SCHEMA_VERSION,
            "created_by": f"daypart {daypart.__version__}",
        }
        write_json(self.path / _RUN_FILE, {**head, **asdict(settings)})

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run as its only driver.

        The lock goes with the process that holds it, however that one ends.

        Raises
        ------
        DaypartError
            Where another driver holds it.
        """
        make_folder(self.path)
        with (self.path / "driver.lock").open("a+", encoding="utf-8") as file:
            if not _try_to_lock(file.fileno()):
                raise DaypartError(
                    f"{self.path}: {_holder(self.path / 'driver.lock')} is fitting this run",
                    hint="wait for it or stop it, then run the same command again",
                )
            file.truncate(0)
            file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
            file.flush()
            yield

    def is_locked(self) -> bool:
        """Tell whether a driver holds the run right now (on this machine)."""
        with suppress(FileNotFoundError), (self.path / "driver.lock").open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


def _try_to_lock(descriptor: int) -> bool:
    """Take the lock; a `status` that looks at this moment holds it for an instant only."""
    for wait in (0.05, 0.1, 0.2, 0.0):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(wait)
    return False


def _holder(lock: Path) -> str:
    try:
        holder = json.loads(lock.read_text(encoding="utf-8"))
        return f"process {holder['pid']} on {holder['host']}"
    except (ValueError, KeyError, OSError):
        return "another process"
