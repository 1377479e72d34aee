"""The tasks of an ingest: read one file of events, or credit one market.

A task's folder has all its inputs in `run.json`, except for the household key.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from daypart.engine.results.folder import RunFolder
from daypart.engine.tasks.items import ItemWork
from daypart.engine.tasks.threads import usable_cores
from daypart.errors import DaypartError
from daypart.series.store import SeriesStore
from daypart.storage.files import atomic_path, file_digest, kept_copy, make_folder
from daypart.storage.location import Location, location
from daypart.storage.private import private_files
from daypart.storage.tables import read_table, write_table
from daypart.tables.options import TableOptions
from daypart.tables.table import MappedTable, open_table
from daypart.viewing.clock import LocalDays
from daypart.viewing.crediting import crediting_rules
from daypart.viewing.dayparts import daypart_table
from daypart.viewing.market.market_update import MarketUpdate, Update, update_market
from daypart.viewing.market.sessions import RowCounts
from daypart.viewing.reading.household_key import (
    KEY_VARIABLE,
    household_key,
    key_fingerprint,
    own_key_file,
)
from daypart.viewing.reading.markets import markets_of_json
from daypart.viewing.reading.quarantine import open_quarantine
from daypart.viewing.reading.reference import load_market_table, load_reference
from daypart.viewing.reading.staging import (
    StagedMarket,
    StagingRules,
    stage_file,
    staged_folder,
    staged_rows_sql,
)
from daypart.viewing.reading.workspace import Workspace, number_names, open_task_workspace
from daypart.viewing.settings import KEY_COLUMNS, MEASURE

READING, CREDITING = "daypart-ingest-reading", "daypart-ingest-crediting"
"""Kinds of work: the names of the entry points below."""

_NO_KEY = b"\0" * 16
"""Crediting hashes nothing."""


def reading_work(folder: RunFolder) -> ItemWork:
    """Return the work of tasks that read files of events (kind `READING`)."""
    return ItemWork(folder, _stage_file)


def crediting_work(folder: RunFolder) -> ItemWork:
    """Return the work of tasks that credit markets (kind `CREDITING`)."""
    return ItemWork(folder, _credit_market)


@private_files()
def _stage_file(folder: Location, content: Mapping[str, Any], row: int) -> list[str]:
    """Read one file of events into rows by market; return the files made, in the folder."""
    file = content["files"][row]
    path = location(file["path"])
    if file_digest(path) != file["digest"]:
        raise DaypartError(f"{path}: changed while it was ingested", hint="ingest it again")
    with _workspace(content, _key_of(content)) as workspace:
        reference = load_reference(
            workspace,
            households=content["households"]
            and MappedTable(content["households"], TableOptions(**content["household_options"])),
            segments=content["segments"],
            markets=None,
            timezone=None,
            networks=content["networks"],
            known_markets=markets_of_json(content["markets"]),
        )
        days = (content[name] and date.fromisoformat(content[name]) for name in _DAYS)
        load_market_table(workspace, reference.markets, *days)
        rules = StagingRules(TableOptions(**content["options"]), **content["rules"])
        table = open_table(workspace.connection, path, rules.options)
        stage_file(workspace, table, row, rules)
        # Two attempts may overlap, so each writes its own files; its result row names them.
        own = f"staged/{row}-{secrets.token_hex(4)}"
        return [
            _keep(made, folder, f"{own}/{made.parent.name}/{made.name}")
            for made in sorted((staged_folder(workspace) / f"file={row}").rglob("*.parquet"))
        ]


@private_files()
def _credit_market(folder: Location, content: Mapping[str, Any], row: int) -> Any:
    """Credit one market; return what `update_of_outcome` reads.

    Its files are written into the store, where `store.json` does not name them yet.
    """
    own = content["markets"][row]
    with _workspace(content, _NO_KEY) as workspace:
        members = read_table(folder / "members.parquet")
        workspace.connection.register("given_members", members)
        workspace.run("CREATE TEMP TABLE members AS SELECT * FROM given_members")
        workspace.connection.unregister("given_members")
        number_names(workspace, content["networks"], content["segments"])
        open_quarantine(workspace)
        bring_staged(workspace, location(content["staged_in"]), own["files"])
        done = update_market(
            _update_of(workspace, content),
            markets_of_json({own["code"]: own["about"]})[own["code"]],
            StagedMarket(*own["staged"]) if own["staged"] else None,
            staged_rows_sql(workspace, own["number"]) if own["staged"] else None,
            households_changed=own["households_changed"],
        )
        if done is None:
            return None
        place = f"credited/{row}-{secrets.token_hex(4)}"
        kept = SeriesStore.create(folder / place, key=KEY_COLUMNS, measures=[MEASURE])
        kept.replace_regions([(own["code"], done.block)])
        aside = workspace.table("SELECT * FROM rows_set_aside")
        write_table(folder / place / "rows_set_aside.parquet", aside)
    return {
        "place": place,
        "rows": asdict(done.rows),
        "events": list(done.events),
        "hut": done.hut,
        "panel": done.panel,
        "minutes_after_window": done.minutes_after_window,
    }


_DAYS = ("first_day", "last_day")


def _workspace(content: Mapping[str, Any], key: bytes) -> AbstractContextManager[Workspace]:
    """Open a workspace on this machine."""
    threads = content["threads"] or usable_cores()
    return open_task_workspace(memory=content["memory"], threads=threads, key=key)


def update_of_outcome(
    workspace: Workspace, folder: Location, code: str, outcome: Any
) -> MarketUpdate | None:
    """Read the outcome of crediting a market; add its rows set aside to the workspace.

    Parameters
    ----------
    workspace : Workspace
    folder : Location
        Of the tasks.
    code : str
        Of the market.
    outcome : object
        Returned by the task.
    """
    if outcome is None:
        return None
    place = folder / outcome["place"]
    workspace.connection.register("more_set_aside", read_table(place / "rows_set_aside.parquet"))
    workspace.run("INSERT INTO rows_set_aside SELECT * FROM more_set_aside")
    workspace.connection.unregister("more_set_aside")
    return MarketUpdate(
        SeriesStore.open(place).read_region(code),
        RowCounts(**outcome["rows"]),
        tuple(outcome["events"]),
        outcome["hut"],
        outcome["panel"],
        outcome["minutes_after_window"],
    )


def bring_staged(workspace: Workspace, folder: Location, files: Sequence[tuple[int, str]]) -> None:
    """Link staged files (copies of objects on S3) into the folder of a workspace.

    Parameters
    ----------
    workspace : Workspace
    folder : Location
        Of the tasks that staged them.
    files : sequence of (int, str)
        Number of the source file, and path relative to the folder.
    """
    for number, relative in files:
        place = Path(relative)
        target = staged_folder(workspace) / f"file={number}" / place.parent.name
        target.mkdir(parents=True, exist_ok=True)
        (target / place.name).symlink_to(kept_copy(folder / relative).resolve())


def _update_of(workspace: Workspace, content: Mapping[str, Any]) -> Update:
    place, dayparts = location(content["store"]), daypart_table(content["dayparts"])
    if content["window_before"] is None:
        store = SeriesStore.create(place, key=KEY_COLUMNS, measures=[MEASURE])
    else:
        store = SeriesStore.open(place)
    if store.generation + 1 != content["generation"]:
        raise DaypartError(f"{place}: another ingest changed it", hint="ingest again")
    before = content["window_before"]
    return Update(
        workspace,
        store,
        content["generation"],
        LocalDays(*content["window"]),
        None if before is None else LocalDays(*before),
        tuple(content["networks"]),
        tuple(content["segments"]),
        content["network_markets"],
        content["names_changed"],
        crediting_rules(content["crediting"]),
        dayparts,
        content["event_segments"],
        content["files"],
    )


def _key_of(content: Mapping[str, Any]) -> bytes:
    """Return the household key of this machine, which must be the driver's."""
    given = content["key_file"]
    if given is None and not os.environ.get(KEY_VARIABLE) and not own_key_file().exists():
        raise DaypartError(
            "no household key where the task runs",
            hint=f"give --key-file in a shared folder, or set {KEY_VARIABLE} there",
        )
    key = household_key(given)
    if key_fingerprint(key) != content["key_fingerprint"]:
        raise DaypartError(
            "the household key where the task runs differs from that of the ingest",
            hint=f"give --key-file in a shared folder, or set {KEY_VARIABLE} there",
        )
    return key


def _keep(made: Path, folder: Location, relative: str) -> str:
    make_folder((folder / relative).parent)
    with atomic_path(folder / relative) as path:
        shutil.copyfile(made, path)
    return relative


@contextmanager
def key_in_environment(key: bytes | None) -> Iterator[None]:
    """Pass a key that is not in a file to the tasks through the environment."""
    if key is None:
        yield
        return
    before = os.environ.get(KEY_VARIABLE)
    os.environ[KEY_VARIABLE] = os.fsdecode(key)
    try:
        yield
    finally:
        if before is None:
            del os.environ[KEY_VARIABLE]
        else:
            os.environ[KEY_VARIABLE] = before
