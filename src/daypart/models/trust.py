"""Whose code a run may bring: `module:name` in a run's folder is imported only if it is trusted.

A run's folder can come from anyone, and to import a module is to run it. So the code that a folder
names is imported only where the caller of this process has named it, too, or trusts every run.
"""

from __future__ import annotations

from daypart.errors import DaypartError

_named: set[str] = set()
_every_run: list[bool] = []


def trust_model(name: str) -> None:
    """Let this process import a model that a run's folder names.

    Parameters
    ----------
    name : str
        `module:name`, as the run was fitted with it. A model that is given to `fit` or `backtest`
        is trusted without it.

    Examples
    --------
    >>> trust_model("my_package.models:Weekly")
    """
    _named.add(name)


def trust_every_run() -> None:
    """Let this process import what any run's folder names (`--trust-run`)."""
    _every_run.append(True)


def check_trusted(name: str, where: object) -> None:
    """Raise unless a model that a folder names may be imported.

    Parameters
    ----------
    name : str
    where : object
        The folder, for the message.

    Raises
    ------
    DaypartError
        Where nobody here named it.
    """
    if not _every_run and name not in _named:
        raise DaypartError(
            f"{where}: its model {name!r} is code outside daypart, and was not named here",
            hint="if you trust who made this run: --trust-run, or "
            f"daypart.trust_model({name!r}) in Python",
        )
