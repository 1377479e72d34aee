"""The workspace of an ingest: a DuckDB connection with a memory limit, and a temporary folder."""

from __future__ import annotations

import fcntl
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from daypart.errors import DaypartError
from daypart.storage.files import make_folder, make_local_folder
from daypart.storage.lease import Lease
from daypart.storage.links import open_own, refuse_links
from daypart.storage.location import Location
from daypart.storage.s3_path import S3Path
from daypart.storage.sizes import parse_size
from daypart.tables.connection import open_connection
from daypart.viewing.reading.household_key import hash_macros

MARKET_FOLDERS = ("events", "hut", "panel", "quarantine")
"""The folders of a viewing store with files of one market."""

_FOLDER = ".ingest"
_LOCK = "lock"
_ROWS_BEFORE_FLUSH = 65_536
"""Rows that a thread keeps in memory before it writes them to the file of a market."""


@dataclass(frozen=True)
class Workspace:
    """A connection and its temporary folder.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Its time zone is UTC; it spills into `folder`.
    folder : Path
        Removed at the end.
    """

    connection: duckdb.DuckDBPyConnection
    folder: Path

    def run(self, sql: str, values: list[Any] | None = None) -> None:
        """Execute a statement.

        Parameters
        ----------
        sql : str
        values : list, optional
            To bind.
        """
        with _disk_errors():
            self.connection.execute(sql, values)

    def rows(self, sql: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Return a query's rows.

        Parameters
        ----------
        sql : str
        values : list, optional
            To bind.
        """
        with _disk_errors():
            found: list[tuple[Any, ...]] = self.connection.execute(sql, values).fetchall()
        return found

    def table(self, sql: str) -> pa.Table:
        """Return a query's result as an Arrow table."""
        with _disk_errors():
            return self.connection.sql(sql).to_arrow_table()


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Turn DuckDB's error of a file that can't be written into one that names it."""
    try:
        yield
    except duckdb.Error as error:  # it has no class of its own for this
        written = re.search(r'Could not write (?:to )?file \\?"([^"\\]+)', str(error))
        if written is None and "No space left on device" not in str(error):
            raise
        place = Path(written[1]).parent if written else "the temporary folder"
        raise DaypartError(
            f"{place}: can't be written; is its disk full?",
            hint="free space on it, and run the same command again",
        ) from None


def number_names(workspace: Workspace, networks: Sequence[str], segments: Sequence[str]) -> None:
    """Make the tables `network_numbers` and `segment_numbers` (name, number).

    Parameters
    ----------
    workspace : Workspace
    networks, segments : sequence of str
    """
    for table, names in (("network_numbers", networks), ("segment_numbers", segments)):
        workspace.run(
            f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT unnest($1::VARCHAR[]) AS name, "
            "unnest(range(len($1::VARCHAR[]))) AS number",
            [list(names)],
        )


@contextmanager
def open_workspace(
    store: Location, *, memory: str, threads: int | None, key: bytes
) -> Iterator[Workspace]:
    """Lock a store and open a workspace for it; remove the workspace at the end.

    Its folder is in the store's folder, or a temporary folder if the store is on S3.

    Parameters
    ----------
    store : Location
    memory : str
        Limit of DuckDB's memory, such as `1GB`.
    threads : int or None
        All cores if None.
    key : bytes
        The household key.

    Raises
    ------
    DaypartError
        When another ingest writes to the store, or the folder can't be written to.
    """
    with _folder_for(store) as folder, _workspace_in(folder, memory, threads, key) as workspace:
        yield workspace


@contextmanager
def open_task_workspace(*, memory: str, threads: int | None, key: bytes) -> Iterator[Workspace]:
    """Open a workspace in a temporary folder, for a task that locks no store.

    Parameters
    ----------
    memory : str
    threads : int or None
    key : bytes
        As `open_workspace`.
    """
    with (
        tempfile.TemporaryDirectory(prefix="daypart-ingest-") as folder,
        _workspace_in(Path(folder), memory, threads, key) as workspace,
    ):
        yield workspace


@contextmanager
def _workspace_in(
    folder: Path, memory: str, threads: int | None, key: bytes
) -> Iterator[Workspace]:
    limit = parse_size(memory)
    if threads is not None and threads < 1:
        raise DaypartError(f"threads is {threads}", hint="give 1 or more")
    settings = {
        "memory_limit": f"{limit}B",
        "temp_directory": str(folder / "spill"),
        "preserve_insertion_order": False,
        "partitioned_write_flush_threshold": _ROWS_BEFORE_FLUSH,
        **({} if threads is None else {"threads": threads}),
    }
    connection = open_connection(settings)
    try:
        _add_key(connection, key)
        yield Workspace(connection, folder)
    except duckdb.OutOfMemoryException as error:
        raise DaypartError(
            f"{memory} of memory is not enough ({str(error).splitlines()[0][:120]})",
            hint="give more with --memory",
        ) from None
    finally:
        connection.close()


@contextmanager
def _folder_for(store: Location) -> Iterator[Path]:
    """Yield an empty folder, and keep other ingests out of the store."""
    if isinstance(store, S3Path):
        with _leased(store), tempfile.TemporaryDirectory(prefix="daypart-ingest-") as temporary:
            yield Path(temporary)
        return
    is_new = not store.exists()
    refuse_links(store / name for name in (_FOLDER, "series", *MARKET_FOLDERS))
    folder = make_local_folder(store / _FOLDER)
    try:
        with open_own(folder / _LOCK, "w") as lock:
            _take(lock, store)
            for leftover in folder.iterdir():
                if leftover.name != _LOCK:
                    shutil.rmtree(leftover, ignore_errors=True)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        if is_new and store.is_dir() and not any(store.iterdir()):
            store.rmdir()


@contextmanager
def _leased(store: S3Path) -> Iterator[None]:
    make_folder(store)
    lease = Lease(store / "ingest.lock")
    holder = lease.take()
    if holder is not None:
        raise _is_writing(store, str(holder))
    try:
        yield
    finally:
        lease.release()


def _take(lock: Any, store: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _is_writing(store, "another ingest") from None


def _is_writing(store: Location, who: str) -> DaypartError:
    return DaypartError(f"{store}: {who} is writing to this store", hint="wait until it ends")


def _add_key(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    variables, macros = hash_macros(key)
    for name, value in variables.items():
        connection.execute(f"SET VARIABLE {name} = ?::VARCHAR", [value])
    for macro in macros:
        connection.execute(macro)
