"""Failures, delays and lost answers of S3 delay the work and do not change its result."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from daypart.errors import DaypartError
from daypart.storage.conditional import create_json, read_versioned, replace_json
from daypart.storage.files import read_json, write_text
from daypart.storage.location import location
from daypart.storage.tables import read_table, write_table
from servers.faulty_proxy import faulty_proxy

pytestmark = pytest.mark.server

EVERY_FAULT = {
    **{"throttled": 0.06, "busy": 0.06, "done_but_failed": 0.06},
    **{"lost": 0.06, "cut": 0.04, "slow": 0.02},
}


@pytest.fixture
def faulty(s3_server, bucket, monkeypatch):
    """A proxy through which the bucket is reached."""
    with faulty_proxy(s3_server.endpoint, {}) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield proxy


def test_tables_survive_faults_in_writes_and_reads(faulty, bucket):
    faulty.rates = EVERY_FAULT
    table = pa.table({"n": range(3000)})

    def write_and_read(i: int) -> bool:
        file = f"{bucket}/parts/{i:03d}.parquet"
        write_table(file, table.slice(i))
        return read_table(file).equals(table.slice(i))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write_and_read, range(60)))
    assert len(list((location(bucket) / "parts").glob("*.parquet"))) == 60
    assert sum(faulty.seen[fault] for fault in EVERY_FAULT) > 20


@pytest.mark.parametrize("fault", ["busy", "throttled", "done_but_failed", "lost", "cut"])
def test_a_file_is_created_once_and_its_creator_learns_of_it(faulty, bucket, fault):
    faulty.rates = {fault: 0.4}

    def create_all(by: int) -> list[bool]:
        return [create_json(f"{bucket}/{i}.json", {"by": by}) for i in range(8)]

    with ThreadPoolExecutor(3) as pool:
        created = list(pool.map(create_all, range(3)))
    faulty.rates = {}
    for i in range(8):
        creators = [by for by in range(3) if created[by][i]]
        assert creators == [read_json(f"{bucket}/{i}.json")["by"]]


def test_no_update_is_lost_through_failed_requests(faulty, bucket):
    file = f"{bucket}/count.json"
    assert create_json(file, {"count": 0})
    faulty.rates = {"busy": 0.2, "throttled": 0.2, "slow": 0.05}

    def count_up(_: int) -> None:
        while True:
            text, version = read_versioned(file)
            if replace_json(file, {"count": json.loads(text)["count"] + 1}, version):
                return

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(count_up, range(24)))
    assert read_json(file) == {"count": 24}


def test_a_server_that_stays_busy_is_reported_in_one_line(faulty, bucket, monkeypatch):
    from daypart.storage import s3

    monkeypatch.setattr(s3, "_RETRIES", 2)
    faulty.rates = {"busy": 1.0}
    with pytest.raises(DaypartError, match="S3 kept answering 503; finished work is saved; run"):
        write_text(f"{bucket}/a.txt", "a")
    faulty.rates = {}
    assert not location(f"{bucket}/a.txt").exists()
