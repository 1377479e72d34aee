"""Objects on S3, through obstore: a request each, patient with a server that is busy.

obstore signs, pools connections and repeats what failed on the way or was answered 429 or 5xx,
with growing pauses. What can't be mended by waiting becomes a `DaypartError`.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from daypart.errors import DaypartError
from daypart.storage.s3_errors import describe, is_cut_short, is_passing
from daypart.storage.s3_path import ObjectStat, S3Path

if TYPE_CHECKING:
    from obstore.store import S3Store

PAGE = 1000
"""So many objects one listing request brings."""

_PIECE_BYTES = 8 << 20

_SECONDS_TO_CONNECT = 5
_SECONDS_A_REQUEST = 60
_RETRIES = 10
_SECONDS_OF_RETRIES = 150
_PAUSES = (0.1, 0.3, 1.0, 3.0, 10.0)
_WRITER = "daypart-writer"
_FIRST_TRY = {"connect": 1.5, "request": 3.0, "retries": 4, "all": 3.0}
"""The first request to a bucket is impatient: what is wrong there is wrong for good."""


def head(path: S3Path) -> ObjectStat:
    """Return what S3 tells of an object.

    Raises
    ------
    FileNotFoundError
    DaypartError
        As `opened`.
    """
    import obstore

    store = opened(path)
    with _told(path):
        return _stat(obstore.head(store, path.key))


def get(path: S3Path) -> tuple[bytes, ObjectStat]:
    """Return an object's content, and what S3 tells of it.

    Raises
    ------
    FileNotFoundError
    DaypartError
        As `opened`.
    """
    import obstore

    store = opened(path)
    with _told(path):
        found = obstore.get(store, path.key)
        return bytes(found.bytes()), _stat(found.meta)


def get_end(path: S3Path, size: int) -> tuple[bytes, ObjectStat]:
    """Return the last bytes of an object, at most `size`, and what S3 tells of it."""
    import obstore

    store = opened(path)
    with _told(path):
        found = obstore.get(store, path.key, options={"range": {"suffix": size}})
        return bytes(found.bytes()), _stat(found.meta)


def get_range(path: S3Path, start: int, end: int, etag: str) -> bytes:
    """Return some bytes of the object that has this etag.

    Raises
    ------
    DaypartError
        Where the object was replaced meanwhile.
    """
    import obstore
    from obstore.exceptions import PreconditionError

    store = opened(path)
    with _told(path):
        try:
            options: Any = {"range": (start, end), "if_match": etag}
            return bytes(obstore.get(store, path.key, options=options).bytes())
        except PreconditionError:
            raise DaypartError(
                f"{path}: was replaced while it was read", hint="run the same command again"
            ) from None


def get_to(path: S3Path, target: Path) -> None:
    """Write an object's content to a local file, piece by piece."""
    import obstore

    store = opened(path)
    unfinished = target.with_name(f".writing-{target.name}")
    with _told(path), unfinished.open("wb") as file:
        for piece in obstore.get(store, path.key).stream(min_chunk_size=_PIECE_BYTES):
            file.write(piece)
    unfinished.replace(target)


def put(path: S3Path, content: bytes | Path) -> str:
    """Write an object whole, or not at all; return its etag. Large files go in pieces."""
    import obstore

    store = opened(path)
    with _told(path):
        return str(obstore.put(store, path.key, content)["e_tag"])


def put_new(path: S3Path, content: bytes) -> str | None:
    """Write an object that is not there yet; return its etag, or None where it is there."""
    return _put_if(path, content, "create")


def put_changed(path: S3Path, content: bytes, etag: str) -> str | None:
    """Replace the object that has this etag; return its new one, or None where it has another."""
    return _put_if(path, content, {"e_tag": etag})


def _put_if(path: S3Path, content: bytes, condition: Any) -> str | None:
    """Write on a condition; return the new etag, or None where the condition does not hold.

    A request whose answer was lost is sent again and then finds its condition broken by itself.
    So each write bears a mark of its own, and what was found in its place is looked at.
    """
    import obstore
    from obstore.exceptions import AlreadyExistsError, GenericError, PreconditionError

    store = opened(path)
    mark: Any = {_WRITER: secrets.token_hex(8)}
    with _told(path):
        for pause in (*_PAUSES, None):
            try:
                put = obstore.put(store, path.key, content, mode=condition, attributes=mark)
                return str(put["e_tag"])
            except (AlreadyExistsError, PreconditionError, FileNotFoundError):
                return _etag_of(store, path, mark[_WRITER])
            except GenericError as error:
                # obstore sends what may have been done again only where that does no harm.
                if pause is None or not is_cut_short(error):
                    raise
                if (etag := _etag_of(store, path, mark[_WRITER])) is not None:
                    return etag
                time.sleep(pause)
    return None


def _etag_of(store: S3Store, path: S3Path, writer: str) -> str | None:
    """Return the etag of the object that a writer left, or None where it is another's."""
    import obstore

    try:
        found = obstore.get(store, path.key)
    except FileNotFoundError:
        return None
    written_by = found.attributes.get(_WRITER)
    return str(found.meta["e_tag"]) if written_by == writer else None


