"""A place on S3 that answers as `pathlib.Path` does, as far as daypart asks."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from daypart.errors import DaypartError

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class ObjectStat:
    """What S3 tells of an object.

    Parameters
    ----------
    st_size : int
        Bytes.
    st_mtime : float
        When it was written, seconds since 1970 by the server's clock.
    etag : str
        Changes whenever the content does.
    """

    st_size: int
    st_mtime: float
    etag: str

    @property
    def st_mtime_ns(self) -> int:
        """The same instant in nanoseconds."""
        return round(self.st_mtime * 1e9)


@dataclass(frozen=True)
class S3Path:
    """An object of a bucket, or the folder of all objects below a key.

    Folders need not be made: they are there as soon as something lies in them.

    Parameters
    ----------
    bucket : str
    key : str
        Without a slash at either end; empty for the whole bucket.
    listed : ObjectStat, optional
        What the listing that found it told; `stat` answers with it and asks no more.

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
            Where the bucket's name is missing or no name of a bucket.
        """
        # pathlib makes s3:/BUCKET of it, so that is understood as well.
        bucket, _, key = re.sub(r"^s3:/+", "", uri, flags=re.IGNORECASE).partition("/")
        if not _BUCKET.fullmatch(bucket):
            raise DaypartError(
                f"{uri}: {bucket!r} is no name of a bucket", hint="write s3://BUCKET/PREFIX"
            )
        return cls(bucket).joined(key)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}" if self.key else f"s3://{self.bucket}"

    def __fspath__(self) -> str:
        return str(self)

    def __truediv__(self, other: str) -> S3Path:
        return self.joined(other)

    def __lt__(self, other: S3Path) -> bool:
        return (self.bucket, self.key) < (other.bucket, other.key)

    def joined(self, relative: str) -> S3Path:
        """Return the place that a relative path leads to from here."""
        key = posixpath.normpath(posixpath.join("/", self.key, relative.lstrip("/")))
        return S3Path(self.bucket, key.strip("/"))

    def as_posix(self) -> str:
        """Return the URI."""
        return str(self)

    def resolve(self) -> S3Path:
        """Return the place itself: a URI is absolute."""
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
        """The folder that it lies in."""
        return S3Path(self.bucket, posixpath.dirname(self.key))

    def with_name(self, name: str) -> S3Path:
        """Return the place beside this one that bears another name."""
        return self.parent / name

    def relative_to(self, folder: S3Path) -> PurePosixPath:
        """Return the path that leads here from a folder above."""
        return PurePosixPath("/", self.key).relative_to(PurePosixPath("/", folder.key))

    def stat(self) -> ObjectStat:
        """Return size, time and etag.

        Raises
        ------
        FileNotFoundError
        """
        from daypart.storage import s3

        return self.listed or s3.head(self)

    def is_file(self) -> bool:
        """Tell whether the object is there."""
        from daypart.storage import s3

        try:
            s3.head(self)
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        """Tell whether anything lies below this key."""
        return next(self.rglob(), None) is not None

    def exists(self) -> bool:
        """Tell whether there is an object or a folder."""
        return self.is_file() or self.is_dir()

    def read_bytes(self) -> bytes:
        """Return the content.

        Raises
        ------
        FileNotFoundError
        """
        from daypart.storage import s3

        return s3.get(self)[0]

    def read_text(self, encoding: str = "utf-8") -> str:
        """Return the content as text."""
        return self.read_bytes().decode(encoding)

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete the object (S3 does not tell whether it was there)."""
        from daypart.storage import s3

        if not missing_ok and not self.is_file():
            raise FileNotFoundError(str(self))
        s3.delete([self])

    def glob(self, pattern: str) -> Iterator[S3Path]:
        """Yield the objects that lie directly in this folder and match, in order of their keys.

        One request brings a thousand of them; the pattern's plain beginning narrows what is
        asked for.
        """
        from daypart.storage import s3

        beginning = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
        for path in s3.list_objects(self, starting_with=beginning):
            relative = path.key[len(self.key) :].lstrip("/")
            if "/" not in relative and fnmatchcase(relative, pattern):
                yield path

    def rglob(self, pattern: str = "*") -> Iterator[S3Path]:
        """Yield all objects below this folder whose name matches, in order of their keys."""
        from daypart.storage import s3

        return (path for path in s3.list_objects(self) if fnmatchcase(path.name, pattern))

    def iterdir(self) -> Iterator[S3Path]:
        """Yield the objects that lie directly in this folder."""
        return self.glob("*")
