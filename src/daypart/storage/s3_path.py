"""An object or a folder on S3, with those methods of `pathlib.Path` that daypart uses."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from daypart.errors import DaypartError
from daypart.storage import s3
from daypart.storage.s3 import ObjectStat
from daypart.storage.s3_errors import s3_uri

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class S3Path:
    """An object of a bucket, or the folder of all objects below a key.

    A folder exists as soon as it holds an object.

    Parameters
    ----------
    bucket : str
    key : str
        Without a slash at either end; empty for the whole bucket.
    listed : ObjectStat, optional
        From the listing that found the object; `stat` returns it without another request.

    Examples
    --------
    >>> path = S3Path.parse("s3://audience/run/parts")
    >>> path.bucket, path.key, path.name, str(path.parent)
    ('audience', 'run/parts', 'parts', 's3://audience/run')
    """

    bucket: str
    key: str = ""
    listed: ObjectStat | None = field(default=None, compare=False, repr=False)

    @classmethod
    def parse(cls, uri: str) -> S3Path:
        """Read an `s3://BUCKET/KEY` URI.

        Raises
        ------
        DaypartError
            When the bucket's name is missing or not valid.
        """
        # pathlib makes s3:/BUCKET of it, so that is understood as well.
        bucket, _, key = re.sub(r"^s3:/+", "", uri, flags=re.IGNORECASE).partition("/")
        if not _BUCKET.fullmatch(bucket):
            raise DaypartError(
                f"{uri}: {bucket!r} is not the name of a bucket", hint="write s3://BUCKET/PREFIX"
            )
        return cls(bucket).joined(key)

    def __str__(self) -> str:
        return s3_uri(self.bucket, self.key)

    def __fspath__(self) -> str:
        return str(self)

    def __truediv__(self, other: str) -> S3Path:
        return self.joined(other)

    def __lt__(self, other: S3Path) -> bool:
        return (self.bucket, self.key) < (other.bucket, other.key)

    def joined(self, relative: str) -> S3Path:
        """Return the path that a relative path leads to from here."""
        key = posixpath.normpath(posixpath.join("/", self.key, relative.lstrip("/")))
        return S3Path(self.bucket, key.strip("/"))

    def as_posix(self) -> str:
        """Return the URI."""
        return str(self)

    def resolve(self) -> S3Path:
        """Return the path itself, because a URI is absolute."""
        return self

    @property
    def name(self) -> str:
        """The last part of the key."""
        return posixpath.basename(self.key)

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.key).stem

    @property
    def suffix(self) -> str:
        """The end of the name, from its last dot."""
        return PurePosixPath(self.key).suffix

    @property
    def parent(self) -> S3Path:
        """The folder that contains it."""
        return S3Path(self.bucket, posixpath.dirname(self.key))

    def with_name(self, name: str) -> S3Path:
        """Return the path with another name in the same folder."""
        return self.parent / name

    def relative_to(self, folder: S3Path) -> PurePosixPath:
        """Return the path from a folder above to this one."""
        return PurePosixPath("/", self.key).relative_to(PurePosixPath("/", folder.key))

    def stat(self) -> ObjectStat:
        """Return size, time and etag.

        Raises
        ------
        FileNotFoundError
        """
        return self.listed or s3.head(self.bucket, self.key)

    def is_file(self) -> bool:
        """Return whether the object exists."""
        try:
            s3.head(self.bucket, self.key)
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        """Return whether any object exists below this key."""
        return next(self.rglob(), None) is not None

    def exists(self) -> bool:
        """Return whether there is an object or a folder."""
        return self.is_file() or self.is_dir()

    def read_bytes(self) -> bytes:
        """Return the content.

        Raises
        ------
        FileNotFoundError
        """
        return s3.get(self.bucket, self.key)[0]

    def read_text(self, encoding: str = "utf-8") -> str:
        """Return the content as text."""
        return self.read_bytes().decode(encoding)

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete the object (S3 does not report whether it existed)."""
        if not missing_ok and not self.is_file():
            raise FileNotFoundError(str(self))
        s3.delete(self.bucket, [self.key])

    def glob(self, pattern: str) -> Iterator[S3Path]:
        """Yield the objects directly in this folder that match, in order of their keys.

        One request returns a thousand; the pattern's plain beginning narrows the listing.
        """
        beginning = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
        for path in self._listed(beginning):
            relative = path.key[len(self.key) :].lstrip("/")
            if "/" not in relative and fnmatchcase(relative, pattern):
                yield path

    def rglob(self, pattern: str = "*") -> Iterator[S3Path]:
        """Yield all objects below this folder whose name matches, in order of their keys."""
        return (path for path in self._listed() if fnmatchcase(path.name, pattern))

    def iterdir(self) -> Iterator[S3Path]:
        """Yield the objects directly in this folder."""
        return self.glob("*")

    def _listed(self, beginning: str = "") -> Iterator[S3Path]:
        found = s3.list_objects(self.bucket, self.key, starting_with=beginning)
        return (S3Path(self.bucket, key, stat) for key, stat in found)
