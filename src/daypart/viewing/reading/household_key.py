"""The key with which household ids are hashed; it is never stored with the data."""

from __future__ import annotations

import hashlib
import hmac
import math
import os
import secrets
import shlex
from collections import Counter
from pathlib import Path
from typing import Literal

from daypart.errors import DaypartError
from daypart.storage.location import PathLike, local_path

KEY_VARIABLE = "DAYPART_HOUSEHOLD_KEY"
_SHORTEST_KEY = 16
_LEAST_BITS = 40.0
"""The least length of a key times the entropy of its bytes."""
_ID_BITS = 63

IdKind = Literal["household", "device"]
KINDS: tuple[IdKind, ...] = ("household", "device")


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
        For a file that can't be read or that others may read, and for a key that is easily guessed:
        of under 16 bytes, or of few different ones.

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

    It is made by scrypt, so that it helps little in guessing the key.

    Parameters
    ----------
    key : bytes

    References
    ----------
    RFC 7914, scrypt.

    Examples
    --------
    >>> len(key_fingerprint(b"sixteen bytes or more"))
    32
    """
    salt = b"daypart household key fingerprint"
    return hashlib.scrypt(key, salt=salt, n=1 << 14, r=8, p=1, dklen=16).hex()


def hashed_id(household_id: str, key: bytes, kind: IdKind = "household") -> int:
    """Return the keyed hash of one id.

    The lower 63 of the first 64 bits of SHA-256(k || id), where k, of 128 bits, is derived from the
    key for households and for devices: HMAC-SHA256(key, kind). It is cheap enough to be taken while
    a file is scanned, so that no id is ever materialised.

    Parameters
    ----------
    household_id : str
    key : bytes
    kind : {"household", "device"}

    Returns
    -------
    int
        0 to 2**63 - 1.

    References
    ----------
    RFC 2104, HMAC; RFC 5869, keys derived by HMAC for separate purposes.

    Examples
    --------
    >>> key = b"sixteen bytes or more"
    >>> hashed_id("H1", key) == hashed_id("H1", key)
    True
    >>> len({hashed_id("H1", key), hashed_id("H1", key, "device"), hashed_id("H1", key + b"!")})
    3
    """
    digest = hashlib.sha256((_subkey(key, kind) + household_id).encode()).digest()
    return int.from_bytes(digest[:8], "big") & ((1 << _ID_BITS) - 1)


def hash_macros(key: bytes) -> tuple[dict[str, str], list[str]]:
    """Return variables and SQL that define `household_hash(text)` and `device_hash(text)`.

    They are the same hashes within DuckDB.

    Parameters
    ----------
    key : bytes
    """
    variables = {f"{kind}_key": _subkey(key, kind) for kind in KINDS}
    macros = [
        f"CREATE OR REPLACE TEMP MACRO {kind}_hash(id) AS "
        f"(('0x' || substr(sha256(getvariable('{kind}_key') || id), 1, 16))::UBIGINT "
        f"& {(1 << _ID_BITS) - 1}::UBIGINT)::BIGINT"
        for kind in KINDS
    ]
    return variables, macros


def _subkey(key: bytes, kind: IdKind) -> str:
    return hmac.new(key, f"daypart {kind} ids".encode(), hashlib.sha256).hexdigest()[:32]


def _checked(key: bytes, where: str) -> bytes:
    if len(key) < _SHORTEST_KEY:
        raise DaypartError(
            f"{where}: a key of {len(key)} bytes", hint=f"give {_SHORTEST_KEY} bytes or more"
        )
    shares = [count / len(key) for count in Counter(key).values()]
    bits = -len(key) * sum(share * math.log2(share) for share in shares)
    if bits < _LEAST_BITS:
        raise DaypartError(
            f"{where}: the key repeats few different bytes, and is easily guessed",
            hint="make one with: openssl rand -hex 32",
        )
    return key


def _read_key(path: Path) -> bytes:
    try:
        if path.stat().st_mode & 0o077:
            raise DaypartError(
                f"{path}: others may read this key file", hint=f"chmod 600 {shlex.quote(str(path))}"
            )
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
