"""The HTTP face, driven by boto3 itself; children are real processes."""

from __future__ import annotations

import os
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
from emulated import RETRY_RULES

from daypart.batch_emulator.server import serve_batch
from daypart.batch_emulator.settings import EmulatorSettings
from daypart.errors import DaypartError

QUEUE = {"jobQueue": "daypart-spot", "jobDefinition": "daypart"}


def shell(script, **overrides):
    return {"containerOverrides": {"command": ["sh", "-c", script], **overrides}}


def python(script, memory=1_900):
    resources = [{"type": "MEMORY", "value": str(memory)}]
    command = [sys.executable, "-c", script]
    return {"containerOverrides": {"command": command, "resourceRequirements": resources}}


def wait_for(client, job, *states, seconds=30.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        (found,) = client.describe_jobs(jobs=[job])["jobs"]
        if found["status"] in states:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{job} is {found['status']}, not {states}")


def ended(client, job, **kwargs):
    return wait_for(client, job, "SUCCEEDED", "FAILED", **kwargs)


def test_children_of_an_array_are_processes_with_their_index_size_attempt_and_queue(
    batch, tmp_path
):
    names = "$AWS_BATCH_JOB_ARRAY_INDEX $AWS_BATCH_JOB_ARRAY_SIZE $AWS_BATCH_JOB_ATTEMPT"
    script = f"echo {names} $AWS_BATCH_JQ_NAME $AWS_BATCH_JOB_ID > {tmp_path}/$AWS_BATCH_JOB_ID"
    with batch() as client:
        job = client.submit_job(
            jobName="three", arrayProperties={"size": 3}, **QUEUE, **shell(script)
        )["jobId"]
        parent = ended(client, job)
    assert parent["status"] == "SUCCEEDED"
    for index in range(3):
        child = f"{job}:{index}"
        assert (tmp_path / child).read_text() == f"{index} 3 1 daypart-spot {child}\n"


def test_a_child_that_exits_75_is_retried_and_one_that_exits_1_is_not(batch):
    with batch() as client:
        strategy = {"retryStrategy": {"attempts": 3, "evaluateOnExit": RETRY_RULES}}
        again = client.submit_job(
            jobName="again",
            **QUEUE,
            **strategy,
            **shell("[ $AWS_BATCH_JOB_ATTEMPT = 3 ] || exit 75"),
        )["jobId"]
        once = client.submit_job(jobName="once", **QUEUE, **strategy, **shell("exit 1"))["jobId"]
        assert len(ended(client, again)["attempts"]) == 3
        assert ended(client, again)["status"] == "SUCCEEDED"
        failed = ended(client, once)
    assert failed["status"] == "FAILED"
    assert [each["container"]["exitCode"] for each in failed["attempts"]] == [1]


def test_terminating_sends_sigterm_and_then_sigkill(batch, tmp_path):
    traps = (
        f"trap 'echo told > {tmp_path}/told' TERM; touch {tmp_path}/up; while :; do sleep 1; done"
    )
    with batch(stop_grace_seconds=0.3) as client:
        job = client.submit_job(jobName="stays", **QUEUE, **shell(traps))["jobId"]
        while not (tmp_path / "up").exists():
            time.sleep(0.05)
        client.terminate_job(jobId=job, reason="cancelled")
        found = ended(client, job)
    assert found["statusReason"] == "cancelled"
    assert found["attempts"][0]["container"]["exitCode"] == 137


def test_a_child_beyond_its_memory_is_killed_with_a_reason(batch):
    with batch() as client:
        job = client.submit_job(
            jobName="grows",
            **QUEUE,
            **python("import time; x = b'x' * 200_000_000; time.sleep(60)", memory=100),
        )["jobId"]
        found = ended(client, job)
    assert found["status"] == "FAILED"
    reason = "OutOfMemoryError: Container killed due to memory usage"
    assert found["container"] == found["container"] | {"reason": reason, "exitCode": 137}


def test_spot_losses_occur_at_the_given_rate(batch):
    with batch(spot_losses_per_hour=36_000, stop_grace_seconds=0.1) as client:
        job = client.submit_job(
            jobName="lost", **QUEUE, retryStrategy={"attempts": 2}, **shell("sleep 60")
        )["jobId"]
        found = ended(client, job)
    assert [a["statusReason"][:8] for a in found["attempts"]] == ["Host EC2", "Host EC2"]


def test_a_missing_command_fails_with_a_reason(batch):
    with batch() as client:
        overrides = {"containerOverrides": {"command": ["no-such-command"]}}
        job = client.submit_job(jobName="none", **QUEUE, **overrides)["jobId"]
        found = ended(client, job)
    assert found["container"]["reason"].startswith("CannotStartContainerError")


def test_boto3_raises_errors_with_their_code(batch):
    from botocore.exceptions import ClientError

    with batch(calls_per_second=3) as client:
        with pytest.raises(ClientError) as refused:
            client.submit_job(jobName="one", arrayProperties={"size": 1}, **QUEUE)
        assert refused.value.response["Error"]["Code"] == "ClientException"
        client.describe_job_queues()
        client.describe_job_queues()
        with pytest.raises(ClientError) as throttled:
            client.describe_job_queues()
    assert throttled.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert throttled.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_an_answer_can_be_lost_after_the_job_was_created(batch):
    from botocore.exceptions import HTTPClientError

    with batch(lost_answers=0.5, seed=1, calls_per_second=1e9) as client:
        lost = 0
        for number in range(20):
            try:
                client.submit_job(jobName=f"job-{number}", **QUEUE, **shell("true"))
            except HTTPClientError:
                lost += 1
        for _ in range(100):
            try:
                named = [{"name": "JOB_NAME", "values": ["job-*"]}]
                found = client.list_jobs(jobQueue="daypart-spot", filters=named)
                break
            except HTTPClientError:
                continue
    assert 0 < lost < 20
    assert len(found["jobSummaryList"]) == 20


def test_another_region_has_no_queues(batch):
    with batch(region="eu-west-1") as client:
        assert client.describe_job_queues()["jobQueues"] == []


def test_a_request_without_a_signature_is_refused(tmp_path):
    with serve_batch(EmulatorSettings(), tmp_path) as (url, _):
        assert url.startswith("http://127.0.0.1:")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}/v1/submitjob", data=b"{}")
    assert refused.value.code == 403


