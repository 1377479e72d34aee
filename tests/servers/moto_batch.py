"""An AWS Batch that is not our own: a script of yours that starts one, with a container a child.

DAYPART_TEST_BATCH names the script; tests that need it are skipped without it, and our own
emulator runs the same kinds of run in tests/runs. `SCRIPT up FOLDER PORT` must serve AWS Batch,
EC2 and IAM on that port of 127.0.0.1 and exit, `SCRIPT down FOLDER` must stop it. moto's server
does, once it sets AWS_BATCH_JOB_ARRAY_INDEX, honours retry strategies and memory, and lets the
state of an array follow that of its children.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers.docker import Docker
from servers.ports import free_ports
from servers.seaweedfs import ACCESS_KEY, REGION, SECRET_KEY, ServerMissingError

SCRIPT = os.environ.get("DAYPART_TEST_BATCH")
QUEUE = "daypart-spot"
JOB_DEFINITION = "daypart"
_SECONDS_TO_START = 240.0


@dataclass(frozen=True)
class MotoBatch:
    """A running server: Batch, and what an account needs beside it."""

    endpoint: str

    def client(self, service: str):
        """Return a boto3 client of one of its services."""
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
        )

    def make_queue(self, image: str, environment: Mapping[str, str]) -> None:
        """Make a Spot queue and a job definition, by the names that the executor looks for."""
        iam, ec2, batch = (self.client(service) for service in ("iam", "ec2", "batch"))
        role = iam.create_role(RoleName="tests", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        made = iam.create_instance_profile(InstanceProfileName="tests")["InstanceProfile"]
        network = ec2.create_vpc(CidrBlock="172.30.0.0/24")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(CidrBlock="172.30.0.0/25", VpcId=network)["Subnet"]
        group = ec2.create_security_group(Description="tests", GroupName="tests", VpcId=network)
        batch.create_compute_environment(
            computeEnvironmentName=QUEUE,
            type="MANAGED",
            state="ENABLED",
            serviceRole=role,
            computeResources={
                "type": "SPOT",
                "allocationStrategy": "SPOT_CAPACITY_OPTIMIZED",
                "minvCpus": 0,
                "maxvCpus": 16,
                "instanceTypes": ["c5.large"],
                "subnets": [subnet["SubnetId"]],
                "securityGroupIds": [group["GroupId"]],
                "instanceRole": made["Arn"],
            },
        )
        order = [{"order": 1, "computeEnvironment": QUEUE}]
        batch.create_job_queue(
            jobQueueName=QUEUE, state="ENABLED", priority=1, computeEnvironmentOrder=order
        )
        batch.register_job_definition(
            jobDefinitionName=JOB_DEFINITION,
            type="container",
            containerProperties={
                "image": image,
                "command": ["true"],
                "resourceRequirements": [
                    {"type": "VCPU", "value": "1"},
                    {"type": "MEMORY", "value": "500"},
                ],
                "environment": [{"name": n, "value": v} for n, v in environment.items()],
            },
        )

    def jobs(self, run: str) -> list[dict]:
        """Return the parents and plain jobs of a run, as DescribeJobs lists them, oldest first."""
        batch = self.client("batch")
        states = ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED"]
        listed = [
            job["jobId"]
            for state in states
            for job in batch.list_jobs(jobQueue=QUEUE, jobStatus=state)["jobSummaryList"]
        ]
        parents = sorted({each.partition(":")[0] for each in listed})
        found = batch.describe_jobs(jobs=parents)["jobs"] if parents else []
        own = [each for each in found if run in each["container"]["command"]]
        return sorted(own, key=lambda each: each["createdAt"])

    def children(self, job: dict) -> list[dict]:
        """Return a job's children in their order; of a plain job, itself."""
        size = job.get("arrayProperties", {}).get("size", 0)
        ids = [f"{job['jobId']}:{index}" for index in range(size)] or [job["jobId"]]
        return self.client("batch").describe_jobs(jobs=ids)["jobs"]


@contextmanager
def running_moto(docker: Docker) -> Iterator[MotoBatch]:
    """Start the server, its containers by a Docker daemon; stop it and remove its files."""
    if SCRIPT is None:
        raise ServerMissingError("DAYPART_TEST_BATCH does not name a script that starts one")
    script = str(Path(SCRIPT).resolve())
    folder = Path(tempfile.mkdtemp(prefix="daypart-moto-"))
    (port,) = free_ports(1)
    environment = {
        **os.environ,
        "DOCKER_HOST": f"unix://{docker.socket}",
        "BATCH_MAX_CONCURRENT": "4",
        "BATCH_STOP_GRACE": "20",
    }
    try:
        with (folder / "up.log").open("wb") as log:
            done = subprocess.run(
                [script, "up", str(folder), str(port)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=_SECONDS_TO_START,
                check=False,
            )
        server = MotoBatch(f"http://127.0.0.1:{port}")
        if done.returncode or not _answers(server):
            tails = [
                path.read_text(errors="replace")[-800:] for path in sorted(folder.glob("*.log"))
            ]
            raise ServerMissingError(f"{script} did not start AWS Batch: {' '.join(tails)}")
        yield server
    except subprocess.TimeoutExpired:
        raise ServerMissingError(f"{script} took over {_SECONDS_TO_START:.0f} s") from None
    finally:
        subprocess.run([script, "down", str(folder)], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(server: MotoBatch) -> bool:
    try:
        return server.client("batch").describe_job_queues()["jobQueues"] == []
    except Exception:
        return False
