"""Calls of a scheduler that are repeated until it answers, with growing pauses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from daypart.errors import DaypartError

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_SUBMITS_TRIED = 8

Answer = TypeVar("Answer")


class NoAnswer(Exception):  # noqa: N818 - it names a state: whether it was done is not known
    """A request that may or may not have been done."""


def until_answered(
    ask: Callable[[], Answer], pause: Callable[[int], None], tries: int, *, who: str, hint: str
) -> Answer:
    """Repeat a call that may be made twice until an answer comes.

    Parameters
    ----------
    ask : callable
        Raises `NoAnswer` where none came.
    pause : callable
        Waits; it is given the number of the try that failed, from 0.
    tries : int
    who, hint : str
        Who does not answer what, and what to do about it, should no answer come at all.

    Raises
    ------
    DaypartError
        After the last try.

    Examples
    --------
    >>> until_answered(lambda: 3, print, 2, who="nobody answers", hint="call again")
    3
    """
    for attempt in range(tries):
        try:
            return ask()
        except NoAnswer as error:
            if attempt == tries - 1:
                raise DaypartError(f"{who} ({error})", hint=hint) from None
            pause(attempt)
    raise AssertionError


def submitted_once(
    submit: Callable[[], str], find: Callable[[], str], pause: Callable[[int], None], *, who: str
) -> str:
    """Make a call that must not be made twice: after a lost answer, check whether it was done.

    Parameters
    ----------
    submit : callable
        Returns the id of the job it made; raises `NoAnswer` where it may have made one.
    find : callable
        Returns the id of the job; empty where there is none.
    pause : callable
        Waits before looking; it is given the number of the try that failed, from 0.
    who : str
        Who does not answer what, should no answer come at all.

    Returns
    -------
    str
        The job's id.

    Raises
    ------
    DaypartError
        After the last try.

    Examples
    --------
    >>> submitted_once(lambda: "17", lambda: "", print, who="nobody answers")
    '17'
    """
    for attempt in range(_SUBMITS_TRIED):
        try:
            job_id = submit()
        except NoAnswer:
            pause(attempt)
            job_id = find()
        if job_id:
            return job_id
    raise DaypartError(who, hint="run the same command again: it goes on with what was submitted")


def seconds_to_pause(attempt: int) -> float:
    """Return how long to wait after a try: twice as long each time, to half a minute.

    Examples
    --------
    >>> [seconds_to_pause(attempt) for attempt in (0, 1, 9)]
    [0.5, 1.0, 30.0]
    """
    return min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0**attempt)
