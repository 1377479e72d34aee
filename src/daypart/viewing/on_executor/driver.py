"""An ingest whose files are read and markets credited by tasks of an executor."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from daypart.engine.executors.protocol import Executor
from daypart.engine.executors.registry import executor_of_call
from daypart.engine.tasks.callbacks import report_waiting
from daypart.engine.tasks.items import WorkItem, do_items, plan_items
from daypart.errors import DaypartError, Interrupted
from daypart.progress import Progress
from daypart.storage.files import delete_files, file_digest, make_folder
from daypart.storage.links import refuse_links
from daypart.storage.location import Location, PathLike, location
from daypart.storage.tables import write_table
from daypart.tables.options import TableOptions
from daypart.tables.table import GivenTable, options_of, source_of
from daypart.viewing.ingest_workers import WorkerInputs
from daypart.viewing.market.market_update import MarketUpdate, Update
from daypart.viewing.on_executor.work import (
    CREDITING,
    READING,
    bring_staged,
    key_in_environment,
    update_of_outcome,
)
from daypart.viewing.reading.markets import ViewingMarket
from daypart.viewing.reading.staging import StagedMarket, StagingRules
from daypart.viewing.store.batch import Batch

_FOLDER = ".ingest-tasks"
_BYTES_A_TASK = 256 << 20


@dataclass(frozen=True)
class OnExecutor:
    """Reads the files of an ingest and credits its markets in tasks of an executor.

    The tasks must be able to read the files, the store and the household key (a key file or the
    environment).

    Parameters
    ----------
    name : str
        As of `fit`: `inline`, `local`, `slurm`, `aws-batch`.
    settings : mapping or path, optional
        The executor's settings by name, or a TOML file with them under `[executor.NAME]`.

    Raises
    ------
    DaypartError
        For an unknown executor or setting.

    Examples
    --------
    >>> OnExecutor("local", {"workers": 2}).executor.name
    'local'
    """

    name: str
    settings: Mapping[str, Any] | PathLike | None = None

    def __post_init__(self) -> None:
        self.executor  # noqa: B018 - a wrong name or setting is reported before anything is read

    @property
    def executor(self) -> Executor:
        """The executor."""
        return executor_of_call(self.name, self.settings)

    @contextmanager
    def __call__(
        self, batch: Batch, given: WorkerInputs, progress: Progress
    ) -> Iterator[IngestTasks]:
        """Open an ingest's folder of tasks.

        It is removed at the end, unless the same command can continue with it.

        Parameters
        ----------
        batch : Batch
        given : WorkerInputs
        progress : Progress
        """
        folder = batch.store.folder / _FOLDER
        refuse_links([folder])
        try:
            yield IngestTasks(self.executor, batch, given, progress, folder)
        except Interrupted:
            raise
        except DaypartError:
            _remove(folder)
            raise
        _remove(folder)


@dataclass
class IngestTasks:
    """The tasks of one ingest; an `IngestWorkers`.

    They are planned below the store's folder, under a digest of their inputs, so that the same
    command continues after the finished tasks.

    Parameters
    ----------
    executor : Executor
    batch : Batch
    given : WorkerInputs
    progress : Progress
    folder : Location
    """

    executor: Executor
    batch: Batch
    given: WorkerInputs
    progress: Progress
    folder: Location
    staged_in: Location | None = None
    staged: list[tuple[int, str]] = field(default_factory=list)

    def stage(self, rules: StagingRules) -> None:
        """Read every file; see `IngestWorkers`."""
        batch, given = self.batch, self.given
        households = _file_of(given.households)
        options = rules.options
        content = {
            **self._shared(),
            **_known(batch),
            "files": [
                {"path": str(table.place.resolve()), "digest": digest}
                for table, digest in zip(batch.tables, batch.digests, strict=True)
            ],
            "households": households and str(households),
            "household_options": _json_of(options_of(given.households or "")),
            "households_digest": households and file_digest(households),
            "options": _json_of(options),
            "rules": {name: value for name, value in vars(rules).items() if name != "options"},
            "key_file": None if isinstance(given.key, bytes | None) else str(_full(given.key)),
            "first_day": given.first_day and given.first_day.isoformat(),
            "last_day": given.last_day and given.last_day.isoformat(),
        }
        sizes = [table.place.stat().st_size for table in batch.tables]
        items = [
            WorkItem(file["path"], task)
            for file, task in zip(content["files"], _tasks_of(sizes), strict=True)
        ]
        self.staged_in, rows = self._run(("reading events", "files"), READING, content, items)
        names = [file["path"] for file in content["files"]]
        for number, name in enumerate(names):
            self.staged += [(number, made) for made in json.loads(rows[name]["outcome"])]
        bring_staged(batch.workspace, self.staged_in, self.staged)

    def credit(
        self,
        update: Update,
        active: Mapping[str, ViewingMarket],
        staged: Mapping[str, StagedMarket],
        changed: Sequence[str],
        segments: Mapping[str, Any],
    ) -> Iterator[tuple[str, MarketUpdate | None]]:
        """Credit every market; see `IngestWorkers`."""
        batch = self.batch
        numbers = {code: number for number, code in enumerate(batch.reference.markets)}
        part = {code: f"part={numbers[code]}" for code in active}
        content = {
            **self._shared(),
            "store": str(batch.store.folder.resolve()),
            "generation": batch.generation,
            "window": [update.window.first_day, update.window.last_day],
            "window_before": update.window_before
            and [update.window_before.first_day, update.window_before.last_day],
            "networks": list(update.networks),
            "segments": {name: dict(predicate) for name, predicate in segments.items()},
            "network_markets": dict(update.network_markets),
            "names_changed": update.names_changed,
            "crediting": update.rules.as_json(),
            "dayparts": update.dayparts.as_json(),
            "event_segments": update.event_segments,
            "files": update.files,
            "staged_in": str(self.staged_in and self.staged_in.resolve()),
            "markets": [
                {
                    "code": code,
                    "about": market.as_json(),
                    "number": numbers[code],
                    "households_changed": code in changed,
                    "staged": code in staged and list(vars(staged[code]).values()),
                    "files": [
                        (number, made)
                        for number, made in self.staged
                        if made.split("/")[-2] == part[code]
                    ],
                }
                for code, market in active.items()
            ],
        }
        # The markets with the most rows start first.
        order = sorted(active, key=lambda code: -staged[code].rows if code in staged else 0)
        task = {code: number for number, code in enumerate(order)}
        items = [WorkItem(code, task[code], code) for code in active]
        members = batch.workspace.table("FROM members")
        folder, rows = self._run(("crediting", "markets"), CREDITING, content, items, members)
        for code in active:
            outcome = json.loads(rows[code]["outcome"])
            yield code, update_of_outcome(batch.workspace, folder, code, outcome)

    def _shared(self) -> dict[str, Any]:
        return {"memory": self.given.memory, "threads": self.given.threads}

    def _run(
        self,
        step_of: tuple[str, str],
        kind: str,
        content: Mapping[str, Any],
        items: Sequence[WorkItem],
        members: Any = None,
    ) -> tuple[Location, dict[str, dict[str, Any]]]:
        """Plan items where the same ones were planned before, and run their tasks."""
        # The generation changes the digest after every ingest into the store.
        described = json.dumps([self.batch.generation, kind, content], sort_keys=True)
        digest = hashlib.blake2b(described.encode(), digest_size=8).hexdigest()
        folder = self.folder / f"{kind}-{digest}"
        if members is not None:
            write_table(make_folder(folder) / "members.parquet", members)
        tasks = plan_items(folder, kind, content, items)
        title, unit = step_of
        key = self.given.key if isinstance(self.given.key, bytes) else None
        with (
            self.progress.step(f"{title} ({self.executor.name})", len(items), unit) as step,
            key_in_environment(key),
        ):
            return folder, do_items(self.executor, tasks, step, report_waiting(self.progress))


def _known(batch: Batch) -> dict[str, Any]:
    """Return the tables and settings that every task needs, for JSON."""
    settings, reference = batch.settings, batch.reference
    networks = reference.networks
    return {
        "segments": {name: dict(predicate) for name, predicate in settings.segments.items()},
        "networks": None if networks is None else dict(networks),
        "markets": {code: market.as_json() for code, market in reference.markets.items()},
        "key_fingerprint": settings.key_fingerprint,
    }


def _file_of(households: GivenTable | None) -> Location | None:
    if households is None:
        return None
    path = source_of(households)
    if not isinstance(path, str | os.PathLike):
        raise DaypartError("households: tasks need a file", hint="write the table to a file")
    return location(path).resolve()


def _full(key: PathLike) -> Path:
    return Path(key).expanduser().resolve()


def _json_of(options: TableOptions) -> dict[str, Any]:
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in asdict(options).items()
    }


def _tasks_of(sizes: Sequence[int]) -> list[int]:
    """Give files to tasks in their order, about a quarter of a gigabyte to each.

    Examples
    --------
    >>> _tasks_of([200 << 20, 100 << 20, 100 << 20, 1])
    [0, 1, 1, 1]
    """
    tasks, task, held = [], 0, 0
    for size in sizes:
        if held and held + size > _BYTES_A_TASK:
            task, held = task + 1, 0
        held += size
        tasks.append(task)
    return tasks


def _remove(folder: Location) -> None:
    if isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=True)
    else:
        delete_files(list(folder.rglob("*")))
