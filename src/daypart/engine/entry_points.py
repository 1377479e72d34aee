"""Entry points: the executors and the kinds of work that are installed, daypart's own included.

A distribution declares them in its `pyproject.toml`, in the group `daypart.executors` or
`daypart.work`. Only the names of installed entry points are ever looked up, so that nothing that
a folder from outside names is imported.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from typing import Any

from daypart.errors import DaypartError, did_you_mean

EXECUTORS = "daypart.executors"
WORK = "daypart.work"


def installed(group: str) -> dict[str, EntryPoint]:
    """Return the installed entry points of a group by name.

    Parameters
    ----------
    group : str
        `EXECUTORS` or `WORK`.

    Returns
    -------
    dict of str to EntryPoint
        Where two distributions declare one name, daypart's own wins.

    Examples
    --------
    >>> sorted(installed(EXECUTORS))[:2]
    ['aws-batch', 'inline']
    """
    others = {each.name: each for each in entry_points(group=group)}
    return others | _own(group)


def load_entry_point(group: str, name: str, *, what: str) -> Any:
    """Import what an installed entry point names.

    Parameters
    ----------
    group, name : str
    what : str
        What the group holds, for messages: `executor`.

    Returns
    -------
    object

    Raises
    ------
    DaypartError
        For a name that is not installed; the message lists those that are.
    """
    found = _own(group).get(name) or installed(group).get(name)
    if found is None:
        valid = installed(group)
        hint = did_you_mean(name, valid) if valid else "install daypart again: pip install ."
        raise DaypartError(f"no {what} {name!r}", hint=hint)
    try:
        return found.load()
    except (ImportError, AttributeError) as error:
        raise DaypartError(
            f"{what} {name!r} can't be imported ({error})",
            hint=f"it is declared as {found.value} in the group {group}",
        ) from None


@cache
def _own(group: str) -> dict[str, EntryPoint]:
    """Return daypart's own entry points of a group, without reading other distributions."""
    try:
        own = distribution("daypart").entry_points
    except PackageNotFoundError:
        return {}
    return {each.name: each for each in own.select(group=group)}
