"""Errors that a user can act on: one line with the place, the problem and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

EXIT_DONE = 0
EXIT_FAULT = 1
EXIT_INPUT = 2
EXIT_PARTITIONS_FAILED = 3
EXIT_INTERRUPTED = 75
EXIT_OUT_OF_MEMORY = 76


class DaypartError(Exception):
    """An error in an input, a setting or a path, which the user can fix.

    Parameters
    ----------
    message : str
        One line with the file, column, row or setting.
    hint : str, optional
        One line with the remedy.

    Examples
    --------
    >>> str(DaypartError("brief.toml: budget is -5", hint="give a budget above 0"))
    'brief.toml: budget is -5; give a budget above 0'
    """

    exit_code = EXIT_INPUT

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = _one_line(message)
        self.hint = hint and _one_line(hint)
        super().__init__(f"{self.message}; {self.hint}" if self.hint else self.message)


def _one_line(text: str) -> str:
    """Replace line ends and control characters, which a name in a user's file may have."""
    return "".join(each if each.isprintable() else " " for each in text)


class Interrupted(DaypartError):  # noqa: N818 - it names a state, not a fault
    """Work stopped on request with its progress saved; the same command continues it."""

    exit_code = EXIT_INTERRUPTED


class OutOfMemory(DaypartError):  # noqa: N818 - it names a state, not a fault
    """Work that needs more memory than it has; finished work is saved."""

    exit_code = EXIT_OUT_OF_MEMORY


class DamagedFile(DaypartError):  # noqa: N818 - it names a state, not a fault
    """A file of daypart's own whose content is not what was written."""


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """Return a hint with the nearest valid name, and the valid names.

    Parameters
    ----------
    name : str
        The unknown name.
    valid : iterable of str
        The known names.

    Returns
    -------
    str
        A hint for `DaypartError`.

    Examples
    --------
    >>> did_you_mean("ESNP", ["ESPN", "CNN"])
    'did you mean ESPN? valid are: CNN, ESPN'
    """
    names = sorted(set(valid))
    by_fold = {known.casefold(): known for known in reversed(names)}
    nearest = difflib.get_close_matches(name.casefold(), by_fold, n=1, cutoff=0.5)
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    if not names:
        return "there are none"
    question = f"did you mean {by_fold[nearest[0]]}? " if nearest else ""
    return f"{question}valid are: {shown}"