def delete(paths: Sequence[S3Path]) -> None:
    """Delete objects of one bucket, a thousand in one request."""
    import obstore

    if paths:
        store = opened(paths[0])
        with _told(paths[0]):
            obstore.delete(store, [path.key for path in paths])


@lru_cache(maxsize=256)
def check_writable(folder: S3Path) -> None:
    """Check that objects can be written to a folder and deleted from it.

    Raises
    ------
    DaypartError
        As `opened`, or where writing is denied.
    """
    probe = folder / f".writing-{secrets.token_hex(4)}"
    put(probe, b"")
    delete([probe])


def list_objects(folder: S3Path, *, starting_with: str = "") -> Iterator[S3Path]:
    """Yield all objects below a folder in order of their keys, a thousand a request.

    Parameters
    ----------
    folder : S3Path
    starting_with : str
        Only keys that go on with this below the folder.
    """
    import obstore
    from obstore.exceptions import GenericError

    store = opened(folder, is_folder=True)
    beginning = f"{folder.key}/{starting_with}" if folder.key else starting_with
    # obstore lists whole folders; a beginning within names is reached by starting behind all
    # that sort before it.
    offset = beginning[:-1] + chr(ord(beginning[-1]) - 1) + "\uffff" if starting_with else None
    pauses = iter(_PAUSES)
    with _told(folder):
        while True:
            try:
                for page in obstore.list(store, folder.key or None, offset=offset, chunk_size=PAGE):
                    for each in page:
                        offset = each["path"]
                        if offset.startswith(beginning):
                            yield S3Path(folder.bucket, offset, _stat(each))
                        elif starting_with and offset > beginning:
                            return
                return
            except GenericError as error:
                pause = next(pauses, None)
                if pause is None or not is_cut_short(error):
                    raise
                time.sleep(pause)  # then go on behind the last that came


def opened(path: S3Path, *, is_folder: bool = False) -> S3Store:
    """Return the bucket of a path, reached for the first time or known.

    Raises
    ------
    DaypartError
        Where obstore is not installed, there are no credentials, or the bucket is missing, in
        another region, denied or unreachable; within about five seconds.
    """
    settings = tuple(sorted((n, v) for n, v in os.environ.items() if n.startswith("AWS_")))
    if (path.bucket, settings) not in _known:
        folder = path if is_folder else path.parent
        _known[path.bucket, settings] = _reach(folder, dict(settings))
    return _known[path.bucket, settings]


_known: dict[tuple[str, tuple[tuple[str, str], ...]], S3Store] = {}


def _reach(folder: S3Path, environment: Mapping[str, str]) -> S3Store:
    """Look whether a folder can be listed; return its bucket, with patience for what comes."""
    try:
        import obstore
        from obstore.exceptions import BaseError
    except ImportError:
        raise DaypartError(f"{folder}: needs obstore", hint="pip install 'daypart[s3]'") from None
    try:
        first = _store(folder.bucket, environment, **_FIRST_TRY)
        next(iter(obstore.list(first, folder.key or None, chunk_size=1)), None)
    except BaseError as error:
        if not (is_passing(error) or is_cut_short(error)):
            raise describe(error, folder) from None
    return _store(
        folder.bucket,
        environment,
        connect=_SECONDS_TO_CONNECT,
        request=_SECONDS_A_REQUEST,
        retries=_RETRIES,
        all=_SECONDS_OF_RETRIES,
    )


def _store(bucket: str, environment: Mapping[str, str], **patience: float) -> S3Store:
    from datetime import timedelta

    from obstore.store import S3Store

    return S3Store(
        bucket,
        client_options={
            "allow_http": environment.get("AWS_ENDPOINT_URL", "").startswith("http:")
            or environment.get("AWS_ENDPOINT_URL_S3", "").startswith("http:"),
            "connect_timeout": timedelta(seconds=patience["connect"]),
            "timeout": timedelta(seconds=patience["request"]),
        },
        retry_config={
            "max_retries": int(patience["retries"]),
            "retry_timeout": timedelta(seconds=patience["all"]),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=15),
                "base": 2,
            },
        },
        credential_provider=_profile(environment),
    )


def _profile(environment: Mapping[str, str]) -> Any:
    """Return what reads `~/.aws` where nothing in the environment says who we are.

    obstore itself knows the environment, web identity, container and instance roles.
    """
    told = ("ACCESS_KEY_ID", "WEB_IDENTITY_TOKEN_FILE", "CONTAINER_CREDENTIALS")
    if any(name.startswith(tuple(f"AWS_{each}" for each in told)) for name in environment):
        return None
    file = environment.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
    if "AWS_PROFILE" not in environment and not Path(file).expanduser().exists():
        return None
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        raise DaypartError(
            "reading ~/.aws needs boto3",
            hint="pip install 'daypart[aws]', or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ) from None
    return Boto3CredentialProvider()


@contextmanager
def _told(path: S3Path) -> Iterator[None]:
    """Tell a missing object as a missing file, and all else that went wrong in one line."""
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
    except BaseError as error:
        raise describe(error, path) from None


def _stat(meta: Any) -> ObjectStat:
    return ObjectStat(
        int(meta["size"]), meta["last_modified"].timestamp(), cast(str, meta["e_tag"] or "")
    )
