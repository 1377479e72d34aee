"""`forget`: a store without some households, as if it had never held them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from daypart.errors import DaypartError
from daypart.progress import SILENT, Progress
from daypart.series.block import SeriesBlock
from daypart.series.store import SeriesStore
from daypart.series.store_tables import EVENT_COLUMNS, HOUSEHOLD_COLUMNS, QUARANTINE_COLUMNS
from daypart.storage.location import PathLike
from daypart.storage.private import private_files
from daypart.storage.seals import sealed_path
from daypart.storage.tables import checked_copy, read_table
from daypart.tables.read import read_rows
from daypart.tables.schema import Column, Schema
from daypart.tables.sql import text_literal
from daypart.viewing.clock import LocalDays, day_number
from daypart.viewing.crediting import crediting_rules
from daypart.viewing.dayparts import daypart_table
from daypart.viewing.market.market_update import Update, update_market
from daypart.viewing.market.sessions import judge_sessions, load_tunes
from daypart.viewing.reading.household_key import hashed_id, household_key, key_fingerprint
from daypart.viewing.reading.households import (
    changed_markets,
    choose_panel,
    keep_absent_households,
)
from daypart.viewing.reading.markets import markets_of_json
from daypart.viewing.reading.quarantine import open_quarantine
from daypart.viewing.reading.segments import segment_bits_sql
from daypart.viewing.reading.workspace import Workspace, number_names, open_workspace
from daypart.viewing.settings import open_previous
from daypart.viewing.store.report import EventRows
from daypart.viewing.store.shared_files import (
    remove_superseded,
    write_households,
    write_universe,
)

HOUSEHOLDS = Schema(
    "table of households to forget", (Column("household_id", "text", "Id, as in the events."),)
)
"""The households to forget."""

_ALL_TIME = (-(10**15), 10**15)


@dataclass(frozen=True)
class Forgotten:
    """What `forget` removed from a store.

    Parameters
    ----------
    households : int
        That the store held in tab.
    not_held : int
        Ids given that were not in tab; rows of theirs that had been set aside are removed, too.
    rows : int
        Rows of events, credited or set aside.
    markets : int
        Counted anew.
    """

    households: int
    not_held: int
    rows: int
    markets: int


@private_files()
def forget(
    store: PathLike,
    *,
    households: PathLike | Iterable[Mapping[str, Any]],
    key: bytes | PathLike | None = None,
    memory: str = "1GB",
    threads: int | None = None,
    progress: Progress = SILENT,
) -> Forgotten:
    """Remove households from a viewing store: their sessions, and all that was counted of them.

    Counts, exposures, panel, universe, quarantine and row counts become those of a store that
    never held them. Their markets are counted anew from the stored sessions. Names of networks
    and the days of the store stay; so do the digests of the files that were ingested, so that the
    same file is not taken again. The ledger of releases keeps its sketches.

    Parameters
    ----------
    store : path-like
        A viewing store.
    households : path or iterable of mappings
        A table with the column `household_id`: ids as in the events.
    key : bytes or path, optional
        The household key, as for `ingest`.
    memory : str
        Memory limit of DuckDB.
    threads : int, optional
        All cores without it.
    progress : Progress

    Returns
    -------
    Forgotten

    Raises
    ------
    DaypartError
        Where there is no viewing store, the key is another one, or another command writes to it.

    Examples
    --------
    >>> forget("/nowhere", households=[{"household_id": "H1"}])
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: /nowhere: no viewing store here; make one with daypart ingest
    """
    before = open_previous(store)
    if before is None:
        raise DaypartError(f"{store}: no viewing store here", hint="make one with daypart ingest")
    viewing = before.extra["viewing"]
    key_bytes = household_key(key)
    if key_fingerprint(key_bytes) != viewing["key_fingerprint"]:
        raise DaypartError(
            f"{before.folder}: the household key differs from the store's",
            hint="give the key of the ingest (--key-file)",
        )
    ids = read_rows(households, HOUSEHOLDS).refuse_problems().values("household_id")
    hashes = sorted({hashed_id(str(text), key_bytes) for text in ids})
    with _opened(before, hashes, memory, threads, key_bytes) as forgetting:
        held = forgetting.choose_households()
        result = forgetting.count_anew(progress)
    return Forgotten(held, len(hashes) - held, result.removed.read, len(result.codes))


@dataclass(frozen=True)
class _Result:
    codes: Sequence[str]
    removed: EventRows


@contextmanager
def _opened(
    store: SeriesStore, hashes: Sequence[int], memory: str, threads: int | None, key: bytes
) -> Iterator[_Forgetting]:
    with open_workspace(store.folder, memory=memory, threads=threads, key=key) as workspace:
        workspace.run(
            "CREATE TEMP TABLE forgotten AS SELECT unnest($1::BIGINT[]) AS household",
            [list(hashes)],
        )
        yield _Forgetting(workspace, store, store.extra["viewing"])


@dataclass(frozen=True)
class _Forgetting:
    """The store and its workspace, with the table `forgotten` (household)."""

    workspace: Workspace
    store: SeriesStore
    viewing: Mapping[str, Any]

    @property
    def segments(self) -> list[str]:
        return list(self.viewing["segments"])

    @property
    def by_event(self) -> bool:
        return self.viewing["event_segments"] is not None

    @property
    def generation(self) -> int:
        return self.store.generation + 1

    def choose_households(self) -> int:
        """Make `members` of those that stay, with their panel; return how many are forgotten."""
        workspace = self.workspace
        stored = read_table(
            self.store.folder / self.viewing["files"]["households"], HOUSEHOLD_COLUMNS
        )
        workspace.run(
            "CREATE TEMP TABLE members "
            "(household BIGINT, market VARCHAR, weight BIGINT, segments BIGINT)"
        )
        bits = segment_bits_sql(self.segments, event_segments=self.by_event)
        keep_absent_households(workspace, stored, bits)
        held = workspace.rows(
            "SELECT count(DISTINCT household) FROM members "
            "WHERE household IN (SELECT household FROM forgotten)"
        )[0][0]
        workspace.run("DELETE FROM members WHERE household IN (SELECT household FROM forgotten)")
        choose_panel(workspace, int(self.viewing["panel_households"]))
        return int(held)

    def count_anew(self, progress: Progress) -> _Result:
        """Renew the changed markets and the files on all markets, and commit the store."""
        workspace, viewing = self.workspace, self.viewing
        number_names(workspace, viewing["networks"], self.segments)
        open_quarantine(workspace)
        markets = markets_of_json(viewing["markets"])
        events = {code: self._events_left(code) for code in viewing["files"]["events"]}
        changed = {
            *changed_markets(workspace),
            *(c for c, (_, rows) in events.items() if rows.read),
        }
        codes = [code for code in markets if code in changed]
        files = dict(viewing["files"])
        files["events"] = {code: left for code, (left, _) in events.items()}
        removed = EventRows()
        for _, rows in events.values():
            removed = removed.plus(rows)
        quarantine, aside = self._quarantine_left()
        removed = removed.plus(aside)
        update = self._update(files)
        with progress.step("counting anew", total=len(codes), unit="markets") as step:

            def blocks() -> Iterator[tuple[str, SeriesBlock]]:
                hut, panel = dict(files["hut"]), dict(files["panel"])
                for code in codes:
                    done = update_market(update, markets[code], None, None, households_changed=True)
                    assert done is not None
                    hut[code], panel[code] = done.hut, done.panel
                    yield code, done.block
                    step.advance()
                shared = self._write_shared(list(markets))
                files.update(shared, hut=hut, panel=panel, quarantine=quarantine)
                record.update(self._record(files, removed))

            record: dict[str, Any] = {}
            committed = self.store.replace_regions(blocks(), extra={"viewing": record})
            remove_superseded(committed.folder, files)
            step.summarise(f"{removed.read:,} rows removed")
        return _Result(codes, removed)

    def _events_left(self, code: str) -> tuple[list[str], EventRows]:
        """Write a market's event files without the forgotten; return them, and what was removed."""
        workspace, names = self.workspace, list(self.viewing["files"]["events"][code])
        stored = [str(checked_copy(self.store.folder / name, EVENT_COLUMNS)) for name in names]
        sessions = f"read_parquet([{', '.join(map(text_literal, stored))}])"
        inside = "household IN (SELECT household FROM forgotten)"
        if (
            not stored
            or not workspace.rows(f"SELECT count(*) FROM {sessions} WHERE {inside}")[0][0]
        ):
            return names, EventRows()
        gone = (
            'SELECT household, device, network, segment, epoch_ms("start") AS start_ms, '
            'epoch_ms("end") AS end_ms, CAST(0 AS INTEGER) AS source_file, '
            f"CAST(0 AS BIGINT) AS source_row FROM {sessions} WHERE {inside}"
        )
        load_tunes(workspace, f"({gone})", (), _ALL_TIME)
        counts = judge_sessions(workspace, crediting_rules(self.viewing["crediting"]))
        removed = EventRows(
            counts.credited + counts.below_minimum_tune,
            counts.credited,
            counts.below_minimum_tune,
            capped=counts.capped,
        )
        left = []
        for place, (name, path) in enumerate(zip(names, stored, strict=True)):
            target = f"{name.rsplit('-', 1)[0]}-{self.generation}.{place}.parquet"
            self._copy(
                f"SELECT * FROM read_parquet({text_literal(path)}) WHERE NOT {inside}", target
            )
            left.append(target)
        return left, removed

    def _quarantine_left(self) -> tuple[list[str], EventRows]:
        """Write the rows set aside without the forgotten; return files, and what was removed."""
        left, removed = [], EventRows()
        for place, name in enumerate(self.viewing["files"]["quarantine"]):
            path = text_literal(str(checked_copy(self.store.folder / name, QUARANTINE_COLUMNS)))
            inside = "coalesce(household IN (SELECT household FROM forgotten), false)"
            rows = f"read_parquet({path})"
            found = self.workspace.rows(
                f"SELECT reason, count(*) FROM {rows} WHERE {inside} GROUP BY ALL ORDER BY ALL"
            )
            if not found:
                left.append(name)
                continue
            reasons = {str(reason): int(count) for reason, count in found}
            removed = removed.plus(EventRows(sum(reasons.values()), set_aside=reasons))
            target = f"quarantine/{self.generation}.{place}.parquet"
            self._copy(f"SELECT * FROM {rows} WHERE NOT {inside} ORDER BY ALL", target)
            left.append(target)
        return left, removed

    def _copy(self, query: str, target: str) -> None:
        with sealed_path(self.store.folder / target) as path:
            self.workspace.run(
                f"COPY ({query}) TO {text_literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
            )

    def _update(self, files: Mapping[str, Any]) -> Update:
        viewing = self.viewing
        first, last = (
            day_number(date.fromisoformat(viewing["window"][n])) for n in ("first_day", "last_day")
        )
        days = LocalDays(first, last)
        return Update(
            self.workspace,
            self.store,
            self.generation,
            days,
            days,
            tuple(viewing["networks"]),
            tuple(self.segments),
            viewing["network_markets"],
            False,
            crediting_rules(viewing["crediting"]),
            daypart_table(viewing["dayparts"]),
            self.by_event,
            files,
        )

    def _write_shared(self, markets: list[str]) -> dict[str, str]:
        folder = self.store.folder
        shared = {
            "households": f"households-{self.generation}.parquet",
            "universe": f"universe-{self.generation}.parquet",
        }
        by_event = self.by_event
        write_households(
            self.workspace, folder / shared["households"], self.segments, event_segments=by_event
        )
        write_universe(
            self.workspace,
            folder / shared["universe"],
            markets,
            self.segments,
            event_segments=by_event,
        )
        return shared

    def _record(self, files: Mapping[str, Any], removed: EventRows) -> dict[str, Any]:
        rows = EventRows(**self.viewing["rows"])
        households = self.workspace.rows("SELECT count(*) FROM members")[0][0]
        left = rows.minus(removed)
        return {**self.viewing, "households": int(households), "rows": asdict(left), "files": files}
