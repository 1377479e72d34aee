"""The files that paths, patterns and folders name."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from daypart.errors import DaypartError
from daypart.storage.files import is_temporary
from daypart.storage.location import Location, PathLike, location
from daypart.storage.s3_path import S3Path
from daypart.tables.formats import ENDINGS
from daypart.tables.local_copies import STANDARD_INPUT
from daypart.tables.table import GivenTable

GivenTables = GivenTable | Sequence[PathLike]
"""Tables of one kind: a table, or several paths, patterns and folders."""


def tables_of(given: GivenTables) -> list[GivenTable]:
    """Return the files of paths, or the one object.

    Parameters
    ----------
    given : path, sequence of paths, rows or Arrow object
    """
    if isinstance(given, str | os.PathLike):
        return list(find_tables(given))
    if isinstance(given, Sequence):
        paths = [each for each in given if isinstance(each, str | os.PathLike)]
        if len(paths) == len(given):
            return list(find_tables(paths))
    return [cast("GivenTable", given)]


def find_tables(given: PathLike | Sequence[PathLike]) -> list[Location]:
    """Return the files of paths, patterns and folders, each once.

    A path that exists is literal, whatever its characters. One that does not exist is a pattern
    if it has `*`, `?` or `[`. A folder contributes the tables in it, at any depth, except those
    whose names begin with a point or an underscore.

    Parameters
    ----------
    given : path or sequence of paths
        `-` is standard input.

    Returns
    -------
    list of Location
        Sorted within each folder and pattern.

    Raises
    ------
    DaypartError
        When a path or a pattern has no file.

    Examples
    --------
    >>> find_tables("/nowhere/*.parquet")
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: /nowhere/*.parquet: no such file
    """
    named = [given] if isinstance(given, str | os.PathLike) else list(given)
    if not named:
        raise DaypartError("no table is given", hint="give files, patterns or folders")
    found: dict[Location, None] = {}
    for name in named:
        found.update(dict.fromkeys(_files_of(location(name))))
    return list(found)


def _files_of(path: Location) -> list[Location]:
    if path.is_file():
        return [path]
    if path.is_dir():
        below: list[Location] = sorted(file for file in path.rglob("*") if _is_table(file))
        if not below:
            raise DaypartError(f"{path}: no table in this folder")
        return below
    if str(path) == STANDARD_INPUT or path.exists():
        return [path]
    matched = _matched_by(path) if any(mark in str(path) for mark in "*?[") else []
    if not matched:
        raise DaypartError(f"{path}: no such file")
    return [file for match in matched for file in _files_of(match)]


def _is_table(file: Location) -> bool:
    if not file.name.lower().endswith(ENDINGS) or file.name.startswith((".", "_")):
        return False
    return isinstance(file, S3Path) or (file.is_file() and not is_temporary(file))


def _matched_by(pattern: Location) -> list[Location]:
    """Return the matches of a pattern; on S3 only the last part of the key may be one."""
    if isinstance(pattern, S3Path):
        return list(pattern.parent.glob(pattern.name))
    found = glob.glob(str(pattern), recursive=True)  # noqa: PTH207 - the pattern may be absolute
    return [Path(match) for match in sorted(found)]
