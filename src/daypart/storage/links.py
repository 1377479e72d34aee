"""Links inside daypart's folders, which are never followed: what they lead to is not daypart's."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from daypart.errors import DaypartError
from daypart.storage.location import Location


def refuse_links(places: Iterable[Location]) -> None:
    """Check that no file or folder is a link; one that is missing, or on S3, is none.

    Parameters
    ----------
    places : iterable of Location
        Inside a folder of daypart's; the folder itself, which the user names, may be a link.

    Raises
    ------
    DaypartError
        Naming the link.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> refuse_links([folder / "parts"])
    """
    for place in places:
        if isinstance(place, Path) and place.is_symlink():
            raise _is_link(place)


def open_own(path: Path, mode: str, **options: Any) -> IO[Any]:
    """Open a file of daypart's, to lock it or to write to it, unless it is a link.

    Parameters
    ----------
    path : Path
    mode : str
    **options
        As of `open`.

    Returns
    -------
    file object

    Raises
    ------
    DaypartError
        For a link.
    OSError
        As `open`.

    Examples
    --------
    >>> import tempfile
    >>> with open_own(Path(tempfile.mkdtemp()) / "lock", "w") as file:
    ...     _ = file.write("held")
    """
    try:
        return open(path, mode, opener=_open_unlinked, **options)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _is_link(path) from None
        raise


def _open_unlinked(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def _is_link(place: Path) -> DaypartError:
    return DaypartError(f"{place}: is a link", hint="delete the link, and run the command again")
