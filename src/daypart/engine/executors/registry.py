"""Executors by name, made with their settings.

An executor is an entry point in the group `daypart.executors`: a class that takes its settings, a
frozen dataclass named by its `settings_type`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daypart.engine.entry_points import EXECUTORS, installed, load_entry_point
from daypart.engine.executors.protocol import Executor
from daypart.engine.executors.settings import read_executor_settings, read_settings_file
from daypart.errors import DaypartError
from daypart.storage.location import PathLike


def get_executor(
    name: str, settings: Mapping[str, Any] | None = None, *, source: str | None = None
) -> Executor:
    """Return an executor by its name.

    Parameters
    ----------
    name : str
        `inline` (in this process, for debugging and for little work), `local` (processes of
        this machine), `slurm` (arrays of Slurm), `aws-batch` (array jobs of AWS Batch), or an
        executor of another installed distribution.
    settings : mapping, optional
        Its settings by name; each has a default.
    source : str, optional
        Where the settings are written, for messages.

    Raises
    ------
    DaypartError
        For an unknown name, an unknown setting or a value that it can't have; the message lists
        the valid ones.

    Examples
    --------
    >>> get_executor("local", {"workers": 2}).settings.workers
    2
    """
    kind = executor_class(name)
    values = read_executor_settings(
        kind.settings_type, settings or {}, source or f"executor {name}"
    )
    made: Executor = kind(values)
    return made


def executor_class(name: str) -> Any:
    """Return an executor's class, importing its file.

    Raises
    ------
    DaypartError
        For an unknown name.
    """
    return load_entry_point(EXECUTORS, name, what="executor")


def executor_of_call(
    name: str,
    settings: Mapping[str, Any] | PathLike | None = None,
    workers: int | None = None,
) -> Executor:
    """Return the executor that a call of `fit` names.

    Parameters
    ----------
    name : str
    settings : mapping or path, optional
        Its settings by name, or a TOML file of `[executor.NAME]` tables.
    workers : int, optional
        Goes before the setting of this name, where the executor has it.

    Raises
    ------
    DaypartError
        As `get_executor`, and for a file that can't be read.
    """
    kind, source = executor_class(name), None
    if settings is None or isinstance(settings, Mapping):
        given = dict(settings or {})
    else:
        given = read_settings_file(settings, name, installed(EXECUTORS))
        source = f"{settings}: executor {name}"
    if workers is not None and workers < 1:
        raise DaypartError(f"workers is {workers}", hint="give 1 or more")
    if workers is not None and "workers" in kind.settings_type.__dataclass_fields__:
        given["workers"] = workers
    return get_executor(name, given, source=source)
