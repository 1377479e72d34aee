"""Paths, atomic writes and readable errors: the one door to files.

Every file that daypart writes appears whole or not at all: it is written beside its
place under a temporary name and renamed. Readers never see half a file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from daypart.errors import DaypartError

if TYPE_CHECKING:
    import pyarrow as pa

PathLike = str | os.PathLike[str]

_TEMPORARY = ".writing-"


def local_path(path: PathLike) -> Path:
    """Turn what the user wrote into a path.

    Raises
    ------
    DaypartError
        For a URI of a scheme that is not served.

    Examples
    --------
    >>> local_path("store/store.json").name
    'store.json'
    """
    text = os.fspath(path)
    if "://" in text:
        scheme = text.split("://", 1)[0]
        raise DaypartError(f"{text}: {scheme}:// is not supported yet", hint="give a local folder")
    return Path(text)


def make_folder(path: PathLike) -> Path:
    """Make a folder with its parents, and check that it can be written to.

    Raises
    ------
    DaypartError
        Where the folder can't be made or written to.
    """
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
    """Yield a temporary path that becomes `target` when the block ends without an error.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_path(folder / "hello.txt") as path:
    ...     _ = path.write_text("hello")
    >>> [file.name for file in folder.iterdir()]
    ['hello.txt']
    """
    final = local_path(target)
    temporary = final.with_name(f"{_TEMPORARY}{secrets.token_hex(6)}-{final.name}")
    try:
        yield temporary
        _flush_to_disk(temporary)
        temporary.replace(final)
    except OSError as error:
        raise DaypartError(f"{final}: can't be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_temporary(path: Path) -> bool:
    """Tell whether a file is a write that did not finish."""
    return path.name.startswith(_TEMPORARY)


def remove_unfinished(folder: PathLike) -> None:
    """Remove what interrupted writes left in a folder (not in the folders below it)."""
    for file in local_path(folder).glob(f"{_TEMPORARY}*"):
        file.unlink(missing_ok=True)


def write_text(target: PathLike, text: str) -> None:
    """Write a text file atomically."""
    with atomic_path(target) as path:
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
    write_text(target, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(source: PathLike) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    DaypartError
        Where the file is missing, is no JSON or holds no object.
    """
    path = local_path(source)
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

    path = local_path(source)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DaypartError(f"{path}: no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise DaypartError(f"{path}: not readable as TOML ({error})") from None


def write_table(target: PathLike, table: pa.Table, *, row_group_rows: int | None = None) -> None:
    """Write an Arrow table as Parquet (zstd), atomically."""
    import pyarrow.parquet as pq

    with atomic_path(target) as path:
        pq.write_table(table, path, compression="zstd", row_group_size=row_group_rows)


def read_table(source: PathLike, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet file.

    Raises
    ------
    DaypartError
        Where the file is missing, truncated or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = local_path(source)
    try:
        with pq.ParquetFile(path) as file:
            missing = sorted(set(columns or ()) - set(file.schema_arrow.names))
            if missing:
                raise DaypartError(
                    f"{path}: no column {missing[0]!r}",
                    hint=f"it has: {', '.join(file.schema_arrow.names)}",
                )
            return file.read(columns=list(columns) if columns is not None else None)
    except FileNotFoundError:
        raise DaypartError(f"{path}: no such file") from None
    except (pa.ArrowInvalid, OSError) as error:
        first_line = str(error).splitlines()[0]
        raise DaypartError(f"{path}: not a readable Parquet file ({first_line})") from None


def file_digest(source: PathLike) -> str:
    """Return the BLAKE2b digest (32 hex digits) of a file's bytes."""
    digest = hashlib.blake2b(digest_size=16)
    with local_path(source).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def file_name_of(value: str) -> str:
    """Turn a key's value into a file name that no value can escape from.

    Examples
    --------
    >>> file_name_of("San José/../1")
    'San%20Jos%C3%A9%2F%2E%2E%2F1'
    """
    return quote(value, safe="").replace(".", "%2E") or "%00"


_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def parse_size(text: str) -> int:
    """Read a size such as `1GB` or `512MiB` as bytes.

    Raises
    ------
    DaypartError
        Where the text is no size above 0.

    Examples
    --------
    >>> parse_size("1.5GB")
    1500000000
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if not match or match[2].upper() not in _UNITS or float(match[1]) <= 0:
        raise DaypartError(f"{text!r} is not a size", hint="write it as 512MB, 1GB or 2GiB")
    return int(float(match[1]) * _UNITS[match[2].upper()])
