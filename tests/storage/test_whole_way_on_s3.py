"""All inputs and outputs may be on S3, with the same results as on disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import daypart
from daypart.engine.results.parts import read_results
from daypart.errors import DaypartError
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore
from daypart.storage.files import atomic_path, read_json, write_text
from daypart.storage.location import location
from daypart.storage.tables import read_table
from servers.faulty_proxy import faulty_proxy

pytestmark = pytest.mark.server

HOURS = 6 * 168
DRIVER = """
import sys
from daypart.errors import DaypartError
from daypart.runs.fit import fit
try:
    fit(sys.argv[1], run=sys.argv[2], model="negbin", executor="local", workers=2)
except DaypartError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def make_store(folder, partitions=70):
    rng = np.random.default_rng(1)
    store = SeriesStore.create(folder, key=["market", "network"])
    daily = 2 + np.sin(np.arange(HOURS) / 24 * 2 * np.pi)
    blocks = []
    for market in ("501", "803"):
        names = [f"n{i:03d}" for i in range(partitions // 2)]
        keys = pa.table(
            {
                "market": [market] * len(names),
                "network": names,
                "unique_id": [f"{market}/{name}" for name in names],
            }
        )
        counts = [rng.poisson(3 * daily).astype(np.int32) for _ in names]
        zones, first = ["America/New_York"] * len(names), [480_000] * len(names)
        blocks.append((market, block_from_arrays(keys, zones, first, counts)))
    return store.replace_regions(blocks)


def comparable(run):
    return read_results(run).drop_columns(["seconds", "attempt"])


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """A store and its run on disk, to compare with."""
    folder = tmp_path_factory.mktemp("local")
    make_store(folder / "store")
    daypart.fit(folder / "store", run=folder / "run", executor="inline")
    return folder


def run_cli(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "daypart", *arguments], capture_output=True, text=True, check=False
    )


def test_import_fit_status_and_predict_from_bucket_to_bucket(bucket, tmp_path):
    lines = ["shop,ds,y"]
    for hour in range(15 * 24):
        day, clock = divmod(hour, 24)
        lines += [f"{shop},2025-01-{day + 6:02d}T{clock:02d}:00:00Z,{clock}" for shop in "ab"]
    text = "\n".join(lines) + "\n"
    (tmp_path / "sales.csv").write_text(text)
    write_text(f"{bucket}/sales.csv", text)
    told = {}
    for base in (str(tmp_path), bucket):
        for arguments in (
            ["import", f"{base}/sales.csv", "--into", f"{base}/store", "--key", "shop"],
            ["fit", f"{base}/store", "--run", f"{base}/run", "--model", "seasonal_naive"],
            ["status", f"{base}/run", "--json"],
            ["predict", f"{base}/run", "--weeks", "1", "--out", f"{base}/forecast.parquet"],
            ["predict", f"{base}/run", "--weeks", "1", "--out", f"{base}/forecast.csv"],
        ):
            done = run_cli(*arguments)
            assert done.returncode == 0, done.stderr
            if arguments[0] == "status":
                told[base] = json.loads(done.stdout)
    assert told[bucket]["ok"] == told[str(tmp_path)]["ok"] == 2
    assert not told[bucket]["running"]
    forecasts = [read_table(f"{base}/forecast.parquet") for base in (tmp_path, bucket)]
    assert forecasts[0].equals(forecasts[1])
    written = location(f"{bucket}/forecast.csv").read_text()
    assert written == (tmp_path / "forecast.csv").read_text()
    assert comparable(tmp_path / "run").equals(comparable(f"{bucket}/run"))


def test_a_resumed_run_is_equal_to_the_bit_to_the_local_one(bucket, local):
    make_store(f"{bucket}/store")
    run = location(bucket) / "run"
    for number in (signal.SIGTERM, signal.SIGKILL):
        driver = subprocess.Popen(
            [sys.executable, "-c", DRIVER, f"{bucket}/store", str(run)],
            stderr=subprocess.PIPE,
            text=True,
        )
        before = len(list(run.glob("parts/*"))) if run.is_dir() else 0
        deadline = time.monotonic() + 60
        while len(list((run / "parts").glob("*.parquet"))) <= before:
            assert time.monotonic() < deadline
            if driver.poll() is not None:
                break
            time.sleep(0.02)
        driver.send_signal(number)
        driver.communicate(timeout=60)
        assert driver.returncode in (0, 75, -number)
    # The lock of a driver that was killed on this machine does not hold the next one up.
    report = daypart.fit(f"{bucket}/store", run=run, executor="inline")
    assert report.ok == 70
    assert comparable(run).equals(comparable(local / "run"))
    assert not daypart.status(run).running


def test_a_second_driver_is_refused_while_the_first_one_works(bucket):
    from daypart.engine.results.folder import RunFolder

    make_store(f"{bucket}/store", 4)
    folder = RunFolder.at(f"{bucket}/run")
    with folder.lock():
        assert folder.is_locked()
        with pytest.raises(DaypartError, match=f"process {os.getpid()} on .* is fitting this run"):
            daypart.fit(f"{bucket}/store", run=f"{bucket}/run", model="seasonal_naive")
    assert not folder.is_locked()


def test_a_store_on_disk_and_a_run_on_s3_find_each_other(bucket, local):
    report = daypart.fit(local / "store", run=f"{bucket}/run", model="seasonal_naive")
    assert report.ok == 70
    assert read_json(f"{bucket}/run/run.json")["store"] == str(local / "store")
    again = daypart.fit(local / "store", run=f"{bucket}/run", model="seasonal_naive")
    assert again.already_done == 70


def test_chaos_with_failing_and_slow_s3_ends_as_an_undisturbed_run(bucket, local, s3_server):
    make_store(f"{bucket}/store")
    rates = {"throttled": 0.05, "busy": 0.05, "done_but_failed": 0.05, "lost": 0.05, "slow": 0.02}
    rng = np.random.default_rng(7)
    run = location(bucket) / "run"
    with faulty_proxy(s3_server.endpoint, rates, seed=7) as proxy:
        environment = {**os.environ, "AWS_ENDPOINT_URL": proxy.endpoint}
        for attempt in range(4):
            driver = subprocess.Popen(
                [sys.executable, "-c", DRIVER, f"{bucket}/store", str(run)],
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
            )
            patience = 60 if attempt == 3 else float(rng.uniform(1.5, 4.0))
            try:
                driver.communicate(timeout=patience)
            except subprocess.TimeoutExpired:
                driver.kill()
                driver.communicate()
        assert sum(proxy.seen[fault] for fault in rates) > 5
    daypart.fit(f"{bucket}/store", run=run, executor="inline")
    results = comparable(run)
    assert results.equals(comparable(local / "run"))
    files = [*(run / "results").iterdir(), *(run / "parts").iterdir()]
    assert len({row for path in files for row in ids_of(path)}) == 70


def ids_of(part):
    return read_table(part, ["unique_id"]).column(0).to_pylist()


@pytest.mark.slow
def test_from_events_on_s3_to_insights_on_s3(bucket, tmp_path):
    simulated = run_cli(
        "simulate",
        str(tmp_path / "market"),
        "--markets",
        "1",
        "--weeks",
        "5",
        "--households",
        "400",
        "--networks",
        "4",
        "--segments",
        "2",
    )
    assert simulated.returncode == 0, simulated.stderr
    send(tmp_path / "market", location(bucket) / "market")
    (tmp_path / "key").write_text("a key of sixteen bytes or more")
    (tmp_path / "key").chmod(0o600)
    tables = {}
    for base in (str(tmp_path), bucket):
        market = f"{base}/market"
        for arguments in (
            [
                *("ingest", f"{market}/events", "--households", f"{market}/households.parquet"),
                *("--markets", f"{market}/markets.parquet", "--into", f"{base}/store"),
                *("--networks", f"{market}/networks.parquet", "--key-file", f"{tmp_path}/key"),
            ],
            ["fit", f"{base}/store", "--run", f"{base}/run", "--model", "seasonal_naive"],
            ["insights", f"{base}/run", "--out", f"{base}/insights"],
        ):
            done = run_cli(*arguments)
            assert done.returncode in (0, 3), done.stderr
        tables[base] = read_table(f"{base}/insights/ratings.parquet")
    local, remote = tables.values()
    assert len(local) > 0
    assert local.equals(remote)
    again = run_cli(
        *("ingest", f"{bucket}/market/events/*.csv", "--households"),
        *(f"{bucket}/market/households.parquet", "--into", f"{bucket}/store"),
        *("--markets", f"{bucket}/market/markets.parquet", "--key-file", f"{tmp_path}/key"),
        *("--networks", f"{bucket}/market/networks.parquet"),
    )
    assert again.returncode == 0, again.stderr


def send(folder: Path, to) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            with atomic_path(to / str(file.relative_to(folder))) as path:
                path.write_bytes(file.read_bytes())


def test_every_verb_reports_a_missing_bucket_in_one_line(bucket):
    for arguments in (
        ["fit", "s3://no-such-bucket-here/store", "--run", "s3://no-such-bucket-here/run"],
        ["status", "s3://no-such-bucket-here/run"],
        ["task", "s3://no-such-bucket-here/run", "0"],
    ):
        started = time.monotonic()
        done = run_cli(*arguments)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 2  # the line, and what to do
        assert "no such bucket" in done.stderr
        assert time.monotonic() - started < 20
