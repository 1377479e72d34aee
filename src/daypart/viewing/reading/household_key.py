"""The key with which household ids are hashed; it is never stored with the data."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from daypart.errors import DaypartError
from daypart.storage.location import PathLike, local_path

KEY_VARIABLE = "DAYPART_HOUSEHOLD_KEY"
_BLOCK_BYTES = 64
_SHORTEST_KEY = 16
_ID_BITS = 63


def household_key(key: bytes | PathLike | None = None) -> bytes:
    """Return the key: as given, from a file, the environment, or the user's own key file.

    Without any of them, a random key is created once, in `household.key` under
    `$XDG_CONFIG_HOME/daypart` (or `~/.config/daypart`), readable by its owner alone.

    Parameters
    ----------
    key : bytes or path, optional
        The key itself, or a file with it.

    Returns
    -------
    bytes

    Raises
    ------
    DaypartError
        For a file that can't be read, or a key of under 16 bytes.

    Examples
    --------
    >>> household_key(b"sixteen bytes or more")
    b'sixteen bytes or more'
    """
    if isinstance(key, bytes):
        return _checked(key, "household key")
    if key is not None:
        return _read_key(local_path(key))
    if text := os.environ.get(KEY_VARIABLE):
        return _checked(text.encode(), KEY_VARIABLE)
    path = own_key_file()
    return _read_key(path) if path.exists() else _make_key(path)


def own_key_file() -> Path:
    """Return the path of the user's own key, outside every store."""
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "daypart" / "household.key"


def key_fingerprint(key: bytes) -> str:
    """Return the fingerprint of a key, by which a store recognises it but can't hash.

    Examples
    --------
    >>> len(key_fingerprint(b"sixteen bytes or more"))
    16
    """
    return hmac.new(key, b"daypart household key fingerprint", hashlib.sha256).hexdigest()[:16]


def hashed_id(household_id: str, key: bytes) -> int:
    """Return the keyed hash of one id: the lower 63 of the first 64 bits of HMAC-SHA256.

    Parameters
    ----------
    household_id : str
    key : bytes

    Returns
    -------
    int
        0 to 2**63 - 1.

    References
    ----------
    RFC 2104, HMAC: keyed hashing for message authentication.

    Examples
    --------
    >>> hashed_id("H1", b"sixteen bytes or more") == hashed_id("H1", b"another key of bytes")
    False
    """
    digest = hmac.new(key, household_id.encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") & ((1 << _ID_BITS) - 1)


def hash_macro_sql() -> str:
    """Return the SQL that defines `hashed_id(text)`, the same hash within DuckDB.

    It reads the key's two pads from the variables `inner_pad` and `outer_pad`.
    """
    return (
        "CREATE OR REPLACE TEMP MACRO hashed_id(id) AS "
        "(('0x' || substr(sha256(getvariable('outer_pad') || "
        "unhex(sha256(getvariable('inner_pad') || encode(id)))), 1, 16))::UBIGINT "
        f"& {(1 << _ID_BITS) - 1}::UBIGINT)::BIGINT"
    )


def key_pads(key: bytes) -> tuple[bytes, bytes]:
    """Return the inner and outer pad of HMAC for a key (64 bytes each)."""
    block = hashlib.sha256(key).digest() if len(key) > _BLOCK_BYTES else key
    block = block.ljust(_BLOCK_BYTES, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def _checked(key: bytes, where: str) -> bytes:
    if len(key) < _SHORTEST_KEY:
        raise DaypartError(
            f"{where}: a key of {len(key)} bytes", hint=f"give {_SHORTEST_KEY} bytes or more"
        )
    return key


def _read_key(path: Path) -> bytes:
    try:
        return _checked(path.read_bytes().strip(), str(path))
    except FileNotFoundError:
        raise DaypartError(f"{path}: no such key file") from None
    except OSError as error:
        raise DaypartError(f"{path}: can't be read ({error.strerror})") from None


def _make_key(path: Path) -> bytes:
    key = secrets.token_hex(32).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key + b"\n")
    except FileExistsError:
        return _read_key(path)
    except OSError as error:
        raise DaypartError(
            f"{path}: can't be written ({error.strerror})",
            hint=f"give a key file (--key-file) or set {KEY_VARIABLE}",
        ) from None
    return key
