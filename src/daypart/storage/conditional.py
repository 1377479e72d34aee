"""Writes that hold only where nobody else wrote meanwhile: for places where two may race."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from daypart.errors import DaypartError
from daypart.storage import s3
from daypart.storage.files import as_json_text, atomic_path
from daypart.storage.location import PathLike, location
from daypart.storage.s3_path import S3Path


def create_json(target: PathLike, content: Mapping[str, Any]) -> bool:
    """Write a JSON file only if none is there; of any number that try at once, one succeeds.

    Returns
    -------
    bool
        Whether it was written.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "claim.json"
    >>> create_json(file, {"by": 1}), create_json(file, {"by": 2})
    (True, False)
    """
    place, text = location(target), as_json_text(content)
    if isinstance(place, S3Path):
        return s3.put_new(place, text.encode()) is not None
    temporary = place.with_name(f".writing-{secrets.token_hex(6)}-{place.name}")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.link(temporary, place)
    except FileExistsError:
        return False
    except OSError as error:
        raise DaypartError(f"{place}: can't be written ({error.strerror})") from error
    finally:
        temporary.unlink(missing_ok=True)
    return True


def read_versioned(source: PathLike) -> tuple[str, str] | None:
    """Return a file's text and the version that it is, or None where there is none."""
    place = location(source)
    try:
        if isinstance(place, S3Path):
            content, stat = s3.get(place)
            return content.decode(), stat.etag
        content = place.read_bytes()
    except FileNotFoundError:
        return None
    return content.decode(), _version(content)


def replace_json(target: PathLike, content: Mapping[str, Any], version: str) -> str | None:
    """Replace a file only if it still is the version that was read.

    Returns
    -------
    str or None
        The new version; None where somebody else replaced or removed it first.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "state.json"
    >>> _ = create_json(file, {"step": 1})
    >>> _, version = read_versioned(file)
    >>> replace_json(file, {"step": 2}, version) is None
    False
    >>> replace_json(file, {"step": 3}, version) is None
    True
    """
    place, text = location(target), as_json_text(content)
    if isinstance(place, S3Path):
        return s3.put_changed(place, text.encode(), version)
    with _alone_in(place.parent):
        there = read_versioned(place)
        if there is None or there[1] != version:
            return None
        with atomic_path(place) as path:
            path.write_text(text, encoding="utf-8")
    return _version(text.encode())


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep others who replace files of a folder out for the moment between look and write."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _version(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
