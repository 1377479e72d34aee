"""Where files and folders are: a local path or an `s3://` URI, and paths relative to another."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import quote

from daypart.errors import DaypartError
from daypart.storage.s3_path import S3Path

PathLike = str | os.PathLike[str]
"""What a user may give as a path."""

Location = Path | S3Path
"""The path of a file or a folder. Both kinds have the same methods."""

_LONGEST_NAME = 120
"""Of a value; file systems allow 255 bytes, and a generation and an ending follow."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")


def location(path: PathLike) -> Location:
    """Turn what the user wrote into a path, local or on S3.

    Raises
    ------
    DaypartError
        For a URI of an unknown scheme, or one without a bucket.

    Examples
    --------
    >>> location("store/store.json").name, location("s3://audience/store/store.json").name
    ('store.json', 'store.json')
    >>> str(location("s3://audience/store") / "series" / "501.parquet")
    's3://audience/store/series/501.parquet'
    """
    if isinstance(path, Path | S3Path) and not str(path).startswith("s3:/"):
        return path
    text = os.fspath(path)
    scheme = _SCHEME.match(text)
    if scheme is None:
        return Path(text)
    if scheme[1].lower() != "s3":
        shown = re.sub(r"//[^/]*@", "//***@", text)  # a user's name and password
        raise DaypartError(
            f"{shown}: {scheme[1]}:// is not supported",
            hint="give a local path or s3://BUCKET/PREFIX",
        )
    return S3Path.parse(text)


def local_path(path: PathLike) -> Path:
    """Turn what the user wrote into a local path, for files that can't be on S3.

    Raises
    ------
    DaypartError
        For a URI.

    Examples
    --------
    >>> local_path("store/store.json").name
    'store.json'
    """
    place = location(path)
    if isinstance(place, S3Path):
        raise DaypartError(f"{place}: must be on this machine", hint="give a local path")
    return place


def relative_location(target: PathLike, start: PathLike) -> str:
    """Return the path of `target` relative to the folder `start`, so that both can move.

    Without a common root, it is the full path.

    Parameters
    ----------
    target, start : path-like

    Examples
    --------
    >>> relative_location("s3://audience/2026/store", "s3://audience/2026/run")
    '../store'
    >>> relative_location("s3://other/store", "s3://audience/run")
    's3://other/store'
    """
    place, folder = location(target), location(start)
    if isinstance(place, Path) and isinstance(folder, Path):
        return os.path.relpath(place.resolve(), folder.resolve())
    if isinstance(place, S3Path) and isinstance(folder, S3Path) and place.bucket == folder.bucket:
        return os.path.relpath(f"/{place.key}", f"/{folder.key}")
    return str(place.resolve())


def resolve_location(relative: str, start: PathLike) -> Location:
    """Return the path that `relative_location` wrote relative to the folder `start`.

    Parameters
    ----------
    relative : str
    start : path-like

    Examples
    --------
    >>> str(resolve_location("../store", "s3://audience/2026/run"))
    's3://audience/2026/store'
    >>> str(resolve_location("s3://other/store", "run"))
    's3://other/store'
    """
    if _SCHEME.match(relative):
        return location(relative)
    folder = location(start)
    if isinstance(folder, S3Path) and not relative.startswith("/"):
        return folder.joined(relative)
    return Path(os.path.normpath(Path(os.fspath(folder)) / relative))


def file_name_of(value: str) -> str:
    """Turn a key's value into a file name that stays within its folder.

    A name longer than file systems allow ends with a digest of the value instead.

    Examples
    --------
    >>> file_name_of("San José/../1")
    'San%20Jos%C3%A9%2F%2E%2E%2F1'
    >>> len(file_name_of("Ж" * 60))
    120
    """
    name = quote(value, safe="").replace(".", "%2E") or "%"
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.blake2b(value.encode(), digest_size=10).hexdigest()
    return f"{name[: _LONGEST_NAME - len(digest) - 1]}~{digest}"
