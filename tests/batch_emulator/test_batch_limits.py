"""Batch's limits, each as the error that Batch would answer."""

from __future__ import annotations

import pytest
from emulated import Account, needs

from daypart.batch_emulator.faults import BatchFault
from daypart.batch_emulator.settings import EmulatorSettings
from daypart.errors import DaypartError


@pytest.fixture
def account():
    return Account(calls_per_second=1e9)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"arrayProperties": {"size": 1}}, "between 2 and 10000"),
        ({"arrayProperties": {"size": 10_001}}, "between 2 and 10000"),
        ({"name": "a job"}, "valid pattern"),
        ({"name": "j" * 129}, "valid pattern"),
        ({"retryStrategy": {"attempts": 11}}, "between 1 and 10"),
        ({"retryStrategy": {"attempts": 0}}, "between 1 and 10"),
        ({"timeout": {"attemptDurationSeconds": 59}}, "at least 60"),
        ({"queue": "no-queue"}, "does not exist"),
        ({"jobDefinition": "other"}, "does not exist"),
        ({"jobDefinition": "daypart:2"}, "does not exist"),
        (needs(environment=[{"name": "AWS_BATCH_X", "value": "1"}]), "reserved"),
        (needs(environment=[{"name": "A", "value": "x" * 7_680}]), "at most 7680"),
        ({"parameters": {"a": "x" * 31_000}}, "payload is over"),
        ({"dependsOn": [{"jobId": "none"}]}, "does not exist"),
        ({"dependsOn": [{"jobId": "j"}] * 21}, "at most 20"),
        ({"dependsOn": [{"type": "SEQUENTIAL"}]}, "needs an array"),
        ({"sizeOfArray": 3}, "Unknown parameter"),
        ({"arrayProperties": {"size": "3"}}, "Invalid type"),
        ({"jobDefinition": None}, "Invalid type"),
    ],
)
def test_a_submit_beyond_a_limit_is_refused_without_a_job(account, request_, message):
    with pytest.raises(BatchFault, match=message) as caught:
        account.submit(**request_)
    assert caught.value.code == "ClientException"
    assert account.service.machine.jobs == {}


@pytest.mark.parametrize("size", [2, 10_000])
def test_arrays_have_two_to_ten_thousand_children(account, size):
    job = account.submit(arrayProperties={"size": size})
    assert account.describe(job)["arrayProperties"]["size"] == size


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([{"onReason": "*", "action": "EXIT"}] * 6, "at most 5"),
        ([{"onReason": "*memory", "action": "EXIT"}], "only at the end"),
        ([{"onReason": "Out?fMemory", "action": "EXIT"}], "not a pattern"),
        ([{"onExitCode": "7x", "action": "EXIT"}], "not a pattern"),
        ([{"action": "EXIT"}], "a rule needs"),
        ([{"onReason": "*", "action": "STOP"}], "RETRY or EXIT"),
    ],
)
def test_retry_rules_that_batch_refuses_are_refused(account, rules, message):
    with pytest.raises(BatchFault, match=message):
        account.submit(retryStrategy={"attempts": 2, "evaluateOnExit": rules})


def test_calls_beyond_the_rate_are_refused_and_not_carried_out():
    account = Account()
    for _ in range(50):
        account.call("DescribeJobQueues")
    with pytest.raises(BatchFault) as caught:
        account.submit()
    assert (caught.value.code, caught.value.status) == ("TooManyRequestsException", 429)
    assert account.service.machine.jobs == {}
    account.wait(1.0)
    account.submit()


def test_describe_jobs_accepts_up_to_a_hundred_ids(account):
    account.call("DescribeJobs", jobs=["x"] * 100)
    with pytest.raises(BatchFault, match="at most 100"):
        account.call("DescribeJobs", jobs=["x"] * 101)


def test_a_page_of_a_list_has_a_thousand_jobs_or_a_hundred_with_a_filter(account):
    parent = account.submit("big", arrayProperties={"size": 1_500}, **needs(4))
    account.wait(60.0)
    ask = {"arrayJobId": parent, "jobStatus": "RUNNING"}
    first = account.call("ListJobs", **ask, maxResults=5_000)
    second = account.call("ListJobs", **ask, nextToken=first["nextToken"])
    assert len(first["jobSummaryList"]) == 1_000
    assert len(second["jobSummaryList"]) == 500
    assert "nextToken" not in second
    for _ in range(150):
        account.submit("small")
    named = [{"name": "JOB_NAME", "values": ["SMALL"]}]
    page = account.call("ListJobs", jobQueue="daypart-spot", filters=named, maxResults=1_000)
    assert len(page["jobSummaryList"]) == 100


