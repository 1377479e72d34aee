"""Requests for objects on S3, through obstore: one function for each kind of request.

obstore signs requests, keeps connections open, and repeats a request that failed in transit or
was answered 429 or 5xx, with growing pauses. An error that waiting can't fix is raised as a
`DaypartError`. obstore is an extra: it is imported at the first request.
"""

from __future__ import annotations

import errno
import os
import posixpath
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from daypart.errors import DaypartError
from daypart.storage.aws import aws_region, config_file
from daypart.storage.s3_errors import describe, is_answer_lost, is_temporary_failure, s3_uri

if TYPE_CHECKING:
    from obstore.store import S3Store

PAGE = 1000
"""Objects that one listing request returns."""

_PIECE_BYTES = 8 << 20

_SECONDS_TO_CONNECT = 5
_SECONDS_A_REQUEST = 60
_RETRIES = 10
_SECONDS_OF_RETRIES = 150
_PAUSES = (0.1, 0.3, 1.0, 3.0, 10.0)
_WRITER = "daypart-writer"
_FIRST_TRY = {"connect": 1.5, "request": 3.0, "retries": 4, "all": 3.0}
"""The first request to a bucket has short limits: a wrong setting does not pass with time."""


@dataclass(frozen=True)
class ObjectStat:
    """Size, time and version of an object.

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
        """The time in nanoseconds."""
        return round(self.st_mtime * 1e9)


class _ConditionFailed(Exception):  # noqa: N818 - an outcome that each caller handles
    """The object is not as the request requires it."""


class _AnswerLost(DaypartError):  # noqa: N818 - an outcome that each caller handles
    """The connection broke during a request that obstore did not repeat."""


def head(bucket: str, key: str) -> ObjectStat:
    """Return size, time and version of an object.

    Parameters
    ----------
    bucket, key : str

    Raises
    ------
    FileNotFoundError
    DaypartError
        As `opened`.
    """
    store = opened(bucket, posixpath.dirname(key))
    with _reported(bucket, key):
        return _stat(store.head(key))


def get(bucket: str, key: str) -> tuple[bytes, ObjectStat]:
    """Return an object's content with its size, time and version.

    Parameters
    ----------
    bucket, key : str

    Raises
    ------
    FileNotFoundError
    DaypartError
        As `opened`.
    """
    return _get(bucket, key)


def get_end(bucket: str, key: str, size: int) -> tuple[bytes, ObjectStat]:
    """Return up to `size` bytes from the end of an object; otherwise as `get`.

    Parameters
    ----------
    bucket, key : str
    size : int
        Bytes.
    """
    return _get(bucket, key, range={"suffix": size})


def get_range(bucket: str, key: str, start: int, end: int, etag: str) -> bytes:
    """Return the bytes from `start` to `end` of the object that has this etag.

    Parameters
    ----------
    bucket, key : str
    start, end : int
        `end` is not included.
    etag : str

    Raises
    ------
    DaypartError
        When the object has been replaced.
    """
    try:
        return _get(bucket, key, range=(start, end), if_match=etag)[0]
    except _ConditionFailed:
        raise DaypartError(
            f"{s3_uri(bucket, key)}: was replaced while it was read",
            hint="run the same command again",
        ) from None


def _get(bucket: str, key: str, **options: Any) -> tuple[bytes, ObjectStat]:
    store = opened(bucket, posixpath.dirname(key))
    with _reported(bucket, key):
        found = store.get(key, options=cast(Any, options))
        return bytes(found.bytes()), _stat(found.meta)


def download(bucket: str, key: str, target: Path) -> None:
    """Write an object's content to a local file, which appears when it is complete.

    Parameters
    ----------
    bucket, key : str
    target : Path
    """
    store = opened(bucket, posixpath.dirname(key))
    unfinished = target.with_name(f".writing-{target.name}")
    with _reported(bucket, key), unfinished.open("wb") as file:
        for piece in store.get(key).stream(min_chunk_size=_PIECE_BYTES):
            file.write(piece)
    unfinished.replace(target)


def put(bucket: str, key: str, content: bytes | Path) -> str:
    """Write an object whole, or not at all; return its etag.

    Parameters
    ----------
    bucket, key : str
    content : bytes or Path
        A large file is sent in pieces.
    """
    store = opened(bucket, posixpath.dirname(key))
    with _reported(bucket, key):
        return str(store.put(key, content)["e_tag"])


def put_new(bucket: str, key: str, content: bytes) -> str | None:
    """Write an object that does not exist yet; return its etag, or None if it exists.

    Parameters
    ----------
    bucket, key : str
    content : bytes
    """
    return _put_if(bucket, key, content, "create")


def put_changed(bucket: str, key: str, content: bytes, etag: str) -> str | None:
    """Replace the object that has this etag; return the new etag, or None if it has another.

    Parameters
    ----------
    bucket, key : str
    content : bytes
    etag : str
    """
    return _put_if(bucket, key, content, {"e_tag": etag})


def _put_if(bucket: str, key: str, content: bytes, condition: Any) -> str | None:
    """Write on a condition; return the new etag, or None if the condition does not hold.

    A request whose answer was lost is sent again, and then its own first write breaks its
    condition. So each write carries a mark, by which it recognises its own object.
    """
    store = opened(bucket, posixpath.dirname(key))
    mark: Any = {_WRITER: secrets.token_hex(8)}
    for pause in (*_PAUSES, None):
        try:
            with _reported(bucket, key):
                return str(store.put(key, content, mode=condition, attributes=mark)["e_tag"])
        except (_ConditionFailed, FileNotFoundError):
            return _etag_of(store, bucket, key, mark[_WRITER])
        except _AnswerLost:
            # obstore repeats by itself only the requests that are safe to repeat.
            if pause is None:
                raise
            if (etag := _etag_of(store, bucket, key, mark[_WRITER])) is not None:
                return etag
            time.sleep(pause)
    return None


def _etag_of(store: S3Store, bucket: str, key: str, writer: str) -> str | None:
    """Return the etag of the object with a writer's mark, or None if it has another mark."""
    try:
        with _reported(bucket, key):
            found = store.get(key)
    except FileNotFoundError:
        return None
    written_by = found.attributes.get(_WRITER)
    return str(found.meta["e_tag"]) if written_by == writer else None


