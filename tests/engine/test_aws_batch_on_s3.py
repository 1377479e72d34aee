"""AWS Batch over S3, with processes for children; tests/image has containers for them."""

from __future__ import annotations

import pytest
from batch_under_test import emulated_batch
from counted_stores import POISSON, make_store, planned

from daypart import fit
from daypart.batch_emulator.containers import Containers
from daypart.engine.cancel import cancel
from daypart.engine.costs.cost import cost
from daypart.engine.logs import logs
from daypart.engine.results.parts import read_results
from daypart.engine.status import status
from daypart.errors import DaypartError

pytestmark = pytest.mark.server


def comparable(run):
    return read_results(run).drop_columns(["seconds", "attempt", "log"])


def options(executor, **settings):
    names = ("endpoint_url", "poll_seconds", "try_model")
    chosen = {name: getattr(executor.settings, name) for name in names}
    return {"executor": "aws-batch", "executor_settings": {**chosen, **settings}}


def queue_logs(folder):
    return [file.read_text() for file in sorted((folder / "children").glob("*.log"))]


def test_a_run_on_s3_equals_one_on_disk_to_the_bit_and_the_queues_log_is_short(bucket, tmp_path):
    make_store(f"{bucket}/store", {"501": 30, "803": 20})
    make_store(tmp_path / "store", {"501": 30, "803": 20})
    fit(tmp_path / "store", run=tmp_path / "run", model=POISSON, executor="inline")
    with emulated_batch(tmp_path, {"vcpus": 1}, available_vcpus=4) as (executor, _):
        told = fit(
            f"{bucket}/store",
            run=f"{bucket}/run",
            model=POISSON,
            **options(executor, vcpus=1),
        )
    assert (told.ok, told.failed) == (50, 0)
    left = comparable(f"{bucket}/run").drop_columns("content_hash")
    assert left.equals(comparable(tmp_path / "run").drop_columns("content_hash"))
    logs = queue_logs(tmp_path)
    assert logs
    for log in logs:
        start, summary = log.splitlines()
        assert "starts: " in start
        assert "partitions to fit" in start
        assert " ok, 0 failed" in summary


def test_a_run_on_s3_is_followed_from_any_machine(bucket, tmp_path):
    make_store(f"{bucket}/store", {"501": 3})
    with emulated_batch(tmp_path, {"vcpus": 1}, available_vcpus=4) as (executor, _):
        how = options(executor, vcpus=1, region="us-east-1")
        fit(f"{bucket}/store", run=f"{bucket}/run", model="poisson_model:TalkingModel", **how)
    assert logs(f"{bucket}/run", "501/n0001").printed == "fitting 2 partitions\n"
    where, bill = status(f"{bucket}/run"), cost(f"{bucket}/run")
    assert (where.ok, where.missing, where.by_region) == (3, 0, {"501": {"ok": 3}})
    assert where.dollars == bill.dollars > 0
    assert cancel(f"{bucket}/run").tasks == 0


def test_a_run_on_two_architectures_has_one_row_a_partition_and_children_on_both(tmp_path):
    folder = make_store(tmp_path / "store", {"501": 30, "803": 20}).folder
    fit(folder, run=tmp_path / "here", model=POISSON, executor="inline")
    queues = {"arm64_queue": "daypart-spot-arm64", "arm64_price_ratio": 1.0, "vcpus": 1}
    with emulated_batch(tmp_path, queues, available_vcpus=4) as (executor, emulator):
        tasks = planned(folder, tmp_path / "run")
        executor.execute(tasks, lambda event: None)
        used = {job.request.queue for job in emulator.service.machine.jobs.values()}
    assert len(used) == 2
    left, right = (comparable(tmp_path / name) for name in ("run", "here"))
    assert left.drop_columns("content_hash").equals(right.drop_columns("content_hash"))


def test_a_bucket_that_denies_is_told_and_nothing_is_submitted(bucket, tmp_path, monkeypatch):
    make_store(f"{bucket}/store", {"501": 4})
    with emulated_batch(tmp_path, {"vcpus": 1}) as (executor, emulator):
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
        with pytest.raises(DaypartError, match=r"s3://.*(denied|credentials|refused)"):
            fit(f"{bucket}/store", run=f"{bucket}/run", model=POISSON, **options(executor))
        assert emulator.service.machine.jobs == {}


def test_without_a_docker_daemon_containers_are_refused_at_once(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(DaypartError, match="no Docker daemon answers|no docker command"):
        Containers.found()
