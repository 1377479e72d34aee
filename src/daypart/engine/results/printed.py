"""What models print: a log per worker, and in each row the place of what its fit printed."""

from __future__ import annotations

import os
import sys


class PrintedLog:
    """The file that this process's standard output and error go to.

    Parameters
    ----------
    name : str
        The log's name in the run's folder `logs`.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def size(self) -> int:
        """Return how many bytes were printed so far."""
        sys.stdout.flush()
        sys.stderr.flush()
        return os.fstat(sys.stdout.fileno()).st_size

    def since(self, start: int) -> str | None:
        """Name what was printed since, as rows hold it; None where nothing was.

        It reads `NAME:START-END`, in bytes.
        """
        end = self.size()
        return f"{self.name}:{start}-{end}" if end > start else None


def parse_place(place: str) -> tuple[str, int, int]:
    """Return the log, start and end that a row's `log` names.

    Examples
    --------
    >>> parse_place("local-0-1a2b.log:120-400")
    ('local-0-1a2b.log', 120, 400)
    """
    name, _, span = place.rpartition(":")
    start, _, end = span.partition("-")
    return name, int(start), int(end)