def delete(bucket: str, keys: Sequence[str]) -> None:
    """Delete objects of a bucket, a thousand in one request.

    Parameters
    ----------
    bucket : str
    keys : sequence of str
        A key without an object is not an error.
    """
    if keys:
        store = opened(bucket, posixpath.dirname(keys[0]))
        with _reported(bucket, keys[0]):
            store.delete(list(keys))


@lru_cache(maxsize=256)
def check_writable(bucket: str, folder: str) -> None:
    """Check that objects can be written to a folder and deleted from it.

    Parameters
    ----------
    bucket, folder : str

    Raises
    ------
    DaypartError
        As `opened`, or when writing is denied.
    """
    probe = posixpath.join(folder, f".writing-{secrets.token_hex(4)}")
    put(bucket, probe, b"")
    delete(bucket, [probe])


def list_objects(
    bucket: str, folder: str, *, starting_with: str = ""
) -> Iterator[tuple[str, ObjectStat]]:
    """Yield all objects below a folder in order of their keys, a thousand per request.

    Parameters
    ----------
    bucket, folder : str
        An empty folder is the whole bucket.
    starting_with : str
        Only keys that continue with this text below the folder.

    Yields
    ------
    (key, ObjectStat)
    """
    store = opened(bucket, folder)
    beginning = f"{folder}/{starting_with}" if folder else starting_with
    # obstore lists whole folders. To begin within names, start behind every key that sorts
    # before the beginning.
    offset = beginning[:-1] + chr(ord(beginning[-1]) - 1) + "\uffff" if starting_with else None
    pauses = iter(_PAUSES)
    while True:
        try:
            with _reported(bucket, folder):
                for page in store.list(folder or None, offset=offset, chunk_size=PAGE):
                    for each in page:
                        offset = each["path"]
                        if offset.startswith(beginning):
                            yield offset, _stat(each)
                        elif starting_with and offset > beginning:
                            return
            return
        except _AnswerLost:
            pause = next(pauses, None)
            if pause is None:
                raise
            time.sleep(pause)  # then continue behind the last key


