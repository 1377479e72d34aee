"""Conditional writes: of several processes that write the same file, one succeeds."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from daypart.errors import DaypartError
from daypart.storage import s3
from daypart.storage.files import as_json_text, atomic_path
from daypart.storage.location import PathLike, location
from daypart.storage.s3_path import S3Path

_CLAIM_SECONDS = 60.0


def create_json(target: PathLike, content: Mapping[str, Any]) -> bool:
    """Write a JSON file only if it does not exist; of several that try at once, one succeeds.

    Parameters
    ----------
    target : path-like
    content : mapping

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
        return s3.put_new(place.bucket, place.key, text.encode()) is not None
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
    """Return a file's text and its version, or None if it does not exist."""
    place = location(source)
    try:
        if isinstance(place, S3Path):
            content, stat = s3.get(place.bucket, place.key)
            return content.decode(), stat.etag
        content = place.read_bytes()
    except FileNotFoundError:
        return None
    return content.decode(), _version(content)


def replace_json(target: PathLike, content: Mapping[str, Any], version: str) -> str | None:
    """Replace a file only if it still has the version that was read.

    Parameters
    ----------
    target : path-like
    content : mapping
    version : str
        From `read_versioned` or from the last `replace_json`.

    Returns
    -------
    str or None
        The new version; None if another process replaced or removed the file first.

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
        return s3.put_changed(place.bucket, place.key, text.encode(), version)
    with _claimed(place.with_name(f".replacing-{version}-{place.name}")) as claimed:
        found = read_versioned(place) if claimed else None
        if found is None or found[1] != version:
            return None
        with atomic_path(place) as path:
            path.write_text(text, encoding="utf-8")
    return _version(text.encode())


@contextmanager
def _claimed(claim: Path) -> Iterator[bool]:
    """Keep other processes from replacing a version between the check and the write.

    By a file that only one of them can create: unlike `flock`, that holds on every file system,
    and between machines. A claim of a process that was killed lapses after a minute.
    """
    with suppress(FileNotFoundError):
        if time.time() - claim.stat().st_mtime > _CLAIM_SECONDS:
            claim.unlink()
    try:
        claim.touch(exist_ok=False)
    except FileExistsError:
        yield False
        return
    except OSError as error:
        raise DaypartError(f"{claim.parent}: can't be written ({error.strerror})") from error
    try:
        yield True
    finally:
        claim.unlink(missing_ok=True)


def _version(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
