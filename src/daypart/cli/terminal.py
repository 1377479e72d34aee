"""Progress of long work: bars on a terminal, lines in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from daypart.progress import SILENT, Progress, Step

if TYPE_CHECKING:
    from rich.progress import Progress as RichBars

_LOG_EVERY_SECONDS = 30.0


class _Tally:
    """The counters of one step; `changed` is called with them after every change."""

    def __init__(
        self,
        title: str,
        total: int | None,
        unit: str,
        changed: Callable[[_Tally], None] = lambda tally: None,
    ) -> None:
        self.title, self.total, self.unit = title, total, unit
        self._changed = changed
        self.done = self.failed = 0
        self.summary = ""
        self.started = time.monotonic()

    def advance(self, done: int = 1, failed: int = 0) -> None:
        self.done += done
        self.failed += failed
        self._changed(self)

    def expect(self, total: int) -> None:
        self.total = total
        self._changed(self)

    def summarise(self, summary: str) -> None:
        self.summary = summary

    def position(self) -> str:
        """Return the state of the step: done, failed, rate, time left."""
        seconds = time.monotonic() - self.started
        if self.total is None and not self.done:
            return f"{self.title}: {seconds:,.0f} s so far"
        of = f" of {self.total:,}" if self.total else ""
        failed = f", {self.failed:,} failed" if self.failed else ""
        rate = self.done / seconds if seconds > 0 else 0.0
        left = ""
        if self.total and self.done and self.done < self.total:
            left = f", {(self.total - self.done) / rate:,.0f} s left"
        return f"{self.title}: {self.done:,}{of} {self.unit}{failed}, {rate:,.1f}/s{left}"

    def ended(self) -> str:
        """Return the result of the step."""
        seconds = time.monotonic() - self.started
        counted = f"{self.done:,} {self.unit}".strip() if self.done else ""
        failed = f", {self.failed:,} failed" if self.failed else ""
        return f"{self.title}: {self.summary or counted + failed or 'done'}, {seconds:.1f} s"


class LogProgress:
    """Progress for pipes and logs: a line every 30 seconds, and one when a step ends."""

    @contextmanager
    def step(self, title: str, total: int | None = None, unit: str = "") -> Iterator[Step]:
        """Open a step.

        Parameters
        ----------
        title : str
        total : int, optional
            The number of units, if known.
        unit : str
            Of what is counted, in the plural.
        """
        tally = _Tally(title, total, unit)
        ended = threading.Event()

        def print_position() -> None:
            while not ended.wait(_LOG_EVERY_SECONDS):
                print(tally.position(), file=sys.stderr, flush=True)

        watcher = threading.Thread(target=print_position, daemon=True)
        watcher.start()
        try:
            yield tally
            print(tally.ended(), file=sys.stderr, flush=True)
        finally:
            ended.set()
            watcher.join()


class BarProgress:
    """Progress for terminals: a bar during a step, a line when it ends."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as RichBars

        self._console = Console(stderr=True)
        self.bars: RichBars = RichBars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}{task.fields[failed]}{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )

    @contextmanager
    def step(self, title: str, total: int | None = None, unit: str = "") -> Iterator[Step]:
        """Open a step.

        Parameters
        ----------
        title : str
        total : int, optional
            The number of units, if known.
        unit : str
            Of what is counted, in the plural.
        """
        task = self.bars.add_task(title, total=total, unit=unit, failed="", rate="")

        def update_bar(tally: _Tally) -> None:
            rate = tally.done / max(time.monotonic() - tally.started, 1e-9)
            self.bars.update(
                task,
                total=tally.total,
                completed=tally.done,
                failed=f", {tally.failed:,} failed" if tally.failed else "",
                rate=f", {rate:,.0f}/s" if tally.done else "",
            )

        tally = _Tally(title, total, unit, update_bar)
        try:
            yield tally
            self._console.print(f"  {tally.ended()}", highlight=False, markup=False)
        finally:
            self.bars.remove_task(task)


@contextmanager
def progress_for(quiet: bool) -> Iterator[Progress]:
    """Yield the progress that suits standard error: a terminal, a log, or nothing if quiet."""
    if quiet:
        yield SILENT
    elif sys.stderr.isatty():
        progress = BarProgress()
        with progress.bars:
            yield progress
    else:
        yield LogProgress()
