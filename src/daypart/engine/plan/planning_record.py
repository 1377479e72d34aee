"""What a driver does before there is a plan, kept beside the run for `status` to show."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from daypart.engine.results.folder import RUN_FILES, RunFolder
from daypart.errors import DaypartError, Interrupted
from daypart.progress import Progress, Step
from daypart.storage.files import delete_files, make_folder, write_json
from daypart.storage.location import local_path
from daypart.storage.removal import remove_own_files
from daypart.storage.shapes import read_document

_WRITE_SECONDS = 2.0


@dataclass(frozen=True)
class PlanningDocument:
    """`planning.json`: what the driver does."""

    doing: str


@dataclass
class _RecordedStep:
    """A step that is shown, and written from time to time."""

    shown: Step
    folder: RunFolder
    title: str
    total: int | None
    unit: str
    done: int = 0
    written: float = field(default=float("-inf"))

    def advance(self, done: int = 1, failed: int = 0) -> None:
        self.shown.advance(done, failed)
        self.done += done
        self.write()

    def expect(self, total: int) -> None:
        self.shown.expect(total)
        self.total = total
        self.write()

    def summarise(self, summary: str) -> None:
        self.shown.summarise(summary)

    def write(self) -> None:
        if time.monotonic() >= self.written + _WRITE_SECONDS:
            self.written = time.monotonic()
            count = f": {self.done:,}" if self.total or self.done else ""
            of = f" of {self.total:,}" if self.total else ""
            make_folder(self.folder.path)
            doing = f"{self.title}{count}{of} {self.unit}".rstrip()
            write_json(self.folder.planning, {"doing": doing})


@dataclass(frozen=True)
class _RecordedProgress:
    shown: Progress
    folder: RunFolder

    @contextmanager
    def step(self, title: str, total: int | None = None, unit: str = "") -> Iterator[Step]:
        with self.shown.step(title, total, unit) as shown:
            step = _RecordedStep(shown, self.folder, title, total, unit)
            step.write()
            yield step


@contextmanager
def planning_recorded(folder: RunFolder, progress: Progress) -> Iterator[Progress]:
    """Yield a progress whose steps are also written beside the run, while the block lasts.

    Parameters
    ----------
    folder : RunFolder
        Its lock is the caller's.
    progress : Progress
    """
    try:
        yield _RecordedProgress(progress, folder)
    finally:
        delete_files([folder.planning])


@contextmanager
def removed_if_not_planned(folder: RunFolder, is_new: bool) -> Iterator[None]:
    """Remove a new run's folder again where an error ends its planning: it holds nothing yet.

    Parameters
    ----------
    folder : RunFolder
    is_new : bool
        Whether this call made the folder, on disk.
    """
    try:
        yield
    except DaypartError as error:
        if is_new and not isinstance(error, Interrupted) and not folder.holds_run():
            remove_own_files(local_path(folder.path), RUN_FILES)
        raise


def planning_of(folder: RunFolder) -> str | None:
    """Return what the driver of a run does before its plan is there; None where it has one.

    Parameters
    ----------
    folder : RunFolder
    """
    with suppress(FileNotFoundError):
        if folder.planning.exists():
            return str(read_document(folder.planning, PlanningDocument)["doing"])
    return None
