"""Fixtures of the tests of containers: an image with models of the tests, and an AWS Batch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from servers.moto_batch import running_moto
from servers.seaweedfs import ServerMissingError

MODELS = Path(__file__).parent.parent / "engine"
sys.path.insert(0, str(MODELS))


@pytest.fixture(scope="session")
def image_with_models(docker, image):
    """The project's image with two models of a user in it."""
    found = docker.run(
        "run", "--rm", image, "python", "-c", "import sysconfig as s; print(s.get_path('purelib'))"
    )
    name = docker.run("create", image).stdout.strip()
    for file in ("poisson_model.py", "misbehaving_model.py"):
        docker.run("cp", str(MODELS / file), f"{name}:{found.stdout.strip()}/")
    docker.run("commit", name, "daypart:models")
    docker.run("rm", name)
    return "daypart:models"


@pytest.fixture(scope="module")
def moto_batch(docker, s3_server, image_with_models):
    """An AWS Batch whose children are containers that reach the S3 server."""
    try:
        with running_moto(docker) as server:
            server.make_queue(image_with_models, s3_server.environment())
            yield server
    except ServerMissingError as error:
        pytest.skip(f"no AWS Batch: {error}")
