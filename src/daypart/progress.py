"""The progress of long work: a small protocol, and a silent implementation.

Library code never prints. It takes a `Progress`; the command line passes one that draws a bar on
a terminal (`daypart.cli.terminal`), everything else passes `SILENT`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Step(Protocol):
    """One step of long work."""

    def advance(self, done: int = 1, failed: int = 0) -> None:
        """Add finished (and failed) units.

        Parameters
        ----------
        done, failed : int
        """

    def expect(self, total: int) -> None:
        """Set the number of units, once it is known."""

    def summarise(self, summary: str) -> None:
        """Set one line on the result of the step (rows, partitions)."""


class Progress(Protocol):
    """Opens steps."""

    def step(
        self, title: str, total: int | None = None, unit: str = ""
    ) -> AbstractContextManager[Step]:
        """Open a step.

        Parameters
        ----------
        title : str
        total : int, optional
            Units; None if not known yet.
        unit : str
            Such as `partitions`.
        """


class _SilentStep:
    def advance(self, done: int = 1, failed: int = 0) -> None:
        pass

    def expect(self, total: int) -> None:
        pass

    def summarise(self, summary: str) -> None:
        pass


class SilentProgress:
    """Shows nothing.

    Examples
    --------
    >>> with SilentProgress().step("crediting", total=2, unit="markets") as step:
    ...     step.advance()
    """

    @contextmanager
    def step(self, title: str, total: int | None = None, unit: str = "") -> Iterator[Step]:
        """Open a step that shows nothing."""
        yield _SilentStep()


SILENT = SilentProgress()
