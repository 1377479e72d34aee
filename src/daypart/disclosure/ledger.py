"""The ledger of a store: what left it, when, by which rules, and how many households it rests on.

Each release adds a file to the store's folder `releases`, and none is ever changed. Besides its
digest it keeps a sketch of the households behind each of its figures. Households are dealt into
64 buckets by their hashed id, and a sketch has the sum of each bucket:

    s_b(x) = sum of x_h over the households h of bucket b

It is linear, so the sketch of a difference is the difference of the sketches, and as many
households differ, at least, as it has buckets that are not 0. Sketches are personal data, as the
rest of the store.

References
----------
Charikar, M., Chen, K., Farach-Colton, M. (2002). Finding frequent items in data streams (the
linear sketch without its signs).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.disclosure.rules import DisclosureRules
from daypart.errors import DaypartError
from daypart.series.store_document import read_store_document
from daypart.storage.files import as_json_text, kept_copy, make_folder, plain
from daypart.storage.location import Location, PathLike, location
from daypart.storage.private import private_files
from daypart.storage.row_groups import read_schema
from daypart.storage.shapes import Natural, check_shape, fields_of
from daypart.storage.tables import read_table, write_table

BUCKETS = 64
"""Of a sketch."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class LedgerEntry:
    """A release of a store.

    Parameters
    ----------
    when : str
        ISO 8601, UTC.
    output : str
        The verb.
    rules : mapping
        The disclosure rules that it was held to.
    digest : str
        SHA-256 of what left.
    figures : int
        Figures with a sketch.
    sketches : mapping of str to float64 array, shape (figures, 64)
        By kind of figure. Empty unless they were asked for.
    """

    when: str
    output: str
    rules: Mapping[str, Any]
    digest: str
    figures: int
    sketches: Mapping[str, Floats] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class _EntryDocument:
    when: str
    output: str
    rules: Mapping[str, float]
    digest: str
    figures: Natural


_COLUMNS = pa.schema(
    [
        pa.field("kind", pa.string(), nullable=False),
        pa.field("sketch", pa.list_(pa.float64(), BUCKETS), nullable=False),
    ]
)


def sketch(values: Floats | Ints, household: Ints) -> Floats:
    """Return the sums of values over the households of each bucket.

    Parameters
    ----------
    values : array, shape (households,)
    household : int64 array, shape (households,)
        Hashed ids.

    Returns
    -------
    float64 array, shape (64,)

    Examples
    --------
    >>> sketch(np.array([1.0, 2.0, 4.0]), np.array([0, 1, 64]))[:3].tolist()
    [5.0, 2.0, 0.0]
    """
    return np.bincount(household % BUCKETS, weights=values, minlength=BUCKETS).astype(np.float64)


def too_close(known: Floats, new: Floats, rules: DisclosureRules) -> NDArray[np.bool_]:
    """Return from which known figures a new one differs by too few households.

    They differ by none, or by as many as the rules want, none of whom dominates the difference.

    Parameters
    ----------
    known : float64 array, shape (figures, 64)
        Sketches.
    new : float64 array, shape (64,)
    rules : DisclosureRules

    Examples
    --------
    >>> before = np.ones((2, BUCKETS)) * [[1.0], [3.0]]
    >>> after = before[0] + (np.arange(BUCKETS) < 3)
    >>> too_close(before, after, DisclosureRules()).tolist()
    [True, False]
    """
    apart = np.abs(known - new)
    apart[apart <= 1e-9 * max(float(np.abs(new).max(initial=0.0)), 1e-300)] = 0.0
    number = np.count_nonzero(apart, axis=1)
    largest, share = apart.max(axis=1, initial=0.0), rules.dominance_percent / 100
    dominated = apart.sum(axis=1) < (2 + share) * largest
    if dominated.any() and share > 0:
        two = np.partition(apart[dominated], -2, axis=1)[:, -2:].sum(axis=1)
        dominated[dominated] = apart[dominated].sum(axis=1) - two < share * largest[dominated]
    else:
        dominated[:] = False
    return np.asarray((number > 0) & ((number < rules.contributors) | dominated), np.bool_)


