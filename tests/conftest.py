"""Servers that tests of any room may ask for; each is started once for all that need it."""

from __future__ import annotations

import uuid

import pytest

from servers.seaweedfs import ServerMissingError, running_s3


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
    """The URI of an empty bucket, with the environment that reaches it."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    return s3_server.make_bucket(f"tests-{uuid.uuid4().hex[:12]}")
