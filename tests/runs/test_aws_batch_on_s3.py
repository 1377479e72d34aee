"""AWS Batch over S3: children are processes, then containers of the image; nothing is lost."""

from __future__ import annotations

import os
from unittest import mock

import pytest
from batch_under_test import emulated_batch
from counted_stores import POISSON, make_store

from daypart import cost, fit
from daypart.batch_emulator.containers import Containers
from daypart.errors import DaypartError
from daypart.runs import read_results

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


def test_a_bucket_that_denies_is_told_and_nothing_is_submitted(bucket, tmp_path, monkeypatch):
    make_store(f"{bucket}/store", {"501": 4})
    with emulated_batch(tmp_path, {"vcpus": 1}) as (executor, emulator):
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
        with pytest.raises(DaypartError, match=r"s3://.*(denied|credentials|refused)"):
            fit(f"{bucket}/store", run=f"{bucket}/run", model=POISSON, **options(executor))
        assert emulator.service.machine.jobs == {}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_children_in_containers_give_what_the_image_gives_in_one_process(
    docker, image, s3_server, bucket, tmp_path
):
    """The driver is outside; the plan, with its parents, is made inside, as a whole run makes it.

    Kernels of another kind of processor give other last bits, in the parents too.
    """
    variables = {**s3_server.environment(), "DOCKER_HOST": f"unix://{docker.socket}"}
    passed = [word for name in s3_server.environment() for word in ("-e", name)]
    make_store(f"{bucket}/store", {"501": 40, "803": 24}, hours=6 * 168)
    whole = ["daypart", "fit", f"{bucket}/store", "--run"]
    inside = ["run", "--rm", "--network=host", *passed, image]
    with mock.patch.dict(os.environ, variables):
        docker.run(*inside, *whole, f"{bucket}/whole", "--executor", "inline")
        plan = (
            "import sys\n"
            "from daypart.runs.folder import RunFolder\n"
            "from daypart.runs.plan import write_plan\n"
            "from daypart.runs.settings import settings_of_call\n"
            "from daypart.series import SeriesStore\n"
            "store, folder = SeriesStore.open(sys.argv[1]), RunFolder.at(sys.argv[2])\n"
            "write_plan(folder, store, settings_of_call(folder, store, model='negbin'))\n"
        )
        docker.run(*inside, "python", "-c", plan, f"{bucket}/store", f"{bucket}/run")
        losses = {"spot_losses_per_hour": 60.0, "seed": 3}
        with emulated_batch(tmp_path, {"vcpus": 2}, image=image, available_vcpus=4, **losses) as (
            executor,
            emulator,
        ):
            told = fit(
                f"{bucket}/store",
                run=f"{bucket}/run",
                **options(executor, vcpus=2, memory_mib=2_000, task_minutes=0.01),
            )
            jobs = emulator.service.machine.jobs.values()
            assert {child.state for job in jobs for child in job.children} == {"SUCCEEDED"}
    assert (told.ok, told.failed) == (64, 0)
    assert comparable(f"{bucket}/run").equals(comparable(f"{bucket}/whole"))
    assert cost(f"{bucket}/run").partitions == 64
    assert docker.run("ps", "-aq").stdout.split() == []


def test_without_a_docker_daemon_containers_are_refused_at_once(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(DaypartError, match="no Docker daemon answers|no docker command"):
        Containers.found()
