"""Remove what daypart wrote into a folder, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from daypart.storage.files import is_temporary


def remove_own_files(folder: Path, patterns: Sequence[str]) -> None:
    """Remove the files below a folder whose names are daypart's, and folders this leaves empty.

    Files that others put there remain, and links to folders are never followed.

    Parameters
    ----------
    folder : Path
    patterns : sequence of str
        Of paths relative to the folder, such as `store/series/*.parquet`; a `*` matches within
        one name. Files of interrupted writes are daypart's wherever they are.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("run.json", "notes.txt"):
    ...     (folder / name).touch()
    >>> remove_own_files(folder, ["run.json"])
    >>> [file.name for file in folder.iterdir()]
    ['notes.txt']
    """
    for name, _, files in os.walk(folder, topdown=False):
        place = Path(name)
        for file in (place / each for each in files):
            if is_temporary(file) or _is_named(file.relative_to(folder), patterns):
                file.unlink(missing_ok=True)
        with suppress(OSError):  # it is not empty, or a link
            place.rmdir()


def _is_named(path: Path, patterns: Sequence[str]) -> bool:
    return any(
        len(path.parts) == len(parts) and all(map(fnmatchcase, path.parts, parts))
        for parts in (pattern.split("/") for pattern in patterns)
    )
