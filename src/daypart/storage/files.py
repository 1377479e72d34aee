"""Files that appear whole or not at all, on disk or on S3.

On disk, a file is written under a temporary name in its folder and renamed. For S3, it is written
to a temporary file of this machine and sent in one request. Readers never see half a file.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import secrets
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from daypart.errors import DaypartError
from daypart.storage import s3
from daypart.storage.location import Location, PathLike, local_path, location
from daypart.storage.s3_path import S3Path

_TEMPORARY = ".writing-"
_DIGEST_BYTES = 1 << 20


def make_folder(path: PathLike) -> Location:
    """Make a folder with its parents, and check that it can be written to.

    Raises
    ------
    DaypartError
        When the folder can't be made or written to.
    """
    place = location(path)
    if isinstance(place, S3Path):
        s3.check_writable(place.bucket, place.key)
        return place
    return make_local_folder(place)


def make_local_folder(path: PathLike) -> Path:
    """Make a folder that must be on this machine; otherwise as `make_folder`."""
    folder = local_path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f"{_TEMPORARY}{secrets.token_hex(4)}"
        probe.touch()
        probe.unlink()
    except FileExistsError:
        raise DaypartError(
            f"{folder}: is a file, not a folder", hint="choose another path"
        ) from None
    except OSError as error:
        raise DaypartError(
            f"{folder}: can't be written to ({error.strerror})",
            hint="choose a folder that you may write to",
        ) from None
    return folder


@contextmanager
def atomic_path(target: PathLike) -> Iterator[Path]:
    """Yield a temporary local path; its file becomes `target` if the block ends without an error.

    Raises
    ------
    DaypartError
        When the file can't be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_path(folder / "hello.txt") as path:
    ...     _ = path.write_text("hello")
    >>> [file.name for file in folder.iterdir()]
    ['hello.txt']
    """
    final = location(target)
    if isinstance(final, S3Path):
        with _sent_to(final) as path:
            yield path
        return
    temporary = final.with_name(f"{_TEMPORARY}{secrets.token_hex(6)}-{final.name}")
    try:
        yield temporary
        _flush_to_disk(temporary)
        temporary.replace(final)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DaypartError(
                f"{final}: can't be written, because the disk of {final.parent} is full",
                hint="free space on it, and run the same command again",
            ) from error
        raise DaypartError(f"{final}: can't be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _sent_to(target: S3Path) -> Iterator[Path]:
    """Yield a local path, and send its file to S3 at the end."""
    try:
        with tempfile.TemporaryDirectory(prefix="daypart-") as folder:
            path = Path(folder) / target.name
            yield path
            s3.put(target.bucket, target.key, path)
    except OSError as error:
        raise DaypartError(
            f"{target}: can't be written ({error.strerror or error})",
            hint="if the temporary folder is full, set TMPDIR to another",
        ) from error


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def kept_copy(source: PathLike) -> Path:
    """Return a local path with the content of a file, valid until this process ends.

    For an object on S3 it is a temporary copy, downloaded again only if the object changed.

    Raises
    ------
    DaypartError
        When an object is missing.
    """
    place = location(source)
    if isinstance(place, Path):
        return place
    try:
        version = place.stat().etag
        name = hashlib.blake2b(f"{place} {version}".encode(), digest_size=8).hexdigest()
        path = Path(_copies().name) / f"{name}-{place.name}"
        if not path.exists():
            s3.download(place.bucket, place.key, path)
    except FileNotFoundError:
        raise DaypartError(f"{place}: no such file") from None
    return path


@cache
def _copies() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="daypart-copies-")


def is_temporary(path: Location) -> bool:
    """Return whether a file belongs to a write that has not finished."""
    return path.name.startswith(_TEMPORARY)


def remove_unfinished(folder: PathLike) -> None:
    """Remove the temporary files of interrupted writes from a folder (not from those below it).

    On S3, an interrupted write leaves no object.
    """
    place = location(folder)
    if isinstance(place, Path):
        for file in place.glob(f"{_TEMPORARY}*"):
            file.unlink(missing_ok=True)


def delete_files(files: list[Location]) -> None:
    """Delete files, up to a thousand objects on S3 per request; a missing file is not an error."""
    on_s3: dict[str, list[str]] = {}
    for file in files:
        if isinstance(file, S3Path):
            on_s3.setdefault(file.bucket, []).append(file.key)
        else:
            file.unlink(missing_ok=True)
    for bucket, keys in on_s3.items():
        s3.delete(bucket, keys)


def rename(file: Location, name: str) -> None:
    """Give a file another name in its folder.

    Parameters
    ----------
    file : Location
    name : str
    """
    if isinstance(file, S3Path):
        target = file.with_name(name)
        s3.put(target.bucket, target.key, file.read_bytes())
        delete_files([file])
    else:
        file.replace(file.with_name(name))


def write_text(target: PathLike, text: str) -> None:
    """Write a text file atomically.

    Parameters
    ----------
    target : path-like
    text : str
    """
    place = location(target)
    if isinstance(place, S3Path):
        s3.put(place.bucket, place.key, text.encode())
        return
    with atomic_path(place) as path:
        path.write_text(text, encoding="utf-8")


def write_json(target: PathLike, content: Mapping[str, Any]) -> None:
    """Write a mapping as indented JSON, atomically.

    Parameters
    ----------
    target : path-like
    content : mapping
        Of what JSON knows; `plain` turns other values into it.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.json"
    >>> write_json(path, {"rows": 3})
    >>> read_json(path)
    {'rows': 3}
    """
    write_text(target, as_json_text(content))


def as_json_text(content: Mapping[str, Any]) -> str:
    """Return a mapping as the text of a JSON file."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Turn dataclasses, paths, dates, sets and NumPy scalars into what JSON knows.

    A number that is not finite becomes None.

    Examples
    --------
    >>> plain({"path": Path("a"), "pair": (1, float("nan"))})
    {'path': 'a', 'pair': [1, None]}
    """
    if isinstance(value, Location | date):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:  # a NumPy scalar
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def read_json(source: PathLike) -> dict[str, Any]:
    """Read a JSON object, whose numbers are all finite.

    Raises
    ------
    DaypartError
        When the file is missing or is not a JSON object.
    """
    path = location(source)
    if isinstance(path, Path) and path.exists() and not path.is_file():
        raise DaypartError(f"{path}: is not a file")  # a pipe would be waited for without end
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except FileNotFoundError:
        raise DaypartError(f"{path}: no such file") from None
    except (ValueError, RecursionError, OSError) as error:
        raise DaypartError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(content, dict):
        raise DaypartError(f"{path}: is not a JSON object")
    return content


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def read_toml(source: PathLike) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    DaypartError
        When the file is missing or is not TOML.
    """
    path = location(source)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DaypartError(f"{path}: no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, OSError) as error:
        raise DaypartError(f"{path}: not readable as TOML ({error})") from None


def file_digest(source: PathLike) -> str:
    """Return the BLAKE2b digest (32 hex digits) of a file's bytes."""
    digest = hashlib.blake2b(digest_size=16)
    with kept_copy(source).open("rb") as file:
        while block := file.read(_DIGEST_BYTES):
            digest.update(block)
    return digest.hexdigest()
