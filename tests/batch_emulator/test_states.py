"""How jobs and children move, each fact as a sentence."""

from __future__ import annotations

import pytest
from emulated import RETRY_RULES, Account, needs

STRATEGY = {"retryStrategy": {"attempts": 3, "evaluateOnExit": RETRY_RULES}}
PAIR = {"arrayProperties": {"size": 2}}


@pytest.fixture
def account():
    return Account(calls_per_second=1e9)


def test_a_plain_job_starts_runs_and_succeeds(account):
    job = account.submit()
    assert account.describe(job)["status"] == "RUNNING"
    account.end(job)
    found = account.describe(job)
    assert found["status"] == "SUCCEEDED"
    assert found["stoppedAt"] >= found["startedAt"] >= found["createdAt"]
    assert found["attempts"][0]["container"]["exitCode"] == 0


def test_a_parent_is_pending_until_all_children_have_ended_and_failed_if_one_failed(account):
    job = account.submit(**PAIR)
    assert account.describe(job)["status"] == "PENDING"
    account.end(f"{job}:0", 1)
    assert account.describe(job)["status"] == "PENDING"
    account.end(f"{job}:1")
    parent = account.describe(job)
    assert parent["status"] == "FAILED"
    assert parent["arrayProperties"]["statusSummary"]["FAILED"] == 1
    assert parent["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 1
    assert account.describe(f"{job}:0")["arrayProperties"]["index"] == 0


def test_the_summary_of_a_parent_lags_and_has_a_time():
    account = Account(summary_lag_seconds=10.0)
    job = account.submit(**PAIR)
    account.end(f"{job}:0")
    lagging = account.describe(job)["arrayProperties"]
    assert lagging["statusSummary"]["SUCCEEDED"] == 0
    account.wait(10.0)
    caught_up = account.describe(job)["arrayProperties"]
    assert caught_up["statusSummary"]["SUCCEEDED"] == 1
    assert caught_up["statusSummaryLastUpdatedAt"] > lagging["statusSummaryLastUpdatedAt"]


def test_a_job_is_unknown_for_a_moment_after_its_submit():
    account = Account(describe_lag_seconds=1.0)
    job = account.submit()
    assert account.call("DescribeJobs", jobs=[job])["jobs"] == []
    account.wait(1.0)
    assert account.describe(job)["jobId"] == job


def test_attempts_are_counted_per_child_and_keep_its_id(account):
    job = account.submit(**PAIR, retryStrategy={"attempts": 2})
    account.end(f"{job}:1", 1)
    assert account.state(f"{job}:1") == "RUNNING"
    account.end(f"{job}:1", 1)
    assert account.state(f"{job}:1") == "FAILED"
    assert account.state(f"{job}:0") == "RUNNING"
    assert len(account.describe(f"{job}:1")["attempts"]) == 2
    assert account.describe(f"{job}:0")["attempts"] == []


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        ({"exit_code": 75}, "RUNNING"),
        ({"exit_code": 1}, "FAILED"),
        ({"exit_code": 137, "reason": "OutOfMemoryError: Container killed"}, "FAILED"),
        ({"exit_code": 1, "reason": "CannotPullContainerError: timeout"}, "RUNNING"),
        ({"exit_code": 0}, "SUCCEEDED"),
    ],
)
def test_the_five_rules_retry_failures_that_the_work_did_not_cause(account, ending, state):
    job = account.submit(**STRATEGY)
    account.end(job, **ending)
    assert account.state(job) == state


def test_an_attempt_without_a_matching_rule_is_retried(account):
    rules = [{"onExitCode": "2", "action": "EXIT"}]
    job = account.submit(retryStrategy={"attempts": 2, "evaluateOnExit": rules})
    account.end(job, 1)
    assert account.state(job) == "RUNNING"


def test_the_first_rule_with_all_fields_matching_decides(account):
    rules = [
        {"onExitCode": "1", "onReason": "Other*", "action": "EXIT"},
        {"onExitCode": "1*", "action": "RETRY"},
        {"onExitCode": "1", "action": "EXIT"},
    ]
    job = account.submit(retryStrategy={"attempts": 3, "evaluateOnExit": rules})
    account.end(job, 1)
    assert account.state(job) == "RUNNING"


