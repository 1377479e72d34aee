"""Emulated accounts for the tests: made quick, with what a test names changed."""

from __future__ import annotations

from daypart.batch_emulator.jobs import ENDED
from daypart.batch_emulator.machine import Kill, Start, Terminate
from daypart.batch_emulator.service import BatchService
from daypart.batch_emulator.settings import QUICK, EmulatorSettings
from daypart.batch_emulator.starting_set import create_starting_set

RETRY_RULES = [
    {"onStatusReason": "Host EC2*", "action": "RETRY"},
    {"onStatusReason": "Task failed to start*", "action": "RETRY"},
    {"onReason": "CannotPullContainer*", "action": "RETRY"},
    {"onExitCode": "75", "action": "RETRY"},
    {"onReason": "*", "action": "EXIT"},
]


class Account:
    """A service with a clock in the test's hands."""

    def __init__(self, **settings):
        quick = {**QUICK, "describe_lag_seconds": 0.0, "summary_lag_seconds": 0.0, **settings}
        self.service = BatchService(EmulatorSettings.of(quick))
        create_starting_set(self.service)
        self.now = 1000.0
        self.orders = []

    def call(self, operation, **request):
        answer = self.service.call(operation, request, self.now)
        self.take_orders()
        return answer

    def submit(self, name="job", queue="daypart-spot", **request):
        request = {"jobName": name, "jobQueue": queue, "jobDefinition": "daypart", **request}
        identity = self.call("SubmitJob", **request)["jobId"]
        self.wait(0.0)
        return identity

    def wait(self, seconds):
        self.now += seconds
        self.service.machine.advance(self.now)
        self.take_orders()

    def take_orders(self):
        while self.service.machine.orders:
            self.orders.append(self.service.machine.orders.popleft())

    def end(self, identity, exit_code=0, **how):
        """End the container of a child that runs."""
        child = self.child(identity)
        self.service.machine.ended(child, child.attempt, exit_code, self.now, **how)
        self.wait(0.0)

    def child(self, identity):
        parent, _, index = identity.partition(":")
        return self.service.machine.jobs[parent].children[int(index or 0)]

    def describe(self, identity):
        (job,) = self.call("DescribeJobs", jobs=[identity])["jobs"]
        return job

    def state(self, identity):
        return self.child(identity).state

    def sent(self, identity):
        """Return the orders given for a child, by their names."""
        names = {Start: "start", Terminate: "SIGTERM", Kill: "SIGKILL"}
        return [names[type(each)] for each in self.orders if each.child.id == identity]

    def lose_host_of(self, identity):
        machine = self.service.machine
        machine.lose_host(machine.host_of[self.child(identity)], self.now)
        self.take_orders()

    def has_ended(self, identity):
        return self.service.machine.jobs[identity].status in ENDED


def needs(vcpus=1, memory=1000, **overrides):
    resources = [
        {"type": "VCPU", "value": str(vcpus)},
        {"type": "MEMORY", "value": str(memory)},
    ]
    return {"containerOverrides": {"resourceRequirements": resources, **overrides}}