def opened(bucket: str, folder: str = "") -> S3Store:
    """Return a bucket, after a first request that checks that it can be reached.

    Parameters
    ----------
    bucket : str
    folder : str
        The folder that the first request lists.

    Raises
    ------
    DaypartError
        When obstore is not installed, there are no credentials, or the bucket is missing, in
        another region, denied or unreachable; within about five seconds.
    """
    settings = tuple(sorted((n, v) for n, v in os.environ.items() if n.startswith("AWS_")))
    if (bucket, settings) not in _known:
        _known[bucket, settings] = _reach(bucket, folder, dict(settings))
    return _known[bucket, settings]


_known: dict[tuple[str, tuple[tuple[str, str], ...]], S3Store] = {}


def _reach(bucket: str, folder: str, environment: Mapping[str, str]) -> S3Store:
    """Check that a folder can be listed; return its bucket, with long limits for the rest."""
    try:
        from obstore.exceptions import BaseError
    except ImportError:
        raise DaypartError(
            f"{s3_uri(bucket, folder)}: needs obstore", hint="pip install 'daypart[s3]'"
        ) from None
    try:
        first = _store(bucket, environment, **_FIRST_TRY)
        next(iter(first.list(folder or None, chunk_size=1)), None)
    except BaseError as error:
        if not (is_temporary_failure(error) or is_answer_lost(error)):
            raise describe(error, bucket, folder) from None
    return _store(
        bucket,
        environment,
        connect=_SECONDS_TO_CONNECT,
        request=_SECONDS_A_REQUEST,
        retries=_RETRIES,
        all=_SECONDS_OF_RETRIES,
    )


def _store(bucket: str, environment: Mapping[str, str], **limits: float) -> S3Store:
    from obstore.store import S3Store

    region = aws_region(environment)
    config: Any = {"region": region} if region else {}
    return S3Store(
        bucket,
        config=config,
        client_options={
            "allow_http": environment.get("AWS_ENDPOINT_URL", "").startswith("http:")
            or environment.get("AWS_ENDPOINT_URL_S3", "").startswith("http:"),
            "connect_timeout": timedelta(seconds=limits["connect"]),
            "timeout": timedelta(seconds=limits["request"]),
        },
        retry_config={
            "max_retries": int(limits["retries"]),
            "retry_timeout": timedelta(seconds=limits["all"]),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=15),
                "base": 2,
            },
        },
        credential_provider=_profile(environment, bucket),
    )


def _profile(environment: Mapping[str, str], bucket: str) -> Any:
    """Return a reader of `~/.aws`, for an environment that holds no credentials.

    obstore itself knows the environment, web identity, container and instance roles. boto3
    reads profiles, with keys, roles or SSO, and falls back on the same roles.
    """
    given = ("ACCESS_KEY_ID", "WEB_IDENTITY_TOKEN_FILE", "CONTAINER_CREDENTIALS")
    if any(name.startswith(tuple(f"AWS_{each}" for each in given)) for name in environment):
        return None
    file = Path(environment.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")).expanduser()
    files = (file, config_file(environment))
    if "AWS_PROFILE" not in environment and not any(each.exists() for each in files):
        return None
    try:
        import boto3
        from botocore.exceptions import BotoCoreError
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        if "AWS_PROFILE" not in environment and not file.exists():
            return None
        raise DaypartError(
            "reading ~/.aws needs boto3",
            hint="pip install 'daypart[aws]', or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ) from None
    try:
        return Boto3CredentialProvider(boto3.Session(region_name=aws_region(environment)))
    except (BotoCoreError, ValueError) as error:  # a ValueError: boto3 found none
        why = f" ({error})" if isinstance(error, BotoCoreError) else ""
        raise DaypartError(
            f"{s3_uri(bucket, '')}: no AWS credentials{why}",
            hint="run aws configure or aws sso login, or set AWS_PROFILE",
        ) from None


@contextmanager
def _reported(bucket: str, key: str) -> Iterator[None]:
    """Raise a missing object as a missing file, and every other error in one line."""
    from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

    try:
        yield
    except FileNotFoundError:
        uri = s3_uri(bucket, key)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), uri) from None
    except (AlreadyExistsError, PreconditionError):
        raise _ConditionFailed from None
    except BaseError as error:
        described = describe(error, bucket, key)
        if is_answer_lost(error):
            raise _AnswerLost(described.message, hint=described.hint) from None
        raise described from None


def _stat(meta: Any) -> ObjectStat:
    return ObjectStat(
        int(meta["size"]), meta["last_modified"].timestamp(), cast(str, meta["e_tag"] or "")
    )