def test_a_name_is_found_in_any_state_and_by_its_beginning(account):
    one, two = account.submit("daypart-a-1"), account.submit("daypart-a-2")
    account.call("TerminateJob", jobId=two, reason="enough")
    account.end(two, 143, killed=True)
    named = [{"name": "JOB_NAME", "values": ["daypart-a*"]}]
    found = account.call("ListJobs", jobQueue="daypart-spot", filters=named)["jobSummaryList"]
    assert {each["jobId"]: each["status"] for each in found} == {one: "RUNNING", two: "FAILED"}


def test_a_list_without_a_status_contains_running_jobs(account):
    account.submit("waits", **needs(memory=90_000))
    runs = account.submit("runs", queue="daypart-on-demand")
    assert account.call("ListJobs", jobQueue="daypart-spot")["jobSummaryList"] == []
    (found,) = account.call("ListJobs", jobQueue="daypart-on-demand")["jobSummaryList"]
    assert found["jobId"] == runs


def test_a_definition_has_revisions_and_a_largest_payload(account):
    container = {"image": "daypart:2"}
    account.call(
        "RegisterJobDefinition",
        jobDefinitionName="daypart",
        type="container",
        containerProperties=container,
    )
    newest = account.describe(account.submit())
    older = account.describe(account.submit(jobDefinition="daypart:1"))
    assert newest["jobDefinition"].endswith("daypart:2")
    assert older["jobDefinition"].endswith("daypart:1")
    with pytest.raises(BatchFault, match="over 24576 bytes"):
        account.call(
            "RegisterJobDefinition",
            jobDefinitionName="large",
            type="container",
            containerProperties={**container, "command": ["x" * 25_000]},
        )
    with pytest.raises(BatchFault, match="reserved"):
        account.call(
            "RegisterJobDefinition",
            jobDefinitionName="taken",
            type="container",
            containerProperties={**container, "environment": [{"name": "AWS_BATCH_JOB_ID"}]},
        )


def environment(name, **resources):
    given = {"type": "SPOT", "maxvCpus": 4, "subnets": [], "instanceTypes": ["c7i"], **resources}
    return {"computeEnvironmentName": name, "type": "MANAGED", "computeResources": given}


def test_an_environment_and_a_queue_have_one_architecture(account):
    with pytest.raises(BatchFault, match="one architecture"):
        account.call("CreateComputeEnvironment", **environment("m", instanceTypes=["c7i", "c7g"]))
    order = [
        {"order": 1, "computeEnvironment": "daypart-spot"},
        {"order": 2, "computeEnvironment": "daypart-spot-arm64"},
    ]
    with pytest.raises(BatchFault, match="one architecture"):
        account.call("CreateJobQueue", jobQueueName="q", priority=1, computeEnvironmentOrder=order)


def test_a_queue_has_up_to_three_environments_and_amazon_linux_2_is_refused(account):
    for name in "abcd":
        account.call("CreateComputeEnvironment", **environment(name))
    order = [{"order": i, "computeEnvironment": name} for i, name in enumerate("abcd")]
    with pytest.raises(BatchFault, match="1 to 3"):
        account.call("CreateJobQueue", jobQueueName="q", priority=1, computeEnvironmentOrder=order)
    account.call("CreateJobQueue", jobQueueName="q", priority=1, computeEnvironmentOrder=order[:3])
    (queue,) = account.call("DescribeJobQueues", jobQueues=["q"])["jobQueues"]
    assert queue["status"] == "VALID"
    old = [{"imageType": "ECS_AL2"}]
    with pytest.raises(BatchFault, match="Amazon Linux 2"):
        account.call("CreateComputeEnvironment", **environment("e", ec2Configuration=old))


def test_a_call_that_is_not_emulated_fails(account):
    with pytest.raises(BatchFault, match="not emulated"):
        account.call("UpdateJobQueue", jobQueue="daypart-spot")


def test_settings_are_checked_and_names_suggested():
    with pytest.raises(DaypartError, match="did you mean spot_losses_per_hour"):
        EmulatorSettings.of({"spot_loses_per_hour": 1})
    with pytest.raises(DaypartError, match="seed is -1"):
        EmulatorSettings.of({"seed": -1})
    with pytest.raises(DaypartError, match="host_vcpus is 0"):
        EmulatorSettings.of({"host_vcpus": 0})
