"""A crash between any two writes leaves a store that reads as before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from viewing_events import HOUSEHOLDS, Tune, at, ingest_arguments, stored_cells, write_events

from daypart.errors import DaypartError
from daypart.series.store import SeriesStore
from daypart.viewing.ingest import ingest
from daypart.viewing.store.shared_files import named_files


class Crash(BaseException):
    """Not an Exception: nothing may catch it."""


class CrashingDisk:
    """Allows a number of changes to the disk and then fails each further one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, changes: int, inside: Path) -> None:
        self.left, self.inside = changes, inside
        for owner, name in ((Path, "replace"), (Path, "unlink"), (Path, "rename")):
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, real):
        def change(path, *args, **kwargs):
            places = [path, *(Path(place) for place in args)]
            if any(p.is_relative_to(self.inside) and is_store_file(p) for p in places):
                self._spend()
            return real(path, *args, **kwargs)

        return change

    def _spend(self) -> None:
        if self.left <= 0:
            raise Crash
        self.left -= 1


def is_store_file(path: Path) -> bool:
    return not path.name.startswith(".writing-")


def tunes(day: str) -> list[Tune]:
    start = at(f"{day}T20:00:00+00:00")
    return [
        Tune(household, network, start + n * 60_000, start + (n + 40) * 60_000)
        for n, household in enumerate(HOUSEHOLDS)
        for network in ("CNN", "ESPN")
    ]


def read_all(store: Path):
    """The content of the store, or None without one; every file that it names must exist."""
    if not (store / "store.json").exists():
        return None
    opened = SeriesStore.open(store)
    viewing = opened.extra["viewing"]
    for name in named_files(viewing["files"]):
        assert (store / name).is_file()
    return stored_cells(store), viewing["rows"], viewing["batches"]


@pytest.mark.parametrize("new", [True, False], ids=["a new store", "a store that grows"])
def test_a_crash_between_any_two_writes_leaves_the_old_store(tmp_path, monkeypatch, new):
    arguments = ingest_arguments(tmp_path / "beside")
    first = write_events(tmp_path / "first.parquet", tunes("2025-03-08"))
    second = write_events(tmp_path / "second.parquet", tunes("2025-03-10"))
    kept = tmp_path / "kept"
    if not new:
        ingest(first, into=kept, **arguments)
    before = read_all(kept)
    whole = tmp_path / "whole"
    if not new:
        shutil.copytree(kept, whole)
    ingest(second, into=whole, **arguments)
    after = read_all(whole)
    crashes = 0
    for changes in range(200):
        store = tmp_path / f"crash-{changes}"
        if not new:
            shutil.copytree(kept, store)
        with monkeypatch.context() as patch:
            CrashingDisk(patch, changes, store)
            try:
                ingest(second, into=store, **arguments)
            except Crash:
                crashes += 1
            else:
                break
        assert read_all(store) in (before, after)
        if changes % 4 == 0:  # and the next ingest mends what the crash left
            mended = ingest(second, into=store, **arguments)
            assert read_all(store) == after
            if mended.files_skipped:
                continue  # it crashed after the commit; the next commit tidies up
            named = named_files(SeriesStore.open(store).extra["viewing"]["files"])
            left = {p.relative_to(store).as_posix() for p in store.rglob("*.parquet")}
            assert {name for name in left if not name.startswith("series/")} == named
    assert crashes >= (11 if new else 16)
    assert read_all(store) == after


def test_two_ingests_at_once_into_one_store_are_refused(tmp_path):
    import fcntl

    arguments = ingest_arguments(tmp_path / "beside")
    file = write_events(tmp_path / "first.parquet", tunes("2025-03-08"))
    work = tmp_path / "store" / ".ingest"
    work.mkdir(parents=True)
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DaypartError, match="another ingest is writing"):
            ingest(file, into=tmp_path / "store", **arguments)
    assert not (tmp_path / "store" / "store.json").exists()
    assert ingest(file, into=tmp_path / "store", **arguments).rows.credited == 8
