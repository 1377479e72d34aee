"""Fixtures for the tests of all packages: servers, each started once for all tests that need it."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import hypothesis
import pytest

from servers.docker import running_docker
from servers.seaweedfs import ServerMissingError, running_s3
from servers.slurm import running_slurm

# A busy machine may pause in any example. Code that must be fast has a test of its own.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Fail tests whose server does not start where DAYPART_TEST_SERVERS=required, as in CI.

    A test with a `skipif` whose condition holds (a setting that names a server) is skipped.
    """
    outcome = yield
    report = outcome.get_result()
    required = os.environ.get("DAYPART_TEST_SERVERS") == "required"
    known = any(any(mark.args) for mark in item.iter_markers("skipif"))
    if required and report.skipped and item.get_closest_marker("server") and not known:
        report.outcome = "failed"
        report.longrepr = f"DAYPART_TEST_SERVERS=required, and {report.longrepr[2]}"


@pytest.fixture(scope="session")
def s3_server():
    """An S3 server that checks signatures; mark tests that use it with `server`."""
    try:
        with running_s3() as server:
            yield server
    except ServerMissingError as error:
        pytest.skip(f"no S3 server: {error}")


@pytest.fixture
def bucket(s3_server, monkeypatch):
    """The URI of an empty bucket; environment variables give access to it."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    return s3_server.make_bucket(f"tests-{uuid.uuid4().hex[:12]}")


@pytest.fixture(scope="session")
def docker():
    """A Docker daemon; mark tests that use it with `server`.

    DAYPART_TEST_DOCKER_DATA names a folder that keeps images from one session to the next.
    """
    kept = os.environ.get("DAYPART_TEST_DOCKER_DATA")
    try:
        with running_docker(Path(kept) if kept else None) as daemon:
            yield daemon
    except ServerMissingError as error:
        pytest.skip(f"no Docker: {error}")


@pytest.fixture(scope="session")
def slurm_cluster():
    """A Slurm cluster on this machine; mark tests that use it with `server`."""
    try:
        with running_slurm() as cluster:
            yield cluster
    except ServerMissingError as error:
        pytest.skip(f"no Slurm: {error}")


@pytest.fixture
def slurm(slurm_cluster, monkeypatch):
    """The cluster; environment variables give access to it."""
    for name, value in slurm_cluster.environment().items():
        monkeypatch.setenv(name, value)
    return slurm_cluster


@pytest.fixture(scope="session")
def image(docker):
    """The project's image, built as `make image` builds it."""
    docker.build("daypart:test")
    return "daypart:test"
