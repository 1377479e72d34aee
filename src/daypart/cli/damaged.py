"""The line that names the damaged files of a run."""

from __future__ import annotations

from collections.abc import Sequence


def damaged_lines(files: Sequence[str]) -> list[str]:
    """Return a line with the names of damaged files; no line where there is none.

    Parameters
    ----------
    files : sequence of str

    Examples
    --------
    >>> damaged_lines(["history/1.jsonl"]), damaged_lines([])
    (['left out, as it is damaged: history/1.jsonl'], [])
    """
    return [f"left out, as it is damaged: {', '.join(files)}"] if files else []
