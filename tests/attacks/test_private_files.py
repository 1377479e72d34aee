"""What a store holds is readable by its owner alone, also where an ingest is killed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daypart import ingest

KEY = "a key for tests of attacks"
MARK = "secret-id"


def write_inputs(folder, households, rows):
    rng = np.random.default_rng(1)
    ids = [f"{MARK}-{n:07d}" for n in range(households)]
    who = np.sort(rng.integers(0, households, rows))
    start = 1_741_000_000_000 + rng.integers(0, 14 * 86_400_000, rows)
    events = {
        "household_id": pa.array(ids).take(pa.array(who)),
        "device_id": pa.array([f"{MARK}-device-{n}" for n in range(999)]).take(pa.array(who % 999)),
        "market": ["501"] * rows,
        "network": pa.array(["ESPN", "CNN"]).take(pa.array(who % 2)),
        "start": pa.array(start, pa.timestamp("ms", tz="UTC")),
        "end": pa.array(start + 600_000, pa.timestamp("ms", tz="UTC")),
    }
    pq.write_table(pa.table(events), folder / "events.parquet")
    pq.write_table(
        pa.table({"household_id": ids, "market": ["501"] * households}), folder / "homes.parquet"
    )


def test_folders_and_files_of_a_store_are_their_owners_alone(tmp_path):
    write_inputs(tmp_path, 30, 400)
    ingest(
        tmp_path / "events.parquet", into=tmp_path / "store", timezone="UTC", key=KEY.encode(),
        households=tmp_path / "homes.parquet",
    )  # fmt: skip
    for path in (tmp_path / "store", *(tmp_path / "store").rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, False], ids=["households", "from-events"])
def test_no_raw_id_is_on_the_disk_when_an_ingest_that_spills_is_killed(tmp_path, known):
    write_inputs(tmp_path, 300_000, 2_500_000)
    (tmp_path / "work").mkdir()
    homes = str(tmp_path / "homes.parquet") if known else "from-events"
    words = [
        "ingest", str(tmp_path / "events.parquet"), "--into", str(tmp_path / "work" / "store"),
        "--timezone", "UTC", "--memory", "256MB", "--households", homes, "--quiet",
    ]  # fmt: skip
    command = "import sys; from daypart.cli.main import main; main(sys.argv[1:])"
    environment = os.environ | {"DAYPART_HOUSEHOLD_KEY": KEY, "TMPDIR": str(tmp_path / "work")}
    written = 0
    for seconds in (1.5, 2.5, 4.0):
        process = subprocess.Popen([sys.executable, "-c", command, *words], env=environment)
        time.sleep(seconds)
        process.kill()
        process.wait()
        for path in (tmp_path / "work").rglob("*"):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                written += len(content)
                assert MARK.encode() not in content, path
    assert written > 1_000_000
