"""S3 that fails, dawdles or loses answers delays the work and changes nothing of its result."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from daypart import storage
from daypart.errors import DaypartError
from daypart.storage import location
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


def test_what_is_written_and_read_through_faults_is_right(faulty, bucket):
    faulty.rates = EVERY_FAULT
    table = pa.table({"n": range(3000)})

    def write_and_read(i: int) -> bool:
        file = f"{bucket}/parts/{i:03d}.parquet"
        storage.write_table(file, table.slice(i))
        return storage.read_table(file).equals(table.slice(i))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write_and_read, range(60)))
    assert len(list((location(bucket) / "parts").glob("*.parquet"))) == 60
    assert sum(faulty.seen[fault] for fault in EVERY_FAULT) > 20


@pytest.mark.parametrize("fault", ["busy", "throttled", "done_but_failed", "lost", "cut"])
def test_a_file_is_created_once_and_who_created_it_knows(faulty, bucket, fault):
    faulty.rates = {fault: 0.4}

    def create_all(by: int) -> list[bool]:
        return [storage.create_json(f"{bucket}/{i}.json", {"by": by}) for i in range(8)]

    with ThreadPoolExecutor(3) as pool:
        created = list(pool.map(create_all, range(3)))
    faulty.rates = {}
    for i in range(8):
        told = [by for by in range(3) if created[by][i]]
        assert told == [storage.read_json(f"{bucket}/{i}.json")["by"]]


def test_counting_through_failures_that_do_nothing_loses_none(faulty, bucket):
    file = f"{bucket}/count.json"
    assert storage.create_json(file, {"count": 0})
    faulty.rates = {"busy": 0.2, "throttled": 0.2, "slow": 0.05}

    def count_up(_: int) -> None:
        while True:
            text, version = storage.read_versioned(file)
            if storage.replace_json(file, {"count": json.loads(text)["count"] + 1}, version):
                return

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(count_up, range(24)))
    assert storage.read_json(file) == {"count": 24}


def test_a_server_that_stays_busy_is_told_in_one_line(faulty, bucket, monkeypatch):
    from daypart.storage import s3

    monkeypatch.setattr(s3, "_RETRIES", 2)
    faulty.rates = {"busy": 1.0}
    with pytest.raises(DaypartError, match="S3 kept answering 503; what is done is saved; run"):
        storage.write_text(f"{bucket}/a.txt", "a")
    faulty.rates = {}
    assert not location(f"{bucket}/a.txt").exists()
