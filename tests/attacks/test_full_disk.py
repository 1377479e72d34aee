"""A full disk is named by every verb that writes, and nothing half-written remains on it."""

from __future__ import annotations

import os
import subprocess

import numpy as np
import pyarrow as pa
import pytest

import daypart
from daypart.errors import DaypartError
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore
from daypart.storage.files import write_text
from daypart.storage.private import private_files

BYTES = 2 << 20


@pytest.fixture
def disk(tmp_path):
    """Yield a small disk, and a function that leaves some bytes of it free."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={BYTES}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def leave(place, free):
    found = os.statvfs(place)
    (place / "ballast").write_bytes(b"x" * (found.f_bavail * found.f_frsize - free))


def names_of(place):
    return {str(path.relative_to(place)) for path in place.rglob("*")} - {"ballast"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("full") / "store"
    names = [f"shop {number}" for number in range(60)]
    block = block_from_arrays(
        pa.table({"shop": names, "unique_id": names}),
        ["UTC"] * 60,
        [0] * 60,
        [np.arange(400) % 7] * 60,
    )
    SeriesStore.create(folder, key=["shop"]).replace_regions([("a", block)])
    return folder


@pytest.fixture(scope="module")
def run(store):
    options = {"model": "seasonal_naive", "executor": "inline"}
    daypart.fit(store, run=store.parent / "run", **options)
    return store.parent / "run"


@pytest.mark.parametrize("free", [0, 16_384, 32_768])
def test_a_fit_on_a_full_disk_names_it_and_goes_on_later(free, disk, store):
    options = {"run": disk / "run", "model": "seasonal_naive", "executor": "inline"}
    leave(disk, free)
    with pytest.raises(DaypartError, match=rf"{disk}.*full"):
        daypart.fit(store, **options)
    assert not [name for name in names_of(disk) if ".writing-" in name]
    (disk / "ballast").unlink()
    assert daypart.fit(store, **options).ok == 60


def test_a_forecast_and_a_report_on_a_full_disk_leave_nothing(disk, store, run):
    leave(disk, 0)
    with pytest.raises(DaypartError, match=rf"the disk of {disk} is full"):
        daypart.predict(run, weeks=1, out=disk / "f.parquet")
    with pytest.raises(DaypartError, match=rf"the disk of {disk} is full"):
        daypart.report(disk / "r.html", store=store, run=run)
    assert names_of(disk) == set()


@pytest.mark.parametrize("free", [0, 60_000, 200_000, 700_000])
def test_an_ingest_on_a_full_disk_names_it_and_leaves_no_store(free, disk, tmp_path):
    market = daypart.simulate(
        tmp_path / "market", markets=1, networks=3, households=200, weeks=2, segments=2
    )
    with private_files():
        write_text(tmp_path / "key", "the key of a test whose households are all simulated\n")
    leave(disk, free)
    with pytest.raises(DaypartError, match=rf"{disk}.*full"):
        daypart.ingest(
            market.events,
            households=market.households,
            into=disk / "store",
            markets=market.markets,
            networks=market.networks,
            segments=market.segments,
            key=tmp_path / "key",
        )
    left = names_of(disk)
    assert "store/store.json" not in left
    assert not [name for name in left if ".writing-" in name or ".ingest" in name]