def test_the_strategy_of_a_submit_replaces_that_of_the_definition(account):
    account.call(
        "RegisterJobDefinition",
        jobDefinitionName="tries",
        type="container",
        containerProperties={"image": "i"},
        retryStrategy={"attempts": 5},
    )
    job = account.submit(jobDefinition="tries", retryStrategy={"attempts": 1})
    account.end(job, 1)
    assert account.state(job) == "FAILED"


def test_a_lost_spot_host_sends_sigterm_then_sigkill_and_the_child_is_retried(account):
    job = account.submit(**STRATEGY)
    account.lose_host_of(job)
    assert account.sent(job) == ["start", "SIGTERM"]
    account.wait(5.0)
    assert account.sent(job) == ["start", "SIGTERM", "SIGKILL"]
    account.end(job, 137, killed=True)
    assert account.state(job) == "RUNNING"
    (attempt,) = account.describe(job)["attempts"]
    assert attempt["statusReason"].startswith("Host EC2 (instance i-")
    assert "exitCode" not in attempt["container"]


def test_a_child_that_traps_sigterm_and_exits_has_an_ordinary_exit(account):
    job = account.submit(**STRATEGY)
    account.lose_host_of(job)
    account.end(job, 75)
    (attempt,) = account.describe(job)["attempts"]
    assert attempt["statusReason"] == "Essential container in task exited"
    assert attempt["container"]["exitCode"] == 75
    account.wait(60.0)
    assert "SIGKILL" not in account.sent(job)


def test_losses_of_hosts_count_as_attempts():
    account = Account(calls_per_second=1e9)
    job = account.submit(**STRATEGY)
    for _ in range(3):
        assert account.state(job) == "RUNNING"
        account.lose_host_of(job)
        account.end(job, 137, killed=True)
        account.wait(1.0)
    assert account.state(job) == "FAILED"


def test_a_child_that_is_still_starting_is_lost_with_its_host_without_a_container():
    account = Account(starting_seconds=10.0)
    job = account.submit(**STRATEGY)
    assert account.state(job) == "STARTING"
    account.lose_host_of(job)
    account.wait(20.0)
    assert account.state(job) == "RUNNING"
    assert account.child(job).attempt == 2
    assert account.sent(job) == ["start"]


def test_terminating_a_parent_ends_all_children_without_a_retry(account):
    job = account.submit(arrayProperties={"size": 3}, **needs(memory=6_000), **STRATEGY)
    waits = account.submit(**needs(memory=90_000))
    account.wait(1.0)
    account.call("TerminateJob", jobId=job, reason="cancelled by the user")
    account.wait(5.0)
    for index in range(3):
        assert account.sent(f"{job}:{index}") == ["start", "SIGTERM", "SIGKILL"]
        account.end(f"{job}:{index}", 137, killed=True)
    assert account.describe(job)["status"] == "FAILED"
    assert account.describe(job)["isTerminated"]
    assert account.describe(f"{job}:1")["statusReason"] == "cancelled by the user"
    account.call("TerminateJob", jobId=waits, reason="too large")
    assert account.state(waits) == "FAILED"


def test_cancelling_ends_only_children_that_have_not_started(account):
    runs = account.submit()
    waits = account.submit(**needs(memory=90_000))
    for job in (runs, waits):
        account.call("CancelJob", jobId=job, reason="changed my mind")
    assert (account.state(runs), account.state(waits)) == ("RUNNING", "FAILED")


def test_an_attempt_beyond_its_timeout_is_stopped_without_a_retry(account):
    job = account.submit(timeout={"attemptDurationSeconds": 60}, **STRATEGY)
    account.wait(59.0)
    assert account.sent(job) == ["start"]
    account.wait(1.0)
    assert account.sent(job) == ["start", "SIGTERM"]
    account.end(job, 75)
    assert account.state(job) == "FAILED"
    assert account.describe(job)["statusReason"] == "Job attempt duration exceeded timeout"


