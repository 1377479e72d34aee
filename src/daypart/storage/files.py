"""Files that appear whole or not at all, on disk or on S3.

On disk a file is written beside its place under a temporary name and renamed. On S3 it is written
to a temporary file of this machine and sent in one piece. Readers never see half a file.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
        Where the folder can't be made or written to.
    """
    place = location(path)
    if isinstance(place, S3Path):
        s3.check_writable(place)
        return place
    return make_local_folder(place)


def make_local_folder(path: PathLike) -> Path:
    """Make a folder of this machine, where nothing else will do; as `make_folder`."""
    folder = local_path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f"{_TEMPORARY}{secrets.token_hex(4)}"
        probe.touch()
        probe.unlink()
    except FileExistsError:
        raise DaypartError(f"{folder}: is a file, not a folder", hint="name another") from None
    except OSError as error:
        raise DaypartError(
            f"{folder}: can't be written to ({error.strerror})", hint="name a folder of your own"
        ) from None
    return folder


@contextmanager
def atomic_path(target: PathLike) -> Iterator[Path]:
    """Yield a temporary local path; its file becomes `target` when the block ends without error.

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
        raise DaypartError(f"{final}: can't be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _sent_to(target: S3Path) -> Iterator[Path]:
    """Yield a file of this machine, and send it to S3 afterwards."""
    try:
        with tempfile.TemporaryDirectory(prefix="daypart-") as folder:
            path = Path(folder) / target.name
            yield path
            s3.put(target, path)
    except OSError as error:
        raise DaypartError(
            f"{target}: can't be written ({error.strerror or error})",
            hint="the folder for temporary files may be full; TMPDIR names another",
        ) from error


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def local_copy(source: PathLike) -> Iterator[Path]:
    """Yield a local path with the content of a file: the file itself, or a copy from S3.

    Raises
    ------
    DaypartError
        Where an object is missing.
    """
    place = location(source)
    if isinstance(place, Path):
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="daypart-") as folder:
        path = Path(folder) / place.name
        try:
            s3.get_to(place, path)
        except FileNotFoundError:
            raise DaypartError(f"{place}: no such file") from None
        yield path


def kept_copy(source: PathLike) -> Path:
    """Return a local path with the content of a file, good until this process ends.

    Of an object on S3 it is a copy among the temporary files, fetched once as long as the object
    stays the same.

    Raises
    ------
    DaypartError
        Where an object is missing.
    """
    place = location(source)
    if isinstance(place, Path):
        return place
    try:
        version = place.stat().etag
        name = hashlib.blake2b(f"{place} {version}".encode(), digest_size=8).hexdigest()
        path = Path(_copies().name) / f"{name}-{place.name}"
        if not path.exists():
            s3.get_to(place, path)
    except FileNotFoundError:
        raise DaypartError(f"{place}: no such file") from None
    return path


@cache
def _copies() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="daypart-copies-")


def is_temporary(path: Location) -> bool:
    """Tell whether a file is a write that did not finish."""
    return path.name.startswith(_TEMPORARY)


def remove_unfinished(folder: PathLike) -> None:
    """Remove what interrupted writes left in a folder (not in the folders below it).

    On S3 they leave nothing that can be seen.
    """
    place = location(folder)
    if isinstance(place, Path):
        for file in place.glob(f"{_TEMPORARY}*"):
            file.unlink(missing_ok=True)


def delete_files(files: list[Location]) -> None:
    """Delete files, those on S3 a thousand in a request; one that is gone already is no error."""
    on_s3 = [file for file in files if isinstance(file, S3Path)]
    if on_s3:  # a base install has no library for S3
        s3.delete(on_s3)
    for file in files:
        if isinstance(file, Path):
            file.unlink(missing_ok=True)


def write_text(target: PathLike, text: str) -> None:
    """Write a text file atomically."""
    place = location(target)
    if isinstance(place, S3Path):
        s3.put(place, text.encode())
        return
    with atomic_path(place) as path:
        path.write_text(text, encoding="utf-8")


def write_json(target: PathLike, content: Mapping[str, Any]) -> None:
    """Write a mapping as indented JSON, atomically.

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
    """Return a mapping as every JSON file of daypart holds it."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_json(source: PathLike) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    DaypartError
        Where the file is missing, is no JSON or holds no object.
    """
    path = location(source)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DaypartError(f"{path}: no such file") from None
    except (ValueError, OSError) as error:
        raise DaypartError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(content, dict):
        raise DaypartError(f"{path}: holds no JSON object")
    return content


def read_toml(source: PathLike) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    DaypartError
        Where the file is missing or is no TOML.
    """
    import tomllib

    path = location(source)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DaypartError(f"{path}: no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise DaypartError(f"{path}: not readable as TOML ({error})") from None


def file_digest(source: PathLike) -> str:
    """Return the BLAKE2b digest (32 hex digits) of a file's bytes."""
    digest = hashlib.blake2b(digest_size=16)
    with kept_copy(source).open("rb") as file:
        while block := file.read(_DIGEST_BYTES):
            digest.update(block)
    return digest.hexdigest()
