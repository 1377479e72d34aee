"""A seal in the Parquet files that daypart writes: hashes of what no checksum of a page covers.

It is 48 bytes between the last page and the footer, which other readers skip. A file without a
seal, which somebody else wrote, is read as it is.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from daypart.errors import DamagedFile
from daypart.storage.files import atomic_path
from daypart.storage.location import Location, PathLike

_MAGIC = b"daypart-sealed-1"
_END = b"PAR1"
_DIGEST_BYTES = 16
_SEAL_BYTES = len(_MAGIC) + 2 * _DIGEST_BYTES
_PAGES_HAVE_CHECKSUMS = bytes(_DIGEST_BYTES)
_READ_AT_ONCE = 1 << 20


class _Readable(Protocol):
    def seek(self, offset: int, whence: int = ..., /) -> int: ...
    def read(self, size: int = ..., /) -> bytes: ...


@contextmanager
def sealed_path(target: PathLike) -> Iterator[Path]:
    """Yield a temporary local path as `atomic_path`; the Parquet file there gets a seal.

    For files of other writers than daypart's own, whose pages have no checksums: the seal has a
    hash of all pages.
    """
    with atomic_path(target) as path:
        yield path
        seal(path, pages=True)


def seal(path: Path, *, pages: bool) -> None:
    """Add a seal to a Parquet file.

    Parameters
    ----------
    path : Path
    pages : bool
        Hash the pages, too.
    """
    with path.open("r+b") as file:
        start, footer = _footer(file)
        digest = _digest_before(file, start) if pages else _PAGES_HAVE_CHECKSUMS
        file.seek(start)
        file.write(_MAGIC + digest + _digest(footer) + footer)
        file.write(len(footer).to_bytes(4, "little") + _END)


def check_seal(file: _Readable, path: Location) -> bool:
    """Check a Parquet file against its seal; return whether it has one.

    Parameters
    ----------
    file : binary file
    path : Location
        For the message.

    Raises
    ------
    DamagedFile
        Where the footer is damaged, or a page without a checksum of its own.
    """
    start, footer = _footer(file)
    found = _seal_before(file, start)
    if found is None:
        return False
    pages, digest = found
    whole = digest == _digest(footer)
    if whole and pages != _PAGES_HAVE_CHECKSUMS:
        whole = pages == _digest_before(file, start - _SEAL_BYTES)
    if not whole:
        raise DamagedFile(
            f"{path}: is damaged (it is not as daypart wrote it)",
            hint="restore the file from a copy, or make it again",
        )
    return True


def _footer(file: Any) -> tuple[int, bytes]:
    """Return where the footer of a file starts, and the footer; nothing of one that has none."""
    size = file.seek(0, io.SEEK_END)
    if size < 12:
        return 0, b""
    file.seek(size - 8)
    end = file.read(8)
    start = size - 8 - int.from_bytes(end[:4], "little")
    if end[4:] != _END or start < 4:
        return 0, b""
    file.seek(start)
    return start, file.read(size - 8 - start)


def _seal_before(file: Any, start: int) -> tuple[bytes, bytes] | None:
    """Return the hashes of the pages and of the footer; None where there is no seal."""
    if start < _SEAL_BYTES:
        return None
    file.seek(start - _SEAL_BYTES)
    found = file.read(_SEAL_BYTES)
    if found[: len(_MAGIC)] != _MAGIC:
        return None
    return found[len(_MAGIC) : -_DIGEST_BYTES], found[-_DIGEST_BYTES:]


def _digest_before(file: Any, end: int) -> bytes:
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    file.seek(0)
    while end > 0 and (block := file.read(min(_READ_AT_ONCE, end))):
        digest.update(block)
        end -= len(block)
    return digest.digest()


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
