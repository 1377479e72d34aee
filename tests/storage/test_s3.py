"""Reads and writes on S3 behave as on disk, and one of two concurrent writers wins."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from daypart.errors import DaypartError
from daypart.storage.conditional import create_json, read_versioned, replace_json
from daypart.storage.files import atomic_path, delete_files, read_json, write_text
from daypart.storage.location import location
from daypart.storage.s3_path import S3Path
from daypart.storage.tables import open_parquet, read_table, read_tables, write_table

pytestmark = pytest.mark.server


def test_a_text_is_read_as_it_was_written(bucket):
    file = location(bucket) / "a folder" / "San%20José.txt"
    assert not file.exists()
    write_text(file, "Ærø")
    assert file.read_text() == "Ærø"
    assert file.exists()
    assert file.parent.is_dir()
    assert file.stat().st_size == len("Ærø".encode())
    file.unlink()
    assert not file.is_file()
    with pytest.raises(FileNotFoundError):
        file.read_bytes()


def test_a_missing_object_is_reported_as_a_missing_file(bucket):
    with pytest.raises(DaypartError, match=f"{bucket}/run.json: no such file"):
        read_json(f"{bucket}/run.json")
    with pytest.raises(DaypartError, match=f"{bucket}/t.parquet: no such file"):
        read_table(f"{bucket}/t.parquet")


def test_a_failed_write_leaves_the_old_object(bucket):
    write_text(f"{bucket}/a.txt", "old")

    def fail_halfway() -> None:
        with atomic_path(f"{bucket}/a.txt") as path:
            path.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert [(path.name, path.read_text()) for path in location(bucket).iterdir()] == [
        ("a.txt", "old")
    ]


def test_a_large_table_is_read_by_columns_and_row_groups(bucket, monkeypatch):
    rows = 400_000
    table = pa.table({"n": range(rows), "text": [f"{i * 7919 % rows:x}" * 3 for i in range(rows)]})
    write_table(f"{bucket}/t.parquet", table, row_group_rows=50_000)
    assert location(f"{bucket}/t.parquet").stat().st_size > 3 << 20
    fetched = count_bytes(monkeypatch)
    assert read_table(f"{bucket}/t.parquet", ["n"]).equals(table.select(["n"]))
    by_column = sum(fetched)
    assert by_column < location(f"{bucket}/t.parquet").stat().st_size
    with open_parquet(f"{bucket}/t.parquet") as file:
        assert file.read_row_group(1).equals(table.slice(50_000, 50_000))
    assert read_table(f"{bucket}/t.parquet").equals(table)


def count_bytes(monkeypatch) -> list[int]:
    from daypart.storage import s3

    fetched: list[int] = []
    for name in ("get_end", "get_range"):
        request = getattr(s3, name)

        def counted(*given, request=request):
            answer = request(*given)
            fetched.append(len(answer[0] if isinstance(answer, tuple) else answer))
            return answer

        monkeypatch.setattr(s3, name, counted)
    return fetched


def test_a_table_that_is_replaced_while_it_is_read_is_refused(bucket):
    file = f"{bucket}/t.parquet"
    tables = [pa.table({"n": np.random.default_rng(k).random(400_000)}) for k in (1, 2)]
    write_table(file, tables[0])
    with open_parquet(file) as opened:
        write_table(file, tables[1])
        with pytest.raises(DaypartError, match="replaced while it was read; run the same command"):
            opened.read()


def test_tables_are_read_in_the_given_order(bucket):
    for i in range(40):
        write_table(f"{bucket}/parts/{i:02d}.parquet", pa.table({"n": [i]}))
    files = list((location(bucket) / "parts").glob("*.parquet"))
    read = [table.column("n")[0].as_py() for table in read_tables(files)]
    assert read == list(range(40))


def test_a_listing_spans_several_requests_and_stops_at_the_folder(bucket):
    folder = location(bucket) / "run"
    put_many(folder, [f"parts/{i:06d}-{j:05d}.parquet" for i in range(60) for j in range(20)])
    put_many(folder, ["parts.parquet", "parts/deep/000001-00000.parquet", "parts-too/x.parquet"])
    parts = folder / "parts"
    every = [path.name for path in parts.glob("*.parquet")]
    assert len(every) == 1200
    assert every == sorted(every)
    assert [path.name for path in parts.glob("000007-*.parquet")] == [
        f"000007-{j:05d}.parquet" for j in range(20)
    ]
    assert list(parts.glob("999999-*")) == []
    assert {path.name for path in folder.iterdir()} == {"parts.parquet"}
    assert [str(path) for path in folder.rglob("x.*")] == [f"{folder}/parts-too/x.parquet"]


def put_many(folder: S3Path, names: list[str]) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: write_text(folder / name, "x"), names))


def test_a_listed_object_needs_no_second_request_for_its_size(bucket, monkeypatch):
    write_text(f"{bucket}/a.txt", "12345")
    (listed,) = location(bucket).iterdir()
    from daypart.storage import s3

    monkeypatch.setattr(s3, "head", lambda *_: pytest.fail("requested again"))
    assert listed.stat().st_size == 5
    assert listed.stat().st_mtime > 1e9


def test_many_files_are_deleted_and_a_missing_one_is_not_an_error(bucket):
    put_many(location(bucket), [f"old/{i:04d}" for i in range(1100)])
    files = list((location(bucket) / "old").iterdir())
    delete_files([*files, location(bucket) / "never.txt"])
    assert not (location(bucket) / "old").is_dir()


def test_one_of_many_that_create_a_file_at_once_succeeds(bucket):
    starts = threading.Barrier(12)

    def create(number: int) -> bool:
        starts.wait()
        return create_json(f"{bucket}/claim.json", {"by": number})

    with ThreadPoolExecutor(12) as pool:
        created = list(pool.map(create, range(12)))
    assert sum(created) == 1
    assert read_json(f"{bucket}/claim.json") == {"by": created.index(True)}


def test_no_update_is_lost_when_processes_update_one_file(bucket):
    assert create_json(f"{bucket}/count.json", {"count": 0})
    context = multiprocessing.get_context("spawn")
    counters = [
        context.Process(target=count_up, args=(f"{bucket}/count.json", 15)) for _ in range(3)
    ]
    for each in counters:
        each.start()
    for each in counters:
        each.join(60)
        assert each.exitcode == 0
    assert read_json(f"{bucket}/count.json") == {"count": 45}


def count_up(file: str, times: int) -> None:
    import json

    for _ in range(times):
        while True:
            text, version = read_versioned(file)
            if replace_json(file, {"count": json.loads(text)["count"] + 1}, version):
                break


def test_a_missing_version_is_not_replaced(bucket):
    assert replace_json(f"{bucket}/none.json", {"a": 1}, '"0"') is None
    assert read_versioned(f"{bucket}/none.json") is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, r"credentials are refused \(SignatureDoesNotMatch\)"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, r"credentials are refused \(InvalidAccessKeyId\)"),
        (
            {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
            "no AWS credentials; set AWS_ACCESS_KEY_ID",
        ),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "http://127.0.0.1:1 can't be reached"),
        ({"AWS_ENDPOINT_URL": "http://no.such.host.invalid"}, "invalid can't be reached"),
    ],
)
def test_an_unusable_bucket_is_reported_in_one_line_with_a_hint(
    bucket, monkeypatch, tmp_path, changes, message
):
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254")
    for name, value in changes.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    with pytest.raises(DaypartError, match=message) as raised:
        read_json(f"{bucket}/run/run.json")
    assert "\n" not in str(raised.value)
    assert raised.value.hint


def test_a_missing_bucket_is_named(bucket):
    with pytest.raises(DaypartError, match="s3://no-such-bucket-here: no such bucket"):
        read_json("s3://no-such-bucket-here/run/run.json")


def test_a_profile_in_the_aws_folder_is_used(bucket, monkeypatch, tmp_path):
    lines = ["[elsewhere]"]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        lines.append(f"{name.lower()} = {os.environ[name]}")
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text("\n".join(lines))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "elsewhere")
    write_text(f"{bucket}/a.txt", "a")
    assert location(f"{bucket}/a.txt").read_text() == "a"