def test_the_timeout_applies_to_each_attempt(account):
    job = account.submit(timeout={"attemptDurationSeconds": 60}, **STRATEGY)
    account.wait(40.0)
    account.end(job, 75)
    account.wait(40.0)
    assert account.sent(job) == ["start", "start"]


def test_a_job_waits_for_its_dependencies_and_fails_with_them(account):
    first, other = account.submit("first"), account.submit("other")
    then = account.submit("then", dependsOn=[{"jobId": first}, {"jobId": other}])
    account.end(first)
    assert account.state(then) == "PENDING"
    account.end(other)
    assert account.state(then) == "RUNNING"
    bad = account.submit("bad")
    doomed = account.submit("doomed", dependsOn=[{"jobId": bad}])
    account.end(bad, 1)
    assert account.state(doomed) == "FAILED"
    assert account.describe(doomed)["statusReason"] == "Dependent Job failed"


def test_children_depend_on_the_same_or_the_previous_index(account):
    first = account.submit("first", **PAIR)
    then = account.submit("then", **PAIR, dependsOn=[{"jobId": first, "type": "N_TO_N"}])
    account.end(f"{first}:1")
    assert account.state(f"{then}:1") == "RUNNING"
    assert account.state(f"{then}:0") == "PENDING"
    chain = account.submit("chain", **PAIR, dependsOn=[{"type": "SEQUENTIAL"}])
    assert account.state(f"{chain}:1") == "PENDING"
    account.end(f"{chain}:0")
    assert account.state(f"{chain}:1") == "RUNNING"


def test_a_failed_link_fails_a_chain_of_ten_thousand(account):
    chain = account.submit(arrayProperties={"size": 10_000}, dependsOn=[{"type": "SEQUENTIAL"}])
    account.end(f"{chain}:0", 1)
    account.wait(0.0)
    assert account.describe(chain)["arrayProperties"]["statusSummary"]["FAILED"] == 10_000


def test_capacity_grows_from_zero_to_the_maximum_and_shrinks_back():
    account = Account(host_boot_seconds=60.0, vcpus_per_second=1.0, host_idle_seconds=30.0)
    job = account.submit(arrayProperties={"size": 40})
    environment = account.service.machine.environments["daypart-spot"]
    environment.max_vcpus = 16
    seen = []
    for _ in range(20):
        seen.append(environment.vcpus)
        account.wait(4.0)
    assert seen[:15] == [0] * 15
    assert seen[15:] == [4, 8, 12, 16, 16]
    while not account.has_ended(job):
        for child in account.service.machine.jobs[job].children:
            if child.state == "RUNNING":
                account.end(child.id)
    account.wait(31.0)
    assert environment.vcpus == 0


def test_a_container_with_the_nominal_memory_of_a_host_does_not_fit(account):
    job = account.submit(**needs(memory=8_193))
    assert "statusReason" not in account.describe(job)
    account.wait(60.0)
    found = account.describe(job)
    assert found["status"] == "RUNNABLE"
    assert found["statusReason"].startswith("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT")


def test_the_head_of_a_queue_without_capacity_shows_the_reason():
    account = Account(available_vcpus=0, calls_per_second=1e9)
    job = account.submit(**PAIR)
    account.wait(61.0)
    (head, behind) = account.call("ListJobs", arrayJobId=job, jobStatus="RUNNABLE")[
        "jobSummaryList"
    ]
    assert head["statusReason"].startswith("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY")
    assert "statusReason" not in behind


def test_finished_jobs_are_forgotten_after_seven_days(account):
    job = account.submit()
    account.end(job)
    account.wait(7 * 86_400.0)
    assert account.describe(job)["status"] == "SUCCEEDED"
    account.wait(1.0)
    assert account.call("DescribeJobs", jobs=[job])["jobs"] == []
    account.submit()
    assert job not in account.service.machine.jobs