def releases(store: PathLike, *, sketches: bool = False) -> list[LedgerEntry]:
    """Return the releases of a store, the first one first.

    Parameters
    ----------
    store : path-like
    sketches : bool
        Read the sketches, too.

    Returns
    -------
    list of LedgerEntry

    Raises
    ------
    DaypartError
        Where there is no store, or a file of the ledger is damaged.

    Examples
    --------
    >>> releases("/nowhere")
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: /nowhere/store.json: no such file
    """
    entries = []
    read_store_document(location(store))
    files: list[Location] = [*(location(store) / "releases").glob("*.parquet")]
    for path in sorted(files, key=str):
        about = (read_schema(path).metadata or {}).get(b"daypart")
        if about is None:
            raise DaypartError(f"{path}: not a file of daypart's ledger", hint="restore it")
        by_kind: dict[str, Floats] = {}
        if sketches:
            table = read_table(path, _COLUMNS)
            sums = table.column("sketch").combine_chunks().flatten().to_numpy()
            kinds = np.array(table.column("kind").to_pylist(), dtype=object)
            every = sums.reshape(-1, BUCKETS).astype(np.float64)
            by_kind = {str(kind): every[kinds == kind] for kind in dict.fromkeys(kinds)}
        entries.append(_entry(path, about, by_kind))
    return entries


def _entry(path: Location, about: bytes, sketches: Mapping[str, Floats]) -> LedgerEntry:
    try:
        content = json.loads(about)
    except (ValueError, RecursionError):
        content = None
    check_shape(content, _EntryDocument, path)
    return LedgerEntry(**fields_of(content, _EntryDocument), sketches=sketches)


def digest_of(content: Mapping[str, Any] | Sequence[pa.Table]) -> str:
    """Return the SHA-256 of what leaves, in hexadecimal digits.

    Parameters
    ----------
    content : mapping, or sequence of pyarrow.Table

    Examples
    --------
    >>> digest_of({"reach": 1}) == digest_of({"reach": 1}) != digest_of({"reach": 2})
    True
    """
    if isinstance(content, Mapping):
        return hashlib.sha256(as_json_text(plain(content)).encode()).hexdigest()
    sink = pa.BufferOutputStream()
    for table in content:
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


def file_sha256(file: Location) -> str:
    """Return the SHA-256 of a file that leaves, in hexadecimal digits.

    Parameters
    ----------
    file : Location
    """
    with kept_copy(file).open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@private_files()
def write_entry(
    store: PathLike,
    output: str,
    rules: DisclosureRules,
    digest: str,
    sketches: Mapping[str, Floats] | None = None,
) -> None:
    """Add a release to the ledger of a store; one that left before is not added again.

    Parameters
    ----------
    store : path-like
    output : str
        The verb.
    rules : DisclosureRules
    digest : str
        Of what leaves, as from `digest_of`.
    sketches : mapping of str to float64 array, shape (figures, 64), optional
        By kind of figure.

    Raises
    ------
    DaypartError
        Where the store can't be written to: then nothing may leave.
    """
    folder = make_folder(location(store) / "releases")
    if any(folder.glob(f"*-{output}-{digest[:12]}.parquet")):
        return
    by_kind = sketches or {}
    rows = [row for sums in by_kind.values() for row in sums]
    now = datetime.now(UTC)
    about = {
        "when": now.isoformat(),
        "output": output,
        "rules": asdict(rules),
        "digest": digest,
        "figures": len(rows),
    }
    table = pa.table(
        {
            "kind": pa.array([k for k, sums in by_kind.items() for _ in sums], pa.string()),
            "sketch": pa.array(rows, pa.list_(pa.float64(), BUCKETS)),
        },
        metadata={"daypart": json.dumps(about)},
    )
    name = f"{now:%Y%m%dT%H%M%S.%f}Z-{output}-{digest[:12]}.parquet"
    write_table(folder / name, table)
