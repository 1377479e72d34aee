"""Whatever happens in whatever order: no child is lost, and counts add up."""

from __future__ import annotations

from collections import Counter

from emulated import Account, needs
from hypothesis import given, settings
from hypothesis import strategies as st

from daypart.batch_emulator.jobs import ENDED, ON_A_HOST

ARRAYS = st.tuples(
    st.integers(2, 12), st.integers(1, 4), st.integers(1, 4), st.sampled_from([500, 3_000, 8_192])
)
STEPS = st.tuples(
    st.sampled_from(["wait", "succeed", "fail", "interrupt", "lose", "terminate", "cancel"]),
    st.integers(0, 10**6),
)


@settings(max_examples=60, deadline=None)
@given(
    arrays=st.lists(ARRAYS, min_size=1, max_size=3),
    steps=st.lists(STEPS, max_size=60),
    seed=st.integers(0, 5),
)
def test_no_child_is_lost_and_counts_add_up(arrays, steps, seed):
    account = Account(
        calls_per_second=1e9,
        seed=seed,
        starting_seconds=3.0,
        spot_losses_per_hour=5.0,
        available_vcpus=16,
    )
    jobs = []
    for size, attempts, vcpus, memory in arrays:
        strategy = {"retryStrategy": {"attempts": attempts}}
        array = {"arrayProperties": {"size": size}}
        jobs.append(account.submit(**array, **strategy, **needs(vcpus, memory)))
    for what, which in steps:
        disturb(account, jobs, what, which)
        check(account)
    for _ in range(2_000):
        if all(account.has_ended(job) for job in jobs):
            break
        disturb(account, jobs, "wait", 4)
        disturb(account, jobs, "succeed", 0)
    check(account)
    assert all(account.has_ended(job) for job in jobs)


def disturb(account, jobs, what, which):
    job = jobs[which % len(jobs)]
    running = [
        child
        for job in account.service.machine.jobs.values()
        for child in job.children
        if child.state == "RUNNING"
    ]
    if what == "wait":
        account.wait(float(which % 40))
    elif what == "terminate":
        account.call("TerminateJob", jobId=job, reason="enough")
    elif what == "cancel":
        account.call("CancelJob", jobId=job, reason="enough")
    elif running:
        child = running[which % len(running)]
        if what == "lose":
            if child in account.service.machine.host_of:
                account.lose_host_of(child.id)
        else:
            account.end(child.id, {"succeed": 0, "fail": 1, "interrupt": 75}[what])


def check(account):
    machine = account.service.machine
    for job in machine.jobs.values():
        states = Counter(child.state for child in job.children)
        assert {state: n for state, n in job.counts.items() if n} == states
        assert (job.status in ENDED) == all(child.state in ENDED for child in job.children)
        for child in job.children:
            assert len(child.attempts) <= job.request.strategy.attempts
            assert (child in machine.host_of) == (child.state in ON_A_HOST)
            if child.state == "RUNNABLE":
                assert child in machine.queues[job.request.queue].waiting
    for environment in machine.environments.values():
        assert environment.vcpus <= 16
        for host in environment.hosts.values():
            requests = [child.job.request for child in host.children]
            assert host.free_vcpus == 4 - sum(request.vcpus for request in requests) >= 0
            assert host.free_memory == 8_192 - sum(r.memory for r in requests) >= 0
