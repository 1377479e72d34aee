"""The same machine on a virtual clock."""

from __future__ import annotations

import pytest

from daypart.batch_emulator.settings import EmulatorSettings
from daypart.batch_emulator.simulation import SimulatedWork, VirtualBatch

QUEUE = {"jobQueue": "daypart-spot", "jobDefinition": "daypart"}


def run(batch, **request):
    """Submit an array of 100 and let it end."""
    client = batch.client()
    job = client.submit_job(jobName="a", arrayProperties={"size": 100}, **QUEUE, **request)
    while True:
        batch.sleep(60.0)
        described = client.describe_jobs(jobs=[job["jobId"]])["jobs"]
        if described and described[0]["status"] in {"SUCCEEDED", "FAILED"}:
            return described[0]


def undisturbed(**settings):
    return EmulatorSettings.of({"spot_losses_per_hour": 0.0, **settings})


def test_hours_of_work_take_the_time_of_their_ramp_and_waves():
    batch = VirtualBatch(undisturbed(), SimulatedWork(lambda child: 3_600.0), max_vcpus=48)
    assert run(batch)["status"] == "SUCCEEDED"
    assert batch.usage.most_running == 48
    assert 3 * 3_600 < batch.now() < 3 * 3_600 + 300
    assert batch.usage.worked == pytest.approx(100 * 3_600)
    assert batch.usage.lost == 0


def test_a_lost_host_costs_the_work_that_was_not_saved():
    settings = undisturbed(spot_losses_per_hour=1.0, seed=3)
    rules = {"retryStrategy": {"attempts": 10}}
    kept = VirtualBatch(settings, SimulatedWork(lambda child: 3_600.0, flush_every_seconds=60.0))
    thrown = VirtualBatch(settings, SimulatedWork(lambda child: 3_600.0))
    assert run(kept, **rules)["status"] == "SUCCEEDED"
    run(thrown, **rules)
    assert kept.usage.interruptions > 10
    assert kept.usage.worked - kept.usage.lost == pytest.approx(100 * 3_600)
    assert kept.usage.lost <= 60.0 * kept.usage.interruptions
    assert thrown.usage.lost > 5 * kept.usage.lost


def test_the_same_seed_gives_the_same_run():
    def once(seed):
        settings = undisturbed(spot_losses_per_hour=2.0, seed=seed)
        batch = VirtualBatch(settings, SimulatedWork(lambda child: 1_000.0))
        run(batch, retryStrategy={"attempts": 10})
        return batch.now(), batch.usage.worked, batch.usage.interruptions

    assert once(1) == once(1)
    assert once(1) != once(2)


def test_children_that_need_more_memory_than_they_have_end_out_of_memory():
    work = SimulatedWork(lambda child: 60.0, memory=lambda child: 2_000.0 if child.index else 1.0)
    batch = VirtualBatch(undisturbed(), work)
    parent = run(batch)
    assert parent["status"] == "FAILED"
    client = batch.client()
    failed = client.list_jobs(arrayJobId=parent["jobId"], jobStatus="FAILED")["jobSummaryList"]
    assert len(failed) == 99
    assert {each["container"]["reason"] for each in failed} == {
        "OutOfMemoryError: Container killed due to memory usage"
    }


def test_errors_are_those_of_boto3():
    from botocore.exceptions import ClientError, HTTPClientError

    client = VirtualBatch(undisturbed(), SimulatedWork(lambda child: 1.0)).client()
    with pytest.raises(ClientError, match="between 2 and 10000"):
        client.submit_job(jobName="a", arrayProperties={"size": 1}, **QUEUE)
    losing = VirtualBatch(undisturbed(lost_answers=1.0), SimulatedWork(lambda child: 1.0))
    with pytest.raises(HTTPClientError):
        losing.client().submit_job(jobName="a", **QUEUE)
    assert len(losing.service.machine.jobs) == 1
