"""How long work tells where it is: one small protocol, and the silent version of it.

Library code never prints. It takes a `Progress`; the command line gives one that paints
a bar on a terminal (`daypart.cli.terminal`), everything else gives `SILENT`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Step(Protocol):
    """One step of long work while it goes on."""

    def advance(self, done: int = 1, failed: int = 0) -> None:
        """Add finished (and failed) units."""

    def expect(self, total: int) -> None:
        """Set how many units there are, once that is known."""

    def summarise(self, summary: str) -> None:
        """Say in one line what the step did (rows, partitions)."""


class Progress(Protocol):
    """Opens steps."""

    def step(
        self, title: str, total: int | None = None, unit: str = ""
    ) -> AbstractContextManager[Step]:
        """Open a step of `total` units (None: not known yet)."""


class _SilentStep:
    def advance(self, done: int = 1, failed: int = 0) -> None:
        pass

    def expect(self, total: int) -> None:
        pass

    def summarise(self, summary: str) -> None:
        pass


class SilentProgress:
    """Tells nothing.

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