SIGNED = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/batch/aws4_request"


@pytest.mark.parametrize("host", ["evil.example:5055", "", "127.0.0.1.evil.example"])
def test_a_page_of_another_site_starts_no_jobs(host, tmp_path):
    with serve_batch(EmulatorSettings(), tmp_path) as (url, _):
        request = urllib.request.Request(f"{url}/v1/describejobqueues", data=b"{}")
        request.add_header("Authorization", SIGNED)
        assert urllib.request.urlopen(request).status == 200
        request.add_unredirected_header("Host", host)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
    assert refused.value.code == 403


def test_a_call_without_the_key_of_the_endpoint_is_refused(tmp_path):
    with serve_batch(EmulatorSettings(), tmp_path) as (url, _):
        place = f"http://127.0.0.1:{urlsplit(url).port}"
        for path in ("/v1/submitjob", "/guessed/v1/submitjob", "//v1/submitjob"):
            request = urllib.request.Request(place + path, data=b"{}")
            request.add_header("Authorization", SIGNED)
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request)
            assert refused.value.code == 403


def test_children_get_no_secret_of_the_emulator_s_environment(batch, tmp_path, monkeypatch):
    monkeypatch.setenv("MY_SECRET", "do not pass on")
    with batch() as client:
        client.submit_job(
            jobName="s", **QUEUE, **shell(f"env > {tmp_path}/e; mv {tmp_path}/e {tmp_path}/env")
        )
        while not (tmp_path / "env").exists():
            time.sleep(0.05)
    assert "MY_SECRET" not in (tmp_path / "env").read_text()


def test_a_port_in_use_is_named(tmp_path):
    with (
        serve_batch(EmulatorSettings(), tmp_path) as (url, _),
        pytest.raises(DaypartError, match="can't be served"),
        serve_batch(EmulatorSettings(), tmp_path, port=urlsplit(url).port),
    ):
        pass


def test_the_command_serves_until_its_time_ends(tmp_path, capfd):
    from daypart.cli.main import main

    with pytest.raises(SystemExit) as done:
        main(["batch-emulator", "--port", "0", "--quick", "--seconds", "0.2", "--json"])
    told = capfd.readouterr()
    assert done.value.code == 0
    assert '"jobs": 0' in told.out
    assert "export AWS_ENDPOINT_URL_BATCH=http://127.0.0.1:" in told.err


def test_children_do_not_outlive_the_emulator(batch, tmp_path):
    with batch() as client:
        client.submit_job(jobName="s", **QUEUE, **shell(f"echo $$ > {tmp_path}/pid; sleep 600"))
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            time.sleep(0.05)
        pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
